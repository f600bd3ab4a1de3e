"""One table from error to the outside, complete and without leftovers."""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import nodes
import protocol
import psi
from nodes.error_table import ERRORS, EXIT_MEANINGS, ErrorRow, ExitCode, as_markdown, error_row
from nodes.errors import LedgerError, NodeError
from protocol.errors import ProtocolError
from psi import PsiError

GRPC_STATUSES = {  # google.golang.org/grpc/codes; OK is no error, UNKNOWN says nothing
    "CANCELLED", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL",
    "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}  # fmt: skip


def every_error() -> set[type[Exception]]:
    """All error classes of the three packages, after importing every module of them."""
    for package in (psi, protocol, nodes):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)

    def below(cls: type[Exception]) -> Iterator[type[Exception]]:
        yield cls
        for sub in cls.__subclasses__():
            yield from below(sub)

    roots: tuple[type[Exception], ...] = (PsiError, ProtocolError, NodeError)
    packages = ("psi.", "protocol.", "nodes.")
    return {cls for root in roots for cls in below(root) if cls.__module__.startswith(packages)}


def test_every_error_has_a_row_and_every_row_an_error() -> None:
    codes = {cls.code for cls in every_error()}  # type: ignore[attr-defined]
    assert codes - ERRORS.keys() == set(), "errors without a row in nodes/error_table.py"
    assert ERRORS.keys() - codes == set(), "rows without an error"


def test_a_code_means_one_thing() -> None:
    names: dict[str, set[str]] = defaultdict(set)
    for cls in every_error():
        if "code" in vars(cls):  # a class without its own is abstract: its subclasses have theirs
            names[vars(cls)["code"]].add(cls.__name__)
    # Two rooms may find the same mistake (psi and protocol both refuse a bad public key); then they name it alike.
    assert {code: found for code, found in names.items() if len(found) > 1} == {}


def test_codes_are_kebab_case_and_rows_complete() -> None:
    for code, row in ERRORS.items():
        assert code == code.lower() and code.replace("-", "").isalnum(), code
        assert row.status in GRPC_STATUSES, code
        assert row.exit_code not in (ExitCode.OK, ExitCode.USAGE), code
        assert row.advice.endswith(".") and len(row.advice) <= 100, code


def test_no_code_is_in_two_groups() -> None:
    from nodes import error_table

    assert sum(len(group) for group in error_table._GROUPS.values()) == len(ERRORS)


def test_statuses_exist_in_grpc() -> None:
    import grpc

    assert {row.status for row in ERRORS.values()} <= {status.name for status in grpc.StatusCode}


def test_documentation_shows_the_table() -> None:
    shown = (Path(nodes.__file__).parents[1] / "docs" / "errors.md").read_text(encoding="utf-8")
    assert shown == as_markdown(), "run: python -m nodes.error_table > docs/errors.md"
    assert set(EXIT_MEANINGS) == set(ExitCode)


def test_lookup_goes_by_the_class() -> None:
    assert error_row(LedgerError("x")) == ErrorRow("UNAVAILABLE", ExitCode.STORAGE, ERRORS["ledger-failed"].advice)


@pytest.mark.parametrize("stranger", [ValueError("x"), SystemExit(3), KeyboardInterrupt()])
def test_strangers_have_no_row(stranger: BaseException) -> None:
    assert error_row(stranger) is None  # SystemExit has an attribute `code` too, on the instance
