"""What each side learns from an answer: the one source of `accord query intersect --explain` and of the threat model.

Each statement is a limit: this, and no more. docs/protocol.md has the arguments behind them. The table in
docs/threat-model.md is `as_markdown()`; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

from protocol.vocabulary import REVEALED, Query, Reveals, Variant

T = TypeVar("T")


class Learner(StrEnum):
    """Whose knowledge a statement is about."""

    REQUESTER = "requester"
    RESPONDER = "responder"
    CONTRIBUTOR = "contributor"
    NETWORK = "network"


class Adversary(StrEnum):
    """The strongest learner that a limit holds against."""

    CURIOUS = "honest but curious"  # keeps to the protocol, and what it received
    MALICIOUS = "malicious"  # breaks every rule
    QUANTUM_LATER = "malicious, a quantum computer later"  # and keeps what it received for one


@dataclass(frozen=True, slots=True)
class Statement:
    """One limit on what somebody learns.

    Args:
        learner: who learns it.
        learns: what, in words that hold for any session.
        adversary: what the learner may do and the limit still stands.
        assumption: what the limit rests on.
    """

    learner: Learner
    learns: str
    adversary: Adversary
    assumption: str


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Everything that one kind of answer tells, and what no protocol prevents."""

    statements: tuple[Statement, ...]
    caveats: tuple[str, ...]


_TOLD: Final = "none: it is told"
_ONE_MORE: Final = "one-more gap Diffie-Hellman in ristretto255, SHA-512 as a random oracle"
_DDH: Final = "decisional Diffie-Hellman in ristretto255, SHA-512 as a random oracle"
_SHUFFLED: Final = f"{_DDH}, the proof of a shuffle"
_COMMITMENT: Final = "a commitment to the version of the other's list, which tells nothing without its salt"
_SEALED: Final = f"{_ONE_MORE}, ChaCha20-Poly1305"

_ASKED_AND_HELD: Final = Statement(
    Learner.REQUESTER, "which of the identifiers that it asked about are held too", Adversary.MALICIOUS, _ONE_MORE
)
_WATCHED: Final = Statement(
    Learner.REQUESTER,
    "which of the identifiers that it asked about since the epoch began are held, at each release until it ends",
    Adversary.MALICIOUS,
    _ONE_MORE,
)
_CHANGES: Final = Statement(
    Learner.REQUESTER,
    "how many identifiers of each kind a release adds and removes",
    Adversary.QUANTUM_LATER,
    _TOLD,
)
_SIZES_OF_RESPONDER: Final = Statement(
    Learner.REQUESTER, "how many identifiers of each kind the responder holds", Adversary.QUANTUM_LATER, _TOLD
)
_NOTES_OF_RESPONDER: Final = Statement(
    Learner.REQUESTER,
    "for each shared identifier the responder's note: whom to ask, and a reference of its record",
    Adversary.MALICIOUS,
    _SEALED,
)
_THE_QUESTION: Final = Statement(
    Learner.RESPONDER,
    "that it is asked, by which agency, operator and officer, in which case, on which legal basis",
    Adversary.QUANTUM_LATER,
    _TOLD,
)
_SIZES_OF_REQUESTER: Final = Statement(
    Learner.RESPONDER, "how many identifiers of each kind it is asked about", Adversary.QUANTUM_LATER, _TOLD
)
_NOTHING_ELSE: Final = Statement(
    Learner.RESPONDER,
    "not which identifiers these are, nor whether any is shared",
    Adversary.QUANTUM_LATER,
    "HKDF-SHA-512 and ChaCha20 pseudorandom",
)
_HELD_AND_ASKED: Final = Statement(
    Learner.RESPONDER, "which of the identifiers that it holds it was asked about", Adversary.MALICIOUS, _ONE_MORE
)
_NOTES_OF_REQUESTER: Final = Statement(
    Learner.RESPONDER,
    "for each shared identifier the requester's note: whom to ask, and a reference of its record",
    Adversary.MALICIOUS,
    _SEALED,
)
_COUNTED: Final = Statement(
    Learner.REQUESTER,
    "how many of the identifiers that it asked about are held too, as closely as the responder's terms tell it, and "
    "not at all below the minimum",
    Adversary.MALICIOUS,
    _SHUFFLED,
)
_SUMMED: Final = Statement(
    Learner.REQUESTER,
    "of each category how many of the identifiers that it asked about are held too and what their values sum up to, as "
    "closely as the responder's terms tell it, and nothing of a suppressed category",
    Adversary.MALICIOUS,
    f"{_SHUFFLED}, proofs of partial decryption",
)
_EXACTLY_COUNTED: Final = Statement(
    Learner.RESPONDER,
    "exactly how many of the identifiers of each kind are shared, whatever it tells",
    Adversary.CURIOUS,
    _DDH,
)
_EXACTLY_COUNTED_BY_CATEGORY: Final = Statement(
    Learner.RESPONDER,
    "exactly how many of the identifiers of each kind are shared, and how many of each category, whatever it tells",
    Adversary.CURIOUS,
    _DDH,
)
_MATCHED: Final = Statement(
    Learner.RESPONDER,
    "which of the identifiers that it holds it was asked about, if it breaks the protocol",
    Adversary.MALICIOUS,
    _DDH,
)
_COMMITMENT_OF_RESPONDER: Final = Statement(
    Learner.REQUESTER, _COMMITMENT, Adversary.QUANTUM_LATER, "SHA-512 as a random oracle"
)
_COMMITMENT_OF_REQUESTER: Final = Statement(
    Learner.RESPONDER, _COMMITMENT, Adversary.QUANTUM_LATER, "SHA-512 as a random oracle"
)
_TRAFFIC: Final = Statement(
    Learner.NETWORK,
    "that the two nodes talked, when, and from the volume the sizes in all",
    Adversary.MALICIOUS,
    "TLS 1.3, both certificates pinned",
)

_LEADS: Final = (
    "The responder can leave out or invent identifiers, and nobody can tell: a hit is a lead, never an identity."
)
_LEADS_BOTH: Final = "Each side can leave out or invent identifiers, and nobody can tell: a hit is a lead."
_CHOICE: Final = (
    "The requester chooses whom it asks about: rules, budget and both ledgers limit that, mathematics does not."
)
_GROWTH: Final = "The sizes of two sessions show how the lists grew or shrank in between."
_WATCH: Final = (
    "In an epoch one evaluation is a standing watch on its identifier: every release shows whether it came "
    "or went, and charges all earlier evaluations again."
)
_LATER: Final = (
    "Whoever receives tags and keeps them could try identifiers on them with a quantum computer later: the responder "
    "sends tags, and where the answer goes to both, the requester too."
)
_FIRST: Final = (
    "The requester sends its tags first: a responder that stops then has the answer alone. Both ledgers show it."
)
_FIGURES: Final = (
    "The responder can leave out or invent identifiers and values, and nobody can tell: a figure is as good as the "
    "records behind it."
)
_SINGLED_OUT: Final = (
    "The requester chooses its list: with persons of whom it knows that they are shared, or by two questions that "
    "differ by one, it singles somebody out. Only noise, limits on exact answers and the budget stand against that."
)
_NO_BETTER: Final = (
    "A responder that breaks the protocol learns which of its identifiers are shared: towards such a one a count or a "
    "sum is no better than an answer to both."
)
_PERSONS: Final = (
    "A person with several identifiers counts up to the agreed number of times, as far as the responder's records know "
    "persons; the requester cannot check that, nor that noise was added."
)
_DOMINANCE: Final = (
    "A minimum does not hide that one account makes up most of a total: a value is clipped to the declared range, and "
    "that is all."
)
_LATER_BOTH: Final = (
    "Whoever keeps what it received in a count or a sum could try identifiers on it with a quantum computer later: "
    "both sides send their identifiers masked with one number."
)
_JOINT: Final = f"{_DDH}, proofs of possession, knowledge, range and partial decryption"
_TOTALLED: Final = Statement(
    Learner.REQUESTER,
    "of each category how many participants contribute, and where these are three or more and all agree, how many "
    "records they have together and what these sum up to, as closely as each one's terms tell it",
    Adversary.MALICIOUS,
    _JOINT,
)
_COUNTED_TOGETHER: Final = Statement(
    Learner.CONTRIBUTOR,
    "of each category how many participants contribute, and where these are three or more and all agree, how many "
    "records they have together; the sums only if they are for all",
    Adversary.MALICIOUS,
    _JOINT,
)
_TOTAL_ASKED: Final = Statement(
    Learner.CONTRIBUTOR,
    "that it is asked, by which agency, operator and officer, in which case, on which legal basis, and who else takes "
    "part, on which terms, and who of them refuses, fails or is not heard",
    Adversary.QUANTUM_LATER,
    _TOLD,
)
_TERMS_TOLD: Final = Statement(
    Learner.REQUESTER, "on which terms each participant contributes", Adversary.QUANTUM_LATER, _TOLD
)
_COMMITMENT_OF_OTHERS: Final = Statement(
    Learner.CONTRIBUTOR, _COMMITMENT, Adversary.QUANTUM_LATER, "SHA-512 as a random oracle"
)
_STAR: Final = Statement(
    Learner.NETWORK,
    "that these nodes talked, when, and from the volume how many categories there are",
    Adversary.MALICIOUS,
    "TLS 1.3, both certificates pinned",
)
_MASKED: Final = "Diffie-Hellman on Curve25519, HKDF-SHA-512 and ChaCha20 pseudorandom, SHA-512 as a random oracle"
_MASKED_AND_SEALED: Final = f"{_MASKED}, decisional composite residuosity"
_TOGETHER: Final = "of a category that all open, at most what the others have together, if it breaks the protocol"
_TOTALLED_UNDER_MASKS: Final = replace(_TOTALLED, adversary=Adversary.CURIOUS, assumption=_MASKED)
_REST_TO_REQUESTER: Final = Statement(Learner.REQUESTER, _TOGETHER, Adversary.MALICIOUS, _MASKED)
_COUNTED_UNDER_MASKS: Final = replace(_COUNTED_TOGETHER, adversary=Adversary.CURIOUS, assumption=_MASKED_AND_SEALED)
_REST_TO_CONTRIBUTOR: Final = Statement(Learner.CONTRIBUTOR, _TOGETHER, Adversary.MALICIOUS, _MASKED_AND_SEALED)
_FALSE_FIGURES: Final = (
    "Each participant can contribute false figures within the bounds, and nobody can tell: a total is as good as the "
    "records behind it."
)
_LAST_ONE: Final = (
    "All participants but one together learn the last one's figures by subtraction, and fewer learn what the others "
    "have together."
)
_SECOND_RUN: Final = (
    "Two totals that differ by a participant or by a few records tell the difference: nodes refuse the second for a "
    "stated time, each for itself."
)
_UNFAIR: Final = (
    "Whoever stops in between may have seen counts, and sums where these are for all, that others have not. How many "
    "contribute to a category is told without noise, and is in no budget."
)
_LATER_ALL: Final = (
    "Every participant keeps every contribution, encrypted: with a quantum computer later it could read them one by "
    "one."
)
_UNBOUNDED: Final = (
    "Nothing proves that a figure is within its bounds: one participant can shift a total at will, or have a category "
    "opened to which fewer than three contribute, and nobody can tell who did."
)
_LATER_OPENED: Final = (
    "Every participant keeps what was shown of counts, the requester of values too, encrypted: with a quantum computer "
    "later it could read each part of what was opened."
)


def _totals() -> Disclosure:
    contributor = (_TOTAL_ASKED, _COUNTED_TOGETHER, _COMMITMENT_OF_OTHERS)
    caveats = (_FALSE_FIGURES, _LAST_ONE, _SECOND_RUN, _UNFAIR, _LATER_ALL)
    return Disclosure((_TOTALLED, _TERMS_TOLD, _COMMITMENT_OF_RESPONDER, *contributor, _STAR), caveats)


def _totals_under_paillier() -> Disclosure:
    requester = (_TOTALLED_UNDER_MASKS, _REST_TO_REQUESTER, _TERMS_TOLD, _COMMITMENT_OF_RESPONDER)
    contributor = (_TOTAL_ASKED, _COUNTED_UNDER_MASKS, _REST_TO_CONTRIBUTOR, _COMMITMENT_OF_OTHERS)
    caveats = (_UNBOUNDED, _LAST_ONE, _SECOND_RUN, _UNFAIR, _LATER_OPENED)
    return Disclosure((*requester, *contributor, _STAR), caveats)


def _figures(reveals: Reveals) -> Disclosure:
    sums = reveals is Reveals.SUMS
    requester = (_SUMMED if sums else _COUNTED, _SIZES_OF_RESPONDER, _COMMITMENT_OF_RESPONDER)
    exactly = _EXACTLY_COUNTED_BY_CATEGORY if sums else _EXACTLY_COUNTED
    responder = (_THE_QUESTION, _SIZES_OF_REQUESTER, exactly, _MATCHED, _COMMITMENT_OF_REQUESTER)
    caveats = (_FIGURES, _SINGLED_OUT, _NO_BETTER, _PERSONS, *((_DOMINANCE,) if sums else ()), _GROWTH, _LATER_BOTH)
    return Disclosure((*requester, *responder, _TRAFFIC), caveats)


def _disclosure(variant: Variant, reveals: Reveals) -> Disclosure:
    to_both, with_notes, epoch = reveals.to_both, reveals.with_notes, variant is Variant.EPOCH_KEY
    requester = [_WATCHED if epoch else _ASKED_AND_HELD, *([_NOTES_OF_RESPONDER] if with_notes else [])]
    requester += [_SIZES_OF_RESPONDER, *([_CHANGES] if epoch else [])]
    responder = [_THE_QUESTION, _SIZES_OF_REQUESTER, _HELD_AND_ASKED if to_both else _NOTHING_ELSE]
    responder += [_NOTES_OF_REQUESTER] if to_both and with_notes else []
    statements = (*requester, _COMMITMENT_OF_RESPONDER, *responder, _COMMITMENT_OF_REQUESTER, _TRAFFIC)
    caveats = (_LEADS_BOTH, _FIRST) if to_both else (_LEADS,)
    return Disclosure(statements, (*caveats, *([_WATCH] if epoch else []), _CHOICE, _GROWTH, _LATER))


# Every question that the protocol knows.
DISCLOSURES: Final[Mapping[tuple[Variant, Reveals], Disclosure]] = MappingProxyType(
    {
        question: _disclosure(*question)
        for question in (
            *((Variant.FRESH_KEYS, reveals) for reveals in REVEALED[Query.INTERSECT]),
            (Variant.EPOCH_KEY, Reveals.SHARED_IDENTIFIERS),
        )
    }
    | {(Variant.FRESH_KEYS, reveals): _figures(reveals) for reveals in (Reveals.COUNT, Reveals.SUMS)}
    | {(Variant.FRESH_KEYS, Reveals.TOTALS): _totals(), (Variant.PAILLIER, Reveals.TOTALS): _totals_under_paillier()}
)


def as_markdown() -> str:
    """Return the table of docs/threat-model.md: each statement once, with the answers that it belongs to."""
    statements = _distinct(s for disclosure in DISCLOSURES.values() for s in disclosure.statements)
    caveats = _distinct(c for disclosure in DISCLOSURES.values() for c in disclosure.caveats)
    lines = [
        "| who | learns at most | even if | rests on | in answers |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {s.learner} | {s.learns} | {s.adversary} | {s.assumption} | "
            f"{_questions(q for q, d in DISCLOSURES.items() if s in d.statements)} |"
            for s in sorted(statements, key=lambda s: list(Learner).index(s.learner))
        ),
        "",
        "What no protocol prevents:",
        "",
        *(f"- {c} ({_questions(q for q, d in DISCLOSURES.items() if c in d.caveats)})" for c in caveats),
        "",
    ]
    return "\n".join(lines)


def _distinct(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _questions(found: Iterable[tuple[Variant, Reveals]]) -> str:
    questions = list(found)
    if len(questions) == len(DISCLOSURES):
        return "all"
    if {question for question in DISCLOSURES if question[1] is not Reveals.TOTALS} == set(questions):
        return "all between two"
    if all(question in questions for question in DISCLOSURES if question[0] is Variant.FRESH_KEYS):
        return "all with fresh keys"
    others = {Variant.EPOCH_KEY: "in an epoch", Variant.PAILLIER: "`totals` under Paillier"}
    return ", ".join(others.get(variant, f"`{reveals}`") for variant, reveals in questions)
