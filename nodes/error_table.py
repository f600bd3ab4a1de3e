"""The one table from error to the outside: gRPC status, exit code, and what the operator does next.

No handler and no command invents its own mapping: they look an error up by the `code` of its class. The table
covers psi, protocol and nodes; a test walks all subclasses of their three root errors.
After a change: `python -m nodes.error_table > docs/errors.md`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


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


_DEFECT: Final = "Report this as a defect with the message above; the session was ended."
_REJECTED: Final = "The value was not imported; docs/identifiers.md says what each reason means."
_BROKEN: Final = "The partner's node broke the protocol: compare versions, then ask its operators to look."

# (gRPC status, exit code) -> error code -> advice
_GROUPS: Final[dict[tuple[str, ExitCode], dict[str, str]]] = {
    ("INTERNAL", ExitCode.UNEXPECTED): {
        "bad-reservation": "Report this as a defect; the session was ended and nothing was disclosed.",
        "node-error": "Report this as a defect: every error of a node has a class of its own.",
        "protocol-error": "Report this as a defect: every error of the protocol has a class of its own.",
        "psi": _DEFECT,
        "bad-dst": _DEFECT,
        "bad-items": _DEFECT,
        "bad-length": _DEFECT,
        "derive-key-pair": _DEFECT,
        "internal-fault": _DEFECT,
        "invalid-input": _DEFECT,
        "keystream-exhausted": _DEFECT,
        "value-out-of-range": _DEFECT,
        "zero-scalar": _DEFECT,
    },
    ("FAILED_PRECONDITION", ExitCode.CONFIGURATION): {
        "home-missing": "Run `accord init`, or name the right folder with --home.",
        "home-exists": "Choose another --home, or move the existing folder away yourself.",
        "unsafe-permissions": "Find out who could read it, replace keys that were exposed, then chmod.",
        "bad-configuration": "Correct accord.toml; docs/samples/accord.toml explains each key.",
        "bad-option": "Correct the option that the message names; see `accord init --help`.",
        "bad-identity": "Restore the key files from the sealed backup, or make a new identity.",
        "partner-realm-mismatch": "Use an exercise node for exercises and a production node for casework.",
        "realm-mismatch": "Use an exercise node for exercises and a production node for casework.",
        "unknown-backend": "Unset ACCORD_BACKEND, or name one that `accord doctor` lists.",
        "profile-mismatch": "Bring both nodes to versions with the same identifier profile.",
        "plot-missing": "Install accord with the extra `plot`, or ask without --plot: --json has the figures.",
        "scheme-missing": "Install accord with the extra `paillier`, or ask with --scheme elgamal.",
        "reader-missing": "Install accord with the extra `parquet`, or export the records as CSV.",
        "snapshot-format-outdated": "Import the data set again; this version stores it in another form.",
        "snapshot-profile-outdated": "Import the data set again: its identifiers follow an older profile.",
        "clock-set-back": "Set the clock right; if it ran ahead before, restore state.db from before that.",
        "epoch-outdated": "Run `accord epoch sync`, then ask again.",
        "epoch-exists": "Close the one that is open with `accord epoch close`, or use it.",
        "partner-conflict": "See `accord partner show`; remove the old entry if the agency has a new key.",
        "bad-partner-book": "Restore partners.json from the backup, or add the partners again.",
        "cannot-listen": "See network.listen in accord.toml; another program may hold the port.",
        "just-restored": "Ask again in a few minutes; the runbook says what a restored node refuses, and why.",
        "already-running": "Use the node that runs, or stop it first.",
        "bad-control-message": "Run the command and the node from the same version.",
        "unhealthy": "Repair what is marked `fail`, then run `accord doctor` again.",
        "bad-rules": "Correct rules.toml: all is refused until then; `accord doctor` shows the mistake.",
    },
    ("UNAUTHENTICATED", ExitCode.NETWORK): {
        "tls-failed": "Find out what answers at that address; after a key change, exchange partner files again.",
        "insecure-channel": "Bring the caller to a version that speaks TLS 1.3, with its own certificate.",
    },
    ("PERMISSION_DENIED", ExitCode.NETWORK): {
        "turned-away": "Ask whether the partner has this node's current partner file as active, and is not overloaded.",
    },
    ("FAILED_PRECONDITION", ExitCode.UNEXPECTED): {
        "demo-failed": "Report this as a defect; `accord demo --keep` leaves all files of the nodes to look at.",
        "exercise-node-failed": "The message ends with what the command or the node said; mend that, then begin again.",
    },
    ("NOT_FOUND", ExitCode.CONFIGURATION): {
        "unknown-epoch": "See `accord epoch list`; an epoch that ended is replaced by another: `accord epoch sync`.",
        "unknown-version": "Compare versions that are kept: the current one and the one before it.",
        "unknown-data-set": "See `accord registry list`; import records with `accord registry import`.",
    },
    ("UNAUTHENTICATED", ExitCode.CONFIGURATION): {
        "unknown-partner": "See `accord partner list`; add the partner with `accord partner add`.",
    },
    ("UNIMPLEMENTED", ExitCode.CONFIGURATION): {
        "unsupported": "Bring both nodes to versions that speak the same protocol; see `accord --version`.",
    },
    ("PERMISSION_DENIED", ExitCode.CONFIGURATION): {
        "unknown-operator": "Have whoever runs the node add this user to accord.toml under operators.",
        "partner-inactive": "If it should be active again, run `accord partner resume`.",
    },
    ("INVALID_ARGUMENT", ExitCode.INPUT): {
        "bad-date": _REJECTED,
        "bad-identifier": _REJECTED,
        "check-digit": _REJECTED,
        "country-ambiguous": _REJECTED,
        "country-missing": _REJECTED,
        "country-unknown": _REJECTED,
        "empty": _REJECTED,
        "masked": _REJECTED,
        "no-digit": _REJECTED,
        "not-distinctive": _REJECTED,
        "placeholder": _REJECTED,
        "too-long": _REJECTED,
        "too-short": _REJECTED,
        "unsupported-character": _REJECTED,
        "wrong-format": _REJECTED,
        "bad-source": "Nothing was imported and the data set is unchanged; correct or replace the file.",
        "bad-mapping": "Correct the mapping file; docs/samples/mapping.toml explains each key.",
        "bad-data-set-name": "Choose a name like `persons-2026`: a-z, 0-9, '-' and '_'.",
        "bad-exercise": "See `accord exercise generate --help` for the limits.",
        "bad-partner-file": "Ask the partner to run `accord partner export` again and send the new file.",
        "bad-follow-up": "Do not act on this file; ask the agency that it names to export it again.",
        "bad-hit-note": "Give a file with one line of text, without control characters.",
        "bad-backup": "Compare passphrase and checksum of the file; else take another backup.",
        "passphrase-file-open": "Find out who could read it, take another passphrase if anybody did, then chmod 0600.",
        "weak-passphrase": "Take at least 15 characters, several random words for instance.",
        "bad-mandate": "Correct the mandate file; docs/samples/mandate.toml explains each key.",
    },
    ("ALREADY_EXISTS", ExitCode.INPUT): {
        "output-exists": "Choose another file name.",
    },
    ("NOT_FOUND", ExitCode.INPUT): {
        "unreadable-file": "Check the name and the permissions of the file.",
        "session-not-in-ledger": "See `accord ledger show`; give as much of the session as tells it from others.",
        "unknown-result": "See `accord results list`; give as much of the session as tells it from others.",
        "unknown-hit": "See `accord hits list` for the numbers of this result's hits.",
    },
    ("FAILED_PRECONDITION", ExitCode.INPUT): {
        "source-realm-mismatch": "Import exercise data into an exercise node, real records into a production node.",
        "range-too-wide": "Ask with a coarser unit, a narrower range or shorter lists.",
        "bad-aggregate": "Name columns and values that records have; `accord query sum --help` lists them.",
        "bad-question": "Correct the option that the message names; the command with --help explains each.",
        "mandate-not-valid-now": "Obtain a mandate that covers today, or check this machine's clock.",
    },
    ("UNAUTHENTICATED", ExitCode.INPUT): {
        "fingerprint-mismatch": "Do not use the file; compare fingerprints over a channel that you trust.",
    },
    ("PERMISSION_DENIED", ExitCode.REFUSED_BY_OWN_RULES): {
        "rejected": "`accord ledger show` has the reason; ask whoever answers for rules.toml.",
        "hit-not-confirmed": "Have an operator check the hit, then `accord hits confirm` it, or leave it out.",
        "overlapping-total": "Ask about other records or categories, or wait: rules.toml says how long (period_days).",
        "refused-by-own-rules": "`accord ledger show` has the reason; ask whoever answers for rules.toml.",
    },
    ("RESOURCE_EXHAUSTED", ExitCode.REFUSED_BY_OWN_RULES): {
        "too-many-elements": "Ask with shorter lists; accord.toml sets how long they may be.",
        "epoch-busy": "Wait until the other synchronisation or command has ended.",
        "too-many-sessions": "Wait for a session to end; accord.toml sets how many may run.",
        "budget-exceeded": "Ask with fewer identifiers, or tomorrow; rules.toml sets the budget.",
    },
    ("RESOURCE_EXHAUSTED", ExitCode.PARTNER_VIOLATION): {
        "too-many-envelopes": "Ask the partner why it sends so many requests; suspend it if need be.",
    },
    ("PERMISSION_DENIED", ExitCode.REFUSED_BY_PARTNER): {
        "refused": "Ask the partner's contact point; its ledger has the reason, which it need not tell.",
    },
    ("ABORTED", ExitCode.REFUSED_BY_PARTNER): {
        "aborted-by-partner": "Try again; if it repeats, ask the partner's contact point for the reason.",
    },
    ("UNAVAILABLE", ExitCode.NETWORK): {
        "connection-lost": "Check that the partner's node is up and reachable, then ask again.",
        "shutting-down": "Wait until the node is up again, then ask again.",
        "partner-unreachable": "Check address and network with the partner; `accord doctor` tries it again.",
        "not-running": "Start the node with `accord serve`, and look at its log if it does not stay up.",
    },
    ("DEADLINE_EXCEEDED", ExitCode.NETWORK): {
        "timed-out": "Check the line and the partner's load; see the deadlines in accord.toml.",
        "not-heard": "Ask those who were not heard and who coordinated: each node's ledger says whom it heard.",
    },
    ("ALREADY_EXISTS", ExitCode.PARTNER_VIOLATION): {
        "replayed-envelope": "Ask again with a new request; if nobody repeated one, tell the partner.",
    },
    ("FAILED_PRECONDITION", ExitCode.PARTNER_VIOLATION): {
        "expired-envelope": "Compare both clocks and the mandate's period, then ask again.",
    },
    ("UNAUTHENTICATED", ExitCode.PARTNER_VIOLATION): {
        "epoch-mismatch": "Treat as an attack until explained: ask the partner why it changed an epoch that is open.",
        "bad-signature": "Treat as an attack until explained: keep the ledger and call the partner.",
        "bad-signing-key": "Do not trust this key; ask the partner for a new partner file.",
    },
    ("INVALID_ARGUMENT", ExitCode.PARTNER_VIOLATION): {
        "malformed-packet": _BROKEN,
        "non-canonical-encoding": _BROKEN,
        "bad-cells": _BROKEN,
        "bad-envelope": _BROKEN,
        "bad-commitment": _BROKEN,
        "bad-chain": _BROKEN,
        "wrong-size": _BROKEN,
        "not-ascending": _BROKEN,
        "bad-terms": _BROKEN,
        "bad-release": "Close the epoch here and synchronise anew; if it happens again, ask the partner's operators.",
        "bad-public-key": _BROKEN,
        "bad-element": _BROKEN,
        "total-out-of-range": _BROKEN,
        "bad-proof": _BROKEN,
        "participant-failed": "Treat as an attack until explained: the ledger holds what that participant signed.",
        "views-differ": "Treat as an attack until explained: compare the ledgers of all participants.",
        "bad-scalar": _BROKEN,
        "wrong-statement": _BROKEN,
    },
    ("FAILED_PRECONDITION", ExitCode.NETWORK): {
        "cannot-resume": "Ask again: the session was cut for too long, or one of the nodes was restarted meanwhile.",
        "session-unknown": "Ask again: the session ended meanwhile, or the partner's node was restarted.",
    },
    ("ABORTED", ExitCode.PARTNER_VIOLATION): {
        "unexpected-packet": _BROKEN,
        "wrong-reference": _BROKEN,
        "bad-sequence": _BROKEN,
        "window-exceeded": _BROKEN,
    },
    ("CANCELLED", ExitCode.CANCELLED): {
        "cancelled": "Ask again when you are ready; the partner was told.",
    },
    ("UNAVAILABLE", ExitCode.STORAGE): {
        "storage-failed": "Check free space, mount and permissions of the node's folders, then try again.",
        "host-failure": "See the node's log for the cause: disk, ledger or memory; then ask again.",
        "ledger-failed": "Nothing was disclosed; free space or repair the disk, then try again.",
        "state-failed": "Nothing was disclosed; free space or repair the disk, then try again.",
    },
    ("DATA_LOSS", ExitCode.STORAGE): {
        "epoch-damaged": "Close the epoch and open, or fetch, another; find out who changed its files.",
        "logarithm-table-damaged": "Delete the file that the message names; the node computes the table again.",
        "sealed-file-damaged": "Find out who changed the file, then import the data set again from its source.",
        "snapshot-damaged": "Import the data set again from its source; `accord registry check` finds others.",
        "bad-result": "Restore results from the backup; `accord ledger show` has the decisions.",
        "bad-evidence": "Keep the ledgers as evidence; ask the agencies for newer exports, and compare those too.",
        "ledger-broken": "Stop the node, keep the file as evidence, compare it with the last export.",
    },
    ("ABORTED", ExitCode.STORAGE): {
        "import-running": "Wait until the other import has ended, then run it again.",
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
        "Made by `python -m nodes.error_table > docs/errors.md`; a test keeps it current.",
        "",
        "| exit code | meaning |",
        "| --- | --- |",
        *(f"| {int(code)} | {EXIT_MEANINGS[code]} |" for code in ExitCode),
        "",
        "| error | gRPC status | exit code | what to do next |",
        "| --- | --- | --- | --- |",
        *(f"| {code} | {row.status} | {int(row.exit_code)} | {row.advice} |" for code, row in sorted(ERRORS.items())),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
