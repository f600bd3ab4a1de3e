"""Every way a session can go wrong, each with its own code.

Messages say what was expected and what was got. They never contain an identifier, a tag, a key or an element.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """Why a node refused or aborted, as told to the partner.

    Every reason that depends on the responder's data or rules is `POLICY`: a refusal must not say which.
    """

    POLICY = "policy"
    BUSY = "busy"
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    EXPIRED = "expired"
    REPLAYED = "replayed"
    UNSUPPORTED = "unsupported"
    REALM = "realm-mismatch"
    PROFILE = "profile-mismatch"
    OUTDATED = "outdated"
    VIOLATION = "protocol-violation"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"
    NOT_HEARD = "not-heard"
    VIEWS_DIFFER = "views-differ"
    SHUTTING_DOWN = "shutting-down"
    STORAGE = "storage"
    INTERNAL = "internal"
    CANNOT_RESUME = "cannot-resume"


class ProtocolError(Exception):
    """Root of all protocol errors."""

    code: ClassVar[str] = "protocol-error"
    reason: Reason = Reason.VIOLATION  # what the partner is told
    names: tuple[str, ...] = ()  # in a total: the participants whose failure, silence or refusal it is about


class MalformedPacketError(ProtocolError):
    """Bytes that are not a packet, or fields that its type does not allow."""

    code = "malformed-packet"


class NonCanonicalEncodingError(ProtocolError):
    """An unknown field, a repeated scalar, or an encoding that is not the canonical one."""

    code = "non-canonical-encoding"


class UnexpectedPacketError(ProtocolError):
    """A packet type that the session does not expect now."""

    code = "unexpected-packet"


class SignatureError(ProtocolError):
    """A signature that does not verify under the partner's key."""

    code = "bad-signature"


class SigningKeyError(ProtocolError):
    """An Ed25519 public key that is not canonical or has small order."""

    code = "bad-signing-key"


class EnvelopeError(ProtocolError):
    """An envelope that breaks a rule of the protocol, whatever the policy."""

    code = "bad-envelope"
    reason = Reason.MALFORMED


class ExpiredEnvelopeError(ProtocolError):
    """An envelope outside its period, clock skew allowed for."""

    code = "expired-envelope"
    reason = Reason.EXPIRED


class UnsupportedError(ProtocolError):
    """A version, suite, query or variant that this node does not speak."""

    code = "unsupported"
    reason = Reason.UNSUPPORTED


class RealmError(ProtocolError):
    """Exercise and production never mix."""

    code = "realm-mismatch"
    reason = Reason.REALM


class ProfileError(ProtocolError):
    """The two sides do not canonicalize identifiers by the same profile."""

    code = "profile-mismatch"
    reason = Reason.PROFILE


class WrongReferenceError(ProtocolError):
    """A message that belongs to another session or to another point of this one."""

    code = "wrong-reference"


class CommitmentError(ProtocolError):
    """A value that does not open its commitment."""

    code = "bad-commitment"


class SequenceError(ProtocolError):
    """A frame out of order."""

    code = "bad-sequence"


class ChainError(ProtocolError):
    """A frame whose cumulative hash differs from ours."""

    code = "bad-chain"


class SizeError(ProtocolError):
    """More, fewer or other rows than were declared."""

    code = "wrong-size"


class OrderError(ProtocolError):
    """Sorted rows that are not strictly ascending."""

    code = "not-ascending"


class WindowError(ProtocolError):
    """More unanswered chunks than the protocol allows."""

    code = "window-exceeded"


class EpochError(ProtocolError):
    """An epoch, or a key of it, other than the one that this side pinned."""

    code = "epoch-mismatch"


class ReleaseError(ProtocolError):
    """A release that does not follow from the one before it."""

    code = "bad-release"


class RangeError(ProtocolError):
    """A count or a sum that could leave the range that can be decrypted."""

    code = "range-too-wide"
    reason = Reason.MALFORMED


class TermsError(ProtocolError):
    """Terms of an answer that are missing, out of place or looser than those asked for."""

    code = "bad-terms"


class CellsError(ProtocolError):
    """Counts that the shared items cannot have, or an answer that its terms do not allow."""

    code = "bad-cells"


class ParticipantError(ProtocolError):
    """A participant of a total that does not do its part: what it signed is wrong, or what it passed on.

    Args:
        agency: who.
        what: in which message: its round, and whose it was if it was another's.
        why: expected and got.
    """

    code = "participant-failed"

    def __init__(self, agency: str, what: str, why: ProtocolError | Exception | str) -> None:
        super().__init__(f"{agency}, {what}: {why}")
        self.names = (agency,)
        self.reason = getattr(why, "reason", Reason.VIOLATION)


class ViewError(ProtocolError):
    """Participants of a total that did not all hear the same; who showed them different things, ledgers tell."""

    code = "views-differ"
    reason = Reason.VIEWS_DIFFER

    def __init__(self, agency: str, by: str, what: str) -> None:
        super().__init__(f"expected {agency} to have heard the same {what} as {by}")
        self.names = (agency,)


class NotHeardError(ProtocolError):
    """Participants of a total that this node did not hear.

    Args:
        missing: by agency, the message that was waited for, and where it is known why none came.
        by: this node's agency.
    """

    code = "not-heard"
    reason = Reason.NOT_HEARD

    def __init__(self, missing: Mapping[str, str], by: str) -> None:
        super().__init__(f"not heard by {by}: {', '.join(f'{agency} ({what})' for agency, what in missing.items())}")
        self.names = tuple(missing)


class ResumeError(ProtocolError):
    """A session that was cut and cannot go on where it stopped: a side no longer holds what the other lacks."""

    code = "cannot-resume"
    reason = Reason.CANNOT_RESUME


class StatementError(ProtocolError):
    """A checkpoint or receipt that does not say what we saw."""

    code = "wrong-statement"


class RefusedError(ProtocolError):
    """A partner refused the question, with a signed refusal.

    Args:
        agency: of several partners, which.
    """

    code = "refused"

    def __init__(self, reason: Reason, agency: str = "") -> None:
        super().__init__(f"{agency or 'the partner'} refused the question: {reason.value}")
        self.refusal = self.reason = reason
        self.names = (agency,) if agency else ()


class RejectedError(ProtocolError):
    """This node refused the partner's question, by its own rules or limits."""

    code = "rejected"

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"this node refused the question: {reason.value}")
        self.reason = reason


class AbortedError(ProtocolError):
    """A partner ended the session, with a signed abort.

    Args:
        agency: of several partners, which.
        concerning: the participants that it names.
    """

    code = "aborted-by-partner"

    def __init__(self, reason: Reason, agency: str = "", concerning: tuple[str, ...] = ()) -> None:
        naming = f", naming {', '.join(concerning)}" if concerning else ""
        super().__init__(f"{agency or 'the partner'} aborted the session: {reason.value}{naming}")
        self.abort = self.reason = reason
        self.names = concerning or ((agency,) if agency else ())


class ConnectionLostError(ProtocolError):
    """The connection ended before the session did."""

    code = "connection-lost"


class CancelledError(ProtocolError):
    """The operator, or a shutdown, ended the session."""

    code = "cancelled"
    reason = Reason.CANCELLED


class ShuttingDownError(ProtocolError):
    """This node is draining and ends the session."""

    code = "shutting-down"
    reason = Reason.SHUTTING_DOWN


class TimedOutError(ProtocolError):
    """The partner was silent, or the session too long."""

    code = "timed-out"
    reason = Reason.TIMED_OUT


class HostError(ProtocolError):
    """The node could not carry out an effect: storage, ledger, compute."""

    code = "host-failure"
    reason = Reason.STORAGE
