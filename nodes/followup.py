"""Follow-up requests: what one agency asks another about confirmed hits, signed, to go through the legal channel.

A request names the session that found the hits, its legal basis, and for each hit the own references, who confirmed it
and why, and how the partner finds its record: by its own note where the answer carried one, else by the identifier
itself. docs/hits.md lists every field.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from nodes.config import AGENCY_ID, REALMS, Config
from nodes.errors import FollowUpError
from nodes.fields import LATEST_MS, MAX_FILE_BYTES, NAME, Fields, parse_json
from nodes.hits import MAX_ELEMENTS, Hit, Result
from nodes.identity import Signer, verify_signature
from nodes.signed_file import SignedFile, canonical_json, read_signed, write_signed
from nodes.verdicts import MAX_NOTE_BYTES, MAX_ROW, REASONS, Decision, Verdict
from protocol.dsse import pre_authentication_encoding
from protocol.identifiers import KINDS
from protocol.messages import LegalBasis

PAYLOAD_TYPE: Final = "application/vnd.accord.v1.follow-up+json"
MAX_HITS: Final = 1_000
MAX_REFERENCES: Final = 65_536  # of one hit; the file's size bounds all together
MAX_IDENTIFIER_BYTES: Final = 65_535  # RFC 9497, section 1.2
SESSION: Final = re.compile(r"[0-9a-f]{32}")
DIGEST: Final = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True, slots=True)
class FollowUpHit:
    """One confirmed hit. Exactly one of `partner_note` and `identifier` is set."""

    number: int
    kind: str
    own_references: tuple[str, ...]
    partner_note: str
    identifier: str
    confirmed_by: str
    confirmed_ms: int
    reason: str
    note: str
    ledger_row: int


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The content of a request.

    Args:
        sender, recipient: agency ids; asked_by: the one of them that asked the question.
        session, envelope_digest: of the question, in hexadecimal, as both ledgers have it.
        asked: data set of the agency that answered.
        made_ms, made_by: when and by which operator of the sender.
    """

    realm: str
    sender: str
    recipient: str
    asked_by: str
    session: str
    envelope_digest: str
    asked: str
    legal_basis: LegalBasis
    made_ms: int
    made_by: str
    hits: tuple[FollowUpHit, ...]


def make_follow_up(
    config: Config,
    result: Result,
    envelope_digest: str,
    hits: Sequence[Hit],
    decided: dict[int, Decision],
    operator: str,
    now_ms: int,
) -> FollowUp:
    """Put a request together from hits that `nodes.verdicts.check_confirmed` let through. Raises FollowUpError."""
    if not 1 <= len(hits) <= MAX_HITS:
        raise FollowUpError(f"expected 1 to {MAX_HITS} hits in a request, got {len(hits)}")
    return FollowUp(
        realm=config.realm,
        sender=config.agency_id,
        recipient=result.partner,
        asked_by=result.asked_by,
        session=result.session,
        envelope_digest=envelope_digest,
        asked=result.asked,
        legal_basis=result.legal_basis,
        made_ms=now_ms,
        made_by=operator,
        hits=tuple(_confirmed(hit, decided[hit.number]) for hit in hits),
    )


def _confirmed(hit: Hit, decision: Decision) -> FollowUpHit:
    return FollowUpHit(
        number=hit.number,
        kind=hit.kind,
        own_references=tuple(dict.fromkeys(reference for reference, _ in hit.records)),
        partner_note=hit.note or "",
        identifier="" if hit.note else hit.identifier,
        confirmed_by=decision.operator,
        confirmed_ms=decision.decided_ms,
        reason=decision.reason,
        note=decision.note,
        ledger_row=decision.ledger_row,
    )


def write_follow_up(request: FollowUp, signer: Signer) -> tuple[bytes, str]:
    """Sign a request. Returns: the file's bytes, and its fingerprint (64 hexadecimal digits).

    Raises:
        FollowUpError: too long a file, or text that its reader would refuse.
    """
    content = write_signed(PAYLOAD_TYPE, canonical_json({"version": 1, **as_json_fields(request)}), signer)
    return content, read_follow_up(content).fingerprint


def as_json_fields(request: FollowUp) -> dict[str, Any]:
    """Return the fields of a request; what is empty in a hit is left out."""
    hits = [{name: value for name, value in asdict(hit).items() if value != ""} for hit in request.hits]
    return {**asdict(request), "hits": hits}


@dataclass(frozen=True, slots=True)
class SignedFollowUp:
    """A request as it was read: nobody has vouched for it before `verify`."""

    request: FollowUp
    fingerprint: str
    _signed: SignedFile

    def verify(self, signing_key: bytes) -> None:
        """Verify the sender's signature; the key comes from its partner file. Raises FollowUpError."""
        signed = self._signed
        verify_signature(signing_key, PAYLOAD_TYPE, signed.payload, signed.signature, FollowUpError, "follow-up")


def read_follow_up(content: bytes) -> SignedFollowUp:
    """Parse a request. Raises FollowUpError."""
    signed = read_signed(content, PAYLOAD_TYPE, MAX_FILE_BYTES, FollowUpError, "follow-up")
    with parse_json(signed.payload, FollowUpError, "follow-up") as root:
        root.integer("version", 1, 1)
        with root.table("legal_basis") as basis:
            legal_basis = LegalBasis(**{field.name: basis.text(field.name) for field in fields(LegalBasis)})
        request = FollowUp(
            realm=root.choice("realm", REALMS),
            sender=root.text("sender", pattern=AGENCY_ID),
            recipient=root.text("recipient", pattern=AGENCY_ID),
            asked_by=root.text("asked_by", pattern=AGENCY_ID),
            session=root.text("session", pattern=SESSION),
            envelope_digest=root.text("envelope_digest", pattern=DIGEST),
            asked=root.text("asked", pattern=NAME),
            legal_basis=legal_basis,
            made_ms=root.integer("made_ms", 0, LATEST_MS),
            made_by=root.text("made_by", pattern=NAME),
            hits=tuple(_hit(entry) for entry in root.tables("hits", max_items=MAX_HITS)),
        )
        if not request.hits or not request.envelope_digest.startswith(request.session):
            raise root.fail("session", "the beginning of the envelope's digest, and hits", "something else")
        if request.sender == request.recipient or request.asked_by not in (request.sender, request.recipient):
            raise root.fail("asked_by", "one of two agencies", "another")
    fingerprint = hashlib.sha256(pre_authentication_encoding(PAYLOAD_TYPE, signed.payload)).hexdigest()
    return SignedFollowUp(request, fingerprint, signed)


def _hit(entry: Fields) -> FollowUpHit:
    with entry:
        by_note = "partner_note" in entry
        return FollowUpHit(
            number=entry.integer("number", 1, MAX_ELEMENTS),
            kind=entry.choice("kind", list(KINDS)),
            own_references=entry.texts("own_references", max_items=MAX_REFERENCES),
            partner_note=entry.text("partner_note") if by_note else "",
            identifier="" if by_note else entry.text("identifier", max_bytes=MAX_IDENTIFIER_BYTES),
            confirmed_by=entry.text("confirmed_by", pattern=NAME),
            confirmed_ms=entry.integer("confirmed_ms", 0, LATEST_MS),
            reason=entry.choice("reason", list(REASONS[Verdict.CONFIRMED])),
            note=entry.text("note", max_bytes=MAX_NOTE_BYTES) if "note" in entry else "",
            ledger_row=entry.integer("ledger_row", 1, MAX_ROW),
        )
