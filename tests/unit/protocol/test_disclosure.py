"""What each side learns: one source, complete, equal to the threat model, and true of what sessions really send."""

from __future__ import annotations

from pathlib import Path

import pytest

import protocol
from protocol.codec import decode_packet
from protocol.disclosure import DISCLOSURES, Adversary, Learner, as_markdown
from protocol.messages import PacketType
from protocol.vocabulary import REVEALED, Query, Reveals, Variant
from tests.sim.host import Simulation, question

THREAT_MODEL = Path(protocol.__file__).parents[1] / "docs" / "threat-model.md"
MINE = {"passport": [b"a", b"b", b"c"], "iban": [b"x"]}
THEIRS = {"passport": [b"b", b"c", b"d", b"e"], "iban": []}


def learned(reveals: Reveals, learner: Learner) -> str:
    found = DISCLOSURES[Variant.FRESH_KEYS, reveals].statements
    return "; ".join(s.learns for s in found if s.learner is learner)


def test_the_threat_model_shows_the_table() -> None:
    text = THREAT_MODEL.read_text(encoding="utf-8")
    _, _, rest = text.partition("<!-- disclosure -->\n")
    shown, _, _ = rest.partition("<!-- /disclosure -->")
    assert shown == as_markdown(), "paste protocol.disclosure.as_markdown() between the marks"


@pytest.mark.parametrize("asked", DISCLOSURES)
def test_every_question_says_what_everybody_learns(asked: tuple[Variant, Reveals]) -> None:
    disclosure = DISCLOSURES[asked]
    other = Learner.CONTRIBUTOR if asked[1] is Reveals.TOTALS else Learner.RESPONDER
    assert {s.learner for s in disclosure.statements} == {Learner.REQUESTER, other, Learner.NETWORK}
    assert len(set(disclosure.statements)) == len(disclosure.statements)
    assert disclosure.caveats
    for statement in disclosure.statements:
        assert statement.learns and statement.assumption and statement.adversary in Adversary
        assert "|" not in statement.learns + statement.assumption, "it stands in a table"


def test_every_kind_of_answer_is_there_and_an_epoch_says_what_it_adds() -> None:
    fresh_keys = {reveals for variant, reveals in DISCLOSURES if variant is Variant.FRESH_KEYS}
    assert fresh_keys == {*REVEALED[Query.INTERSECT], Reveals.COUNT, Reveals.SUMS, Reveals.TOTALS}
    assert {variant for variant, _ in DISCLOSURES} == set(Variant)
    fresh = DISCLOSURES[Variant.FRESH_KEYS, Reveals.SHARED_IDENTIFIERS]
    epoch = DISCLOSURES[Variant.EPOCH_KEY, Reveals.SHARED_IDENTIFIERS]
    assert [s.learner for s in epoch.statements if s not in fresh.statements] == [Learner.REQUESTER] * 2
    assert [caveat for caveat in epoch.caveats if "standing watch" in caveat and caveat not in fresh.caveats]


@pytest.mark.parametrize("reveals", REVEALED[Query.INTERSECT])
def test_statements_follow_what_the_sessions_do(reveals: Reveals) -> None:
    """A real session: who gets rows, sizes, notes and tags is what the table says."""
    ask = question({kind: len(values) for kind, values in MINE.items()}, reveals=reveals)
    session = Simulation.of(MINE, THEIRS, ask=ask).run()
    assert session.errors() == (None, None)
    assert session.rows() == [[1, 2], []]
    answers = session.requester.done, session.responder.done
    assert answers[0] is not None and answers[1] is not None

    requester, responder = (learned(reveals, learner) for learner in (Learner.REQUESTER, Learner.RESPONDER))
    assert "which of the identifiers that it asked about are held" in requester
    assert "how many identifiers of each kind the responder holds" in requester
    assert answers[0].result.partner_sizes == (4, 0)  # type: ignore[union-attr]
    assert "how many identifiers of each kind it is asked about" in responder

    responder_answered = hasattr(answers[1].result, "rows")
    assert responder_answered == ("which of the identifiers that it holds it was asked about" in responder)
    assert responder_answered != ("nor whether any is shared" in responder)
    assert any(answers[0].result.notes) == ("the responder's note" in requester)  # type: ignore[union-attr]
    assert any(getattr(answers[1].result, "notes", ())) == ("the requester's note" in responder)

    requester_sends_tags = PacketType.TAGS in session.requester.sent
    assert requester_sends_tags == any(
        "sends its tags first" in c for c in DISCLOSURES[Variant.FRESH_KEYS, reveals].caveats
    )
    if requester_sends_tags:
        senders = [role for role, packet in session.trace if decode_packet(packet).type is PacketType.TAGS]
        assert senders[0] == "requester"
