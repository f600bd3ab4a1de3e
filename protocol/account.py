"""What the signed messages of a session show together, and which are missing, in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from protocol.evidence import Examined, KeyOf
from protocol.examination import Examination
from protocol.messages import Abort, Envelope, PacketType, Refusal, View
from protocol.totals.plan import Stage
from protocol.totals.rounds import ALL_CONTRIBUTIONS, ALL_COUNTS, named
from protocol.vocabulary import Query

_SHOWS: Final[Mapping[PacketType, str]] = MappingProxyType(
    {
        PacketType.ENVELOPE: "asked this, on this legal basis",
        PacketType.ACCEPT: "agreed to answer, on these terms, from records that it had committed to",
        PacketType.OPEN: "opened its coin",
        PacketType.KEY: "answered that opening with its keys",
        PacketType.CHECKPOINT: "said that it had sent and received so much",
        PacketType.RECEIPT: "said that it had received all that its receipt counts",
        PacketType.EPOCH: "opened this epoch, under these keys, for so long and so much",
        PacketType.RELEASE: "released so many tags",
        PacketType.CELLS: "told these figures",
        PacketType.PLEDGE: "committed itself to a contribution",
        PacketType.CONTRIBUTION: "contributed what it had pledged",
        PacketType.VIEW: "said that it had heard the same pledges and contributions of all",
        PacketType.OPENING: "would open these cells and no others",
        PacketType.SHARES: "opened its part of the cells that all would open",
        PacketType.DECRYPTION: "told these totals",
    }
)


@dataclass(frozen=True, slots=True)
class Account:
    """What the messages of a session show together.

    Args:
        ended: who refused or aborted, and why; empty where nobody did.
        shown: what they prove, in sentences.
        missing: messages that the session has had, or would have needed to go on, and that are not here.
    """

    ended: tuple[str, ...]
    shown: tuple[str, ...]
    missing: tuple[str, ...]


def account_of(examined: Examination) -> Account:
    """Sum up a session. Only what stands counts as shown or held."""
    stand = [one for one in examined.messages if one.stands]
    if examined.envelope is None:
        return Account((), (), ("envelope: without it, nobody can tell what was asked and whose keys these are",))
    ended = {one.said.sender: one for one in stand if isinstance(one.message, Refusal | Abort)}
    held = {(one.said.sender, one.name) for one in stand}
    steps = _steps(examined.envelope, {one.name for one in stand})
    last = max((number for number, step in enumerate(steps) if any(place in held for place in step)), default=0)
    needed = steps[: last + 1] if ended else steps
    missing = [place for step in needed for place in step if place not in held and place[0] not in ended]
    return Account(
        tuple(_ending(one) for one in ended.values()),
        tuple(_shown(one) for one in stand),
        tuple(f"{name} of {agency}" for agency, name in missing),
    )


def _ending(one: Examined) -> str:
    message = one.message
    if not isinstance(message, Refusal | Abort):
        return ""
    names = f", naming {', '.join(message.names)}" if isinstance(message, Abort) and message.names else ""
    return f"{one.said.sender} {'refused' if isinstance(message, Refusal) else 'aborted'}: {message.reason}{names}"


def _shown(one: Examined) -> str:
    whose = "" if one.key is KeyOf.PARTNER_FILE else " (by the envelope alone: give its partner file)"
    said = _SHOWS.get(one.said.packet.type, "took part in this very session")
    if isinstance(one.message, Refusal | Abort):
        said = _ending(one).removeprefix(f"{one.said.sender} ")
    if isinstance(one.message, View) and one.message.stage == ALL_COUNTS:
        said = "said that it had heard all openings and all shares of counts"
    return f"{one.said.sender} {said}{whose}: {one.name}"


def _steps(envelope: Envelope, seen: set[str]) -> list[list[tuple[str, str]]]:
    """Who signs what, step by step, in a session that goes well. Stages of a total that nobody began are none."""
    asks, *answer = [p.agency for p in envelope.participants]
    both, first, others = [asks, *answer], [asks], answer

    def step(agencies: Iterable[str], kind: PacketType, stage: int | None = None) -> list[tuple[str, str]]:
        return [(agency, named(kind, stage)) for agency in agencies]

    steps = [step(first, PacketType.ENVELOPE), step(others, PacketType.ACCEPT), step(first, PacketType.OPEN)]
    steps.append(step(others, PacketType.KEY))
    if envelope.query == Query.TOTALS:
        steps += [step(both, PacketType.PLEDGE), step(both, PacketType.CONTRIBUTION)]
        steps += [step(both, PacketType.VIEW, ALL_CONTRIBUTIONS), step(both, PacketType.OPENING, Stage.CONTRIBUTORS)]
        for stage in Stage:
            for kind in (PacketType.OPENING, PacketType.SHARES):
                if named(kind, stage) in seen and not (kind is PacketType.SHARES and stage is Stage.VALUES):
                    steps.append(step(both, kind, stage))
        steps.append(step(first, PacketType.VIEW, ALL_COUNTS))
        return steps
    if envelope.query == Query.EPOCH_SYNC:
        steps.append(step(others, PacketType.EPOCH))
        if seen & {named(PacketType.RELEASE), named(PacketType.CHECKPOINT)}:
            steps += [step(others, PacketType.RELEASE), step(first, PacketType.CHECKPOINT)]
    else:
        to_both = len(envelope.recipients) > 1
        steps.append(step(both if to_both else first, PacketType.CHECKPOINT))
    if envelope.query in (Query.COUNT, Query.SUM):
        steps.append(step(others, PacketType.CELLS))
    return [*steps, step(others, PacketType.RECEIPT), step(first, PacketType.RECEIPT)]
