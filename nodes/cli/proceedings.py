"""How `accord ledger session` shows a session: rows, signed messages, what they show together, and what they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final

import click
import numpy as np

from nodes.cli.output import moment, print_json
from nodes.fields import LATEST_MS
from nodes.proceedings import Comparison, Proceedings
from protocol.account import Account, account_of
from protocol.errors import ProtocolError
from protocol.evidence import Examined, KeyOf, Said, cells_named, told_counts
from protocol.examination import Examination
from protocol.messages import Accept, Cells, Decryption, Opening
from protocol.transcript import digest

NEVER: Final = (
    "what the lists held, or whether they were true and complete: identifiers never enter a ledger",
    "shared identifiers, and sums and totals under encryption: their proofs were checked when they came, and are gone",
    "when a message was signed: a row has the time of its agency's own clock",
    "that a message which nobody kept was never sent, or that rows were not cut off at the end: only a head noted "
    "elsewhere does (`accord ledger verify --expect-head`)",
    "who sat at the keyboard: a key is an agency's, the operator's name is that agency's word",
)
_SIGNED: Final = {
    KeyOf.PARTNER_FILE: "verifies under the key of its partner file",
    KeyOf.ENVELOPE: "verifies under the envelope's key, which no partner file confirms",
    KeyOf.UNKNOWN: "not verified",
}
_OF_ALL_ROWS: Final = frozenset({"agency", "event", "evidence", "previous", "sequence", "session", "time_ms"})
_SHOWN_BYTES: Final = 8  # of a digest or key; --json has all


def print_proceedings(ledgers: Sequence[Proceedings], compared: Comparison) -> None:
    """Print it for people."""
    found = {one.said: one for one in compared.together.messages}
    click.echo(f"session {ledgers[0].session}")
    printed: set[Said] = set()
    for ledger in ledgers:
        how = "every row verifies with its partner file" if ledger.verified else "rows not verified: no partner file"
        click.echo(f"\nLedger of {ledger.agency}: {how}")
        before: Mapping[str, Any] = {}
        for row, kept in zip(ledger.rows, ledger.kept, strict=True):
            click.echo(f"\nrow {_line(row.get('sequence'))}  {_when(row.get('time_ms'))}  {_line(row.get('event'))}")
            changed = {k: v for k, v in row.items() if k not in _OF_ALL_ROWS and before.get(k) != v}
            _print_facts(changed, 2)
            before = row
            for said in kept:
                _print_message(found[said], compared.together, again=said in printed)
                printed.add(said)
    account = account_of(compared.together)
    _print_list("Shown by signatures", account.shown)
    _print_list("How it ended", [*account.ended, *_endings(ledgers)])
    _print_list("Missing", _missing(ledgers, compared, account) or ["nothing"])
    if len(ledgers) > 1:
        _print_list("Held by", _held(compared))
    _print_list("Wrong", compared.contradictions)
    _print_list("What no ledger shows", NEVER)


def print_proceedings_json(ledgers: Sequence[Proceedings], compared: Comparison) -> None:
    """Print all of it as one JSON value, with every signed message byte for byte."""
    account = account_of(compared.together)
    ctx = compared.together.ctx
    print_json(
        {
            "session": ledgers[0].session,
            "ctx": ctx.hex() if ctx is not None else None,
            "ledgers": [
                {"agency": one.agency, "rows_verified": one.verified, "rows": list(one.rows)} for one in ledgers
            ],
            "messages": [
                {
                    "name": one.name,
                    "sender": one.said.sender,
                    "type": one.said.packet.type.name.lower(),
                    "digest": digest(one.said.packet).hex(),
                    "ledgers": list(compared.holders[one.said]),
                    "key": one.key.value,
                    "connects": one.connects,
                    "lacks": one.lacks,
                    "error": None if one.error is None else {"code": one.error.code, "message": str(one.error)},
                    "content": None if one.message is None else _content(one.message),
                    **_told(one, compared.together),
                    "payload": one.said.packet.payload.hex(),
                    "signature": one.said.packet.signature.hex(),
                }
                for one in compared.together.messages
            ],
            "shown": list(account.shown),
            "ended": [*account.ended, *_endings(ledgers)],
            "missing": _missing(ledgers, compared, account),
            "contradictions": list(compared.contradictions),
            "never": list(NEVER),
        }
    )


def _print_message(one: Examined, session: Examination, *, again: bool) -> None:
    click.echo(f"\n  {one.name} of {_line(one.said.sender)}{', as above' if again else ''}")
    if again:
        return
    found = {"signature": _SIGNED[one.key]}
    if one.error is not None:
        found["WRONG"] = f"{one.error} [{one.error.code}]"
    else:
        found["place"] = one.connects or f"not seen, for lack of {one.lacks}"
    said = _flat(one.message) if one.message is not None else ()
    _print_facts(found | dict(said) | _told(one, session), 4)


def _print_facts(facts: Mapping[str, Any], indent: int) -> None:
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
        click.echo(f"{' ' * indent}{name:<{width}}  {_line(text)}")


def _print_list(title: str, lines: Sequence[str]) -> None:
    if lines:
        click.echo(f"\n{title}:")
        for line in lines:
            click.echo(f"- {_line(line)}")


def _line(value: object) -> str:
    """As one line, whatever a file has put there."""
    text = str(value)
    return text if text.isprintable() else ascii(text)


def _endings(ledgers: Sequence[Proceedings]) -> list[str]:
    return [
        f"the ledger of {one.agency} says: {', '.join(str(row[key]) for key in ('event', 'reason') if key in row)}"
        for one in ledgers
        if (row := one.last) is not None
    ]


def _missing(ledgers: Sequence[Proceedings], compared: Comparison, account: Account) -> list[str]:
    """What is not there, and what could not be seen without it."""
    open_rows = [
        f"the row of {one.agency} that says how it ended: it is under way, or rows were cut off"
        for one in ledgers
        if one.last is None
    ]
    unseen = [
        f"{one.lacks}, to place the {one.name} of {one.said.sender}" for one in compared.together.messages if one.lacks
    ]
    return [*account.missing, *open_rows, *dict.fromkeys(unseen)]


def _held(compared: Comparison) -> list[str]:
    by: dict[tuple[str, ...], list[str]] = {}
    for one in compared.together.messages:
        by.setdefault(compared.holders[one.said], []).append(f"{one.name} of {one.said.sender}")
    return [f"{' and '.join(agencies)}, alike: {', '.join(names)}" if len(agencies) > 1
            else f"{agencies[0]} alone: {', '.join(names)}" for agencies, names in by.items()]  # fmt: skip


def _told(one: Examined, session: Examination) -> dict[str, Any]:
    """What figures a message tells in the clear, and which cells of a total would be opened."""
    envelope, message = session.envelope, one.message
    if envelope is None or not one.stands:
        return {}
    try:
        match message:
            case Cells():
                accepts = (m.message for m in session.messages if m.stands and m.said.sender == one.said.sender)
                accept = next(m for m in accepts if isinstance(m, Accept))
                counts = told_counts(envelope, accept, message).items()
                return {"told": [f"{name or 'all'}: {'suppressed' if n is None else n}" for name, n in counts]}
            case Opening():
                return {"opens": [name or "all" for name in cells_named(envelope, message)]}
            case Decryption():
                return {"told": np.frombuffer(message.figures, "<i8").tolist()}
    except (ProtocolError, StopIteration, ValueError):
        return {}
    return {}


def _flat(message: object, path: str = "") -> Iterator[tuple[str, object]]:
    """The fields of a message that are not empty, for people; of what is in them, with the way there."""
    for field in fields(message):  # type: ignore[arg-type]
        value = getattr(message, field.name)
        name = f"{path}{field.name}"
        if is_dataclass(value):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            for number, entry in enumerate(value, 1):
                yield f"{name} {number}", ", ".join(f"{key} {text}" for key, text in _flat(entry))
        elif value not in ((), "", b"", 0, None):
            yield name, _shown(field.name, value)


def _shown(name: str, value: object) -> object:
    if isinstance(value, tuple):
        return ", ".join(str(_shown(name, one)) for one in value)
    if isinstance(value, bytes):
        return f"{value[:_SHOWN_BYTES].hex()}... ({len(value)} bytes)"
    return _when(value) if name.endswith("_ms") else value


def _when(time_ms: object) -> str:
    """A time; what a file has in place of one, as it is."""
    return moment(time_ms) if isinstance(time_ms, int) and 0 <= time_ms <= LATEST_MS else _line(time_ms)


def _content(value: Any) -> Any:
    """A message as JSON, bytes in hexadecimal."""
    if is_dataclass(value):
        return {field.name: _content(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_content(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value
