"""Errors that a node raises on purpose; those that belong to one folder (epochs, registry, ...) are in its `errors`.

Each class has its own code; nodes/error_table.py tells what follows. Messages say what was expected and what was
found, never an identifier, a key, a token or a set element.
"""

from __future__ import annotations

from typing import ClassVar

from protocol.errors import Reason


class NodeError(Exception):
    """Root of everything that a node itself raises on purpose.

    `reason` is all that a partner is told when this error ends its session.
    """

    code: ClassVar[str] = "node-error"
    reason: ClassVar[Reason] = Reason.INTERNAL


# Home, configuration, identity


class HomeMissingError(NodeError):
    """The home folder does not exist or holds no node."""

    code = "home-missing"


class HomeExistsError(NodeError):
    """`init` found something where it should create a node."""

    code = "home-exists"


class OutputExistsError(NodeError):
    """A file that a command should write is there already; nothing is overwritten."""

    code = "output-exists"


class UnreadableFileError(NodeError):
    """A file that a command was given cannot be read at all."""

    code = "unreadable-file"


class PermissionsError(NodeError):
    """A private file or folder could be read or changed by somebody else."""

    code = "unsafe-permissions"


class StorageError(NodeError):
    """A file of the node could not be read or durably written."""

    code = "storage-failed"
    reason = Reason.STORAGE


class ConfigError(NodeError):
    """accord.toml is not what it must be."""

    code = "bad-configuration"


class IdentityError(NodeError):
    """A key or certificate of this node is damaged, expired or of the wrong kind."""

    code = "bad-identity"


class OperatorUnknownError(NodeError):
    """The Unix user is not one of the operators in accord.toml."""

    code = "unknown-operator"


# Partners


class PartnerFileError(NodeError):
    """A partner file is malformed, or its signature is wrong."""

    code = "bad-partner-file"


class FingerprintError(NodeError):
    """The fingerprint that was confirmed is not the one of the partner file."""

    code = "fingerprint-mismatch"


class PartnerUnknownError(NodeError):
    """No partner of that name, key or certificate."""

    code = "unknown-partner"
    reason = Reason.POLICY


class PartnerConflictError(NodeError):
    """The partner, or one of its keys, is already in the book."""

    code = "partner-conflict"


class PartnerRealmError(NodeError):
    """A partner of the other realm: exercise and production never mix."""

    code = "partner-realm-mismatch"
    reason = Reason.REALM


class PartnerInactiveError(NodeError):
    """The partner is suspended or removed."""

    code = "partner-inactive"
    reason = Reason.POLICY


class PartnerBookError(NodeError):
    """The book of partners on disk is damaged."""

    code = "bad-partner-book"


# Mandate, policy


class MandateError(NodeError):
    """The mandate file is not what it must be."""

    code = "bad-mandate"


class MandateTimeError(NodeError):
    """The mandate is not valid now."""

    code = "mandate-not-valid-now"


class RulesError(NodeError):
    """The rule file is missing, unreadable or wrong; everything is refused until it is repaired."""

    code = "bad-rules"
    reason = Reason.POLICY


class RefusedByRulesError(NodeError):
    """This node's own rules do not allow the request."""

    code = "refused-by-own-rules"
    reason = Reason.POLICY


# Ledger, state


class LedgerError(NodeError):
    """A ledger row could not be written durably, so nothing may be disclosed."""

    code = "ledger-failed"
    reason = Reason.STORAGE


class LedgerBrokenError(NodeError):
    """The ledger does not verify: a row was changed, removed, moved or forged."""

    code = "ledger-broken"
    reason = Reason.STORAGE


class EvidenceError(NodeError):
    """Signed messages of a session are not their signers', do not belong together, or contradict each other."""

    code = "bad-evidence"
    reason = Reason.STORAGE


class SessionNotKeptError(NodeError):
    """The ledger has no session that begins like this, or several."""

    code = "session-not-in-ledger"


class StateError(NodeError):
    """Nonces, budgets or seeds could not be read or written durably."""

    code = "state-failed"
    reason = Reason.STORAGE


class ClockError(NodeError):
    """The clock stands well before a time that this node has already seen."""

    code = "clock-set-back"
    reason = Reason.STORAGE


class ReplayError(NodeError):
    """An envelope with this nonce was seen before."""

    code = "replayed-envelope"
    reason = Reason.REPLAYED


class RestoredError(NodeError):
    """The state comes from a backup, and what is asked depends on what happened since."""

    code = "just-restored"
    reason = Reason.BUSY


class NonceLimitError(NodeError):
    """More envelopes of one partner are still valid than this node remembers."""

    code = "too-many-envelopes"
    reason = Reason.BUSY


class BudgetError(NodeError):
    """The partner's budget for today does not cover the request."""

    code = "budget-exceeded"
    reason = Reason.POLICY


class ReservationError(NodeError):
    """A budget was reserved twice, or charged without a reservation or beyond it."""

    code = "bad-reservation"


class SeedConsumedError(NodeError):
    """A session seed was about to be used a second time."""

    code = "seed-consumed"
    reason = Reason.STORAGE


# Backup


class PassphraseError(NodeError):
    """A backup's passphrase is too short to protect it."""

    code = "weak-passphrase"


class PassphraseFileError(NodeError):
    """A passphrase file that others than its owner can read."""

    code = "passphrase-file-open"


class BackupError(NodeError):
    """A backup was altered or cut, or does not open with this passphrase."""

    code = "bad-backup"


# Network, sessions, questions


class PartnerUnreachableError(NodeError):
    """No connection to the partner's node."""

    code = "partner-unreachable"


class TlsError(NodeError):
    """The partner's node showed another certificate than the one in its partner file, or no TLS at all."""

    code = "tls-failed"


class TurnedAwayError(NodeError):
    """The partner's node closed the connection before a session, unsigned: it does not know us, or is too busy."""

    code = "turned-away"


class InsecureChannelError(NodeError):
    """A connection that is not TLS 1.3 with a client certificate."""

    code = "insecure-channel"


class SessionUnknownError(NodeError):
    """A partner wants to go on in a session that this node does not hold."""

    code = "session-unknown"
    reason = Reason.CANNOT_RESUME


class TooManySessionsError(NodeError):
    """This node runs as many sessions as accord.toml allows, or is shutting down."""

    code = "too-many-sessions"
    reason = Reason.BUSY


class TooManyElementsError(NodeError):
    """A list longer than accord.toml allows."""

    code = "too-many-elements"
    reason = Reason.TOO_LARGE


class ListenError(NodeError):
    """The node cannot listen on its address."""

    code = "cannot-listen"


class AlreadyRunningError(NodeError):
    """Another process serves this home."""

    code = "already-running"


class QuestionError(NodeError):
    """A question that cannot be asked: an unknown kind, an empty choice, a file that is there already."""

    code = "bad-question"


# Results, hits, follow-up requests


class ResultUnknownError(NodeError):
    """No result of that session on this node, or several that begin like it."""

    code = "unknown-result"


class ResultError(NodeError):
    """A result, or the decisions beside it, is not as this node wrote it."""

    code = "bad-result"
    reason = Reason.STORAGE


class HitUnknownError(NodeError):
    """The result has no hit of that number."""

    code = "unknown-hit"


class HitNoteError(NodeError):
    """An operator's own words about a hit are not a line of text."""

    code = "bad-hit-note"


class HitUnconfirmedError(NodeError):
    """A hit that nobody confirmed was about to be exported."""

    code = "hit-not-confirmed"


class FollowUpError(NodeError):
    """A follow-up request is malformed, or not signed by whom it names."""

    code = "bad-follow-up"


# Nodes of demonstrations and measurements


class ExerciseNodeError(NodeError):
    """A node on this machine, or a command of its operator, did not do what whoever drives it needs."""

    code = "exercise-node-failed"
