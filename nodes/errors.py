"""Every error of a node, and the one table that gives each known error its wire status, exit code and advice.

No handler and no command invents its own mapping: they look an error up by the `code` of its class. The table
covers psi, protocol and nodes; a test walks all subclasses of their three root errors.
After a change: `python -m nodes.errors > docs/errors.md`.

Messages say what was expected and what was found, never an identifier, a key, a token or a set element.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final


class ExitCode(IntEnum):
    """What the process `accord` returns to its caller."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2  # click's own choice
    CONFIGURATION = 3
    REFUSED_BY_PARTNER = 4
    REFUSED_BY_OWN_RULES = 5
    NETWORK = 6
    PARTNER_VIOLATION = 7
    STORAGE = 8
    INPUT = 9
    CANCELLED = 10


EXIT_MEANINGS: Final = {
    ExitCode.OK: "done",
    ExitCode.UNEXPECTED: "unexpected error: a defect in this program",
    ExitCode.USAGE: "the command was called wrongly",
    ExitCode.CONFIGURATION: "configuration, identity or permissions of this node",
    ExitCode.REFUSED_BY_PARTNER: "the partner refused",
    ExitCode.REFUSED_BY_OWN_RULES: "this node's own rules or limits refused",
    ExitCode.NETWORK: "the partner or the own node could not be reached, or stopped answering",
    ExitCode.PARTNER_VIOLATION: "the partner broke the protocol",
    ExitCode.STORAGE: "local storage: ledger, state, registry or disk",
    ExitCode.INPUT: "a file given to the command cannot be used",
    ExitCode.CANCELLED: "cancelled by the operator",
}


class NodeError(Exception):
    """Root of everything that a node itself raises on purpose."""

    code: ClassVar[str] = "node-error"


# Home, configuration, identity


class HomeMissingError(NodeError):
    """The home folder does not exist or holds no node."""

    code = "home-missing"


class HomeExistsError(NodeError):
    """`init` found something where it should create a node."""

    code = "home-exists"


class PermissionsError(NodeError):
    """A private file or folder could be read or changed by somebody else."""

    code = "unsafe-permissions"


class StorageError(NodeError):
    """A file of the node could not be read or durably written."""

    code = "storage-failed"


class ConfigError(NodeError):
    """accord.toml is not what it must be."""

    code = "bad-configuration"


class IdentityError(NodeError):
    """A key or certificate of this node is damaged, expired or of the wrong kind."""

    code = "bad-identity"


class RealmError(NodeError):
    """Exercise and production were about to mix."""

    code = "realm-mismatch"


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


class PartnerConflictError(NodeError):
    """The partner, or one of its keys, is already in the book under other terms."""

    code = "partner-conflict"


class PartnerInactiveError(NodeError):
    """The partner is suspended or removed."""

    code = "partner-inactive"


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


class RefusedByRulesError(NodeError):
    """This node's own rules do not allow the request."""

    code = "refused-by-own-rules"


# Ledger, state


class LedgerError(NodeError):
    """A ledger row could not be written durably, so nothing may be disclosed."""

    code = "ledger-failed"


class LedgerBrokenError(NodeError):
    """The ledger does not verify: a row was changed, removed, moved or forged."""

    code = "ledger-broken"


class StateError(NodeError):
    """Nonces, budgets or seeds could not be read or written durably."""

    code = "state-failed"


class ReplayError(NodeError):
    """An envelope with this nonce was seen before."""

    code = "replayed-envelope"


class BudgetError(NodeError):
    """The partner's budget for today does not cover the request."""

    code = "budget-exceeded"


class SeedConsumedError(NodeError):
    """A session seed was about to be used a second time."""

    code = "seed-consumed"


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """What a known error means outside this process.

    Args:
        status: name of the gRPC status towards a partner.
        exit_code: of a command that ends with this error.
        advice: one sentence for the operator: what to do next.
    """

    status: str
    exit_code: ExitCode
    advice: str


# (gRPC status, exit code) -> error code -> advice
_GROUPS: Final[dict[tuple[str, ExitCode], dict[str, str]]] = {
    ("INTERNAL", ExitCode.UNEXPECTED): {
        "node-error": "Report this as a defect: every error of a node has a class of its own.",
    },
    ("FAILED_PRECONDITION", ExitCode.CONFIGURATION): {
        "home-missing": "Run `accord init`, or name the right folder with --home.",
        "home-exists": "Choose another --home, or move the existing folder away yourself.",
        "unsafe-permissions": "Find out who could read it, replace keys that were exposed, then chmod.",
        "bad-configuration": "Correct accord.toml; docs/samples/accord.toml explains each key.",
        "bad-identity": "Restore the key files from the sealed backup, or make a new identity.",
        "realm-mismatch": "Use an exercise node for exercises and a production node for casework.",
        "partner-conflict": "See `accord partner show`; remove the old entry if the agency has a new key.",
        "bad-partner-book": "Restore partners.json from the backup, or add the partners again.",
        "bad-rules": "Correct rules.toml: all is refused until then; `accord doctor` shows the mistake.",
    },
    ("UNAUTHENTICATED", ExitCode.CONFIGURATION): {
        "unknown-partner": "See `accord partner list`; add the partner with `accord partner add`.",
    },
    ("PERMISSION_DENIED", ExitCode.CONFIGURATION): {
        "partner-inactive": "If it should be active again, run `accord partner resume`.",
    },
    ("INVALID_ARGUMENT", ExitCode.INPUT): {
        "bad-partner-file": "Ask the partner to run `accord partner export` again and send the new file.",
        "bad-mandate": "Correct the mandate file; docs/samples/mandate.toml explains each key.",
    },
    ("FAILED_PRECONDITION", ExitCode.INPUT): {
        "mandate-not-valid-now": "Obtain a mandate that covers today, or check this machine's clock.",
    },
    ("UNAUTHENTICATED", ExitCode.INPUT): {
        "fingerprint-mismatch": "Do not use the file; compare fingerprints over a channel that you trust.",
    },
    ("PERMISSION_DENIED", ExitCode.REFUSED_BY_OWN_RULES): {
        "refused-by-own-rules": "`accord ledger show` has the reason; ask whoever answers for rules.toml.",
    },
    ("RESOURCE_EXHAUSTED", ExitCode.REFUSED_BY_OWN_RULES): {
        "budget-exceeded": "Ask with fewer identifiers, or tomorrow; rules.toml sets the budget.",
    },
    ("ALREADY_EXISTS", ExitCode.PARTNER_VIOLATION): {
        "replayed-envelope": "Ask again with a new request; if nobody repeated one, tell the partner.",
    },
    ("UNAVAILABLE", ExitCode.STORAGE): {
        "storage-failed": "Check free space, mount and permissions of the node's folders, then try again.",
        "ledger-failed": "Nothing was disclosed; free space or repair the disk, then try again.",
        "state-failed": "Nothing was disclosed; free space or repair the disk, then try again.",
    },
    ("DATA_LOSS", ExitCode.STORAGE): {
        "ledger-broken": "Stop the node, keep the file as evidence, compare it with the last export.",
    },
    ("ABORTED", ExitCode.STORAGE): {
        "seed-consumed": "Start a new session; if it happens again, ask whether a backup was restored.",
    },
}

ERRORS: Final[dict[str, ErrorRow]] = {
    code: ErrorRow(status, exit_code, advice)
    for (status, exit_code), group in _GROUPS.items()
    for code, advice in group.items()
}


def error_row(error: BaseException) -> ErrorRow | None:
    """Return the row of a known error, or None for one that nobody expected.

    Looks up the class attribute `code`, so that no package has to be imported to report an error.
    """
    code = getattr(type(error), "code", None)
    return ERRORS.get(code) if isinstance(code, str) else None


def as_markdown() -> str:
    """Return both tables as docs/errors.md shows them; a test compares the file with this."""
    lines = [
        "# Errors and exit codes",
        "",
        "Made by `python -m nodes.errors > docs/errors.md`; a test keeps it current.",
        "",
        "| exit code | meaning |",
        "| --- | --- |",
        *(f"| {int(code)} | {EXIT_MEANINGS[code]} |" for code in ExitCode),
        "",
        "| error | gRPC status | exit code | what to do next |",
        "| --- | --- | --- | --- |",
        *(
            f"| {code} | {row.status} | {int(row.exit_code)} | {row.advice} |"
            for code, row in sorted(ERRORS.items())
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
