"""Every way a session can go wrong, each with its own code.

Messages say what was expected and what was got. They never contain an identifier, a tag, a key or an element.
"""

from __future__ import annotations

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
    SHUTTING_DOWN = "shutting-down"
    STORAGE = "storage"
    INTERNAL = "internal"
    CANNOT_RESUME = "cannot-resume"


class ProtocolError(Exception):
    """Root of all protocol errors."""

    code: ClassVar[str] = "protocol-error"
    reason: Reason = Reason.VIOLATION  # what the partner is told


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
    """A participant of a total that does not do its part: a proof, a commitment or a list of cells that is wrong."""

    code = "participant-failed"

    def __init__(self, agency: str, message: str) -> None:
        super().__init__(f"{agency}: {message}")
        self.agency = agency


class ViewError(ProtocolError):
    """Participants of a total that did not all hear the same."""

    code = "views-differ"


class NotHeardError(ProtocolError):
    """Participants of a total that this node did not hear in time."""

    code = "not-heard"
    reason = Reason.TIMED_OUT

    def __init__(self, agencies: tuple[str, ...], by: str) -> None:
        super().__init__(f"not heard by {by}: {', '.join(agencies)}")
        self.agencies = agencies


class ResumeError(ProtocolError):
    """A session that was cut and cannot go on where it stopped: a side no longer holds what the other lacks."""

    code = "cannot-resume"
    reason = Reason.CANNOT_RESUME


class StatementError(ProtocolError):
    """A checkpoint or receipt that does not say what we saw."""

    code = "wrong-statement"


class RefusedError(ProtocolError):
    """The partner refused the question, with a signed refusal."""

    code = "refused"

    def __init__(self, reason: Reason, agency: str = "the partner") -> None:
        super().__init__(f"{agency} refused the question: {reason.value}")
        self.refusal = reason


class RejectedError(ProtocolError):
    """This node refused the partner's question, by its own rules or limits."""

    code = "rejected"

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"this node refused the question: {reason.value}")
        self.reason = reason


class AbortedError(ProtocolError):
    """The partner ended the session, with a signed abort."""

    code = "aborted-by-partner"

    def __init__(self, reason: Reason, agency: str = "the partner") -> None:
        super().__init__(f"{agency} aborted the session: {reason.value}")
        self.abort = reason


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
