"""What both ends of the control API agree on: paths, bounds, the socket's address, errors and requests as JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from nodes.control.errors import ControlError
from nodes.error_table import ERRORS
from nodes.errors import NodeError
from nodes.fields import NAME, Fields, parse_json
from protocol.errors import ProtocolError
from protocol.messages import EPOCH_ID, MAX_PARTICIPANTS, Aggregate, Filter
from protocol.vocabulary import REVEALED, Comparison, Query, Reveals, Scheme
from psi import PsiError

STATUS_PATH: Final = "/v1/status"
PARTNERS_PATH: Final = "/v1/partners"
QUERIES_PATH: Final = "/v1/queries"
SYNCS_PATH: Final = "/v1/syncs"
TOTALS_PATH: Final = "/v1/totals"
STOP_PATH: Final = "/v1/stop"
METRICS_PATH: Final = "/metrics"  # where Prometheus looks; the format is its own, so is the version

MAX_INTEGER: Final = 2**63 - 1
_WORDS: Final = ("value", "currency", "category")
_INTEGERS: Final = ("unit", "low", "high", "per_person", "minimum", "epsilon_millis")

_RECIPIENTS: Final = ("requester", "all")  # of the values of a total

MAX_REQUEST_BYTES: Final = 65_536  # a mandate and a few names
MAX_EVENT_BYTES: Final = 65_536  # one line of a query's stream
PROGRESS_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class QueryOrder:
    """A query as a command orders it. `mandate` is the text of the mandate file."""

    path: ClassVar[str] = QUERIES_PATH

    partner: str
    data_set: str
    asked: str
    kinds: tuple[str, ...]
    reveals: Reveals
    mandate: str
    epoch: str = ""
    aggregate: Aggregate | None = None

    def as_json(self) -> dict[str, Any]:
        more: dict[str, Any] = {"kinds": list(self.kinds)} if self.kinds else {}
        more |= {"epoch": self.epoch} if self.epoch else {}
        more |= {"aggregate": _aggregate_json(self.aggregate)} if self.aggregate else {}
        names = {"asked": self.asked, "data_set": self.data_set, "partner": self.partner}
        return {**names, **more, "reveals": self.reveals.value, "mandate": self.mandate}

    @classmethod
    def parse(cls, data: bytes) -> QueryOrder:
        """Raises ControlError."""
        with parse_json(data, ControlError, "query") as fields:
            partner = fields.text("partner", pattern=NAME)
            data_set = fields.text("data_set", pattern=NAME)
            asked = fields.text("asked", pattern=NAME)
            mandate = fields.lines("mandate", max_bytes=MAX_REQUEST_BYTES)
            aggregate = _aggregate(fields.table("aggregate")) if "aggregate" in fields else None
            reveals = Reveals(fields.choice("reveals", REVEALED[_query(aggregate)]))
            kinds = fields.texts("kinds", pattern=NAME) if "kinds" in fields else ()
            epoch = fields.text("epoch", pattern=EPOCH_ID) if "epoch" in fields else ""
        return cls(partner, data_set, asked, kinds, reveals, mandate, epoch, aggregate)


def _query(aggregate: Aggregate | None) -> Query:
    if aggregate is None:
        return Query.INTERSECT
    return Query.SUM if aggregate.value else Query.COUNT


def _aggregate_json(aggregate: Aggregate) -> dict[str, Any]:
    """Without what is empty, as `_aggregate` reads it."""
    values = asdict(aggregate) | {"filters": [asdict(condition) for condition in aggregate.filters]}
    return {name: value for name, value in values.items() if value not in ("", (), [])}


def _aggregate(table: Fields) -> Aggregate:
    with table:
        conditions = []
        for entry in table.tables("filters"):
            with entry:
                test = entry.choice("test", list(Comparison))
                conditions.append(Filter(entry.text("column", pattern=NAME), test, entry.texts("values")))
        words = {name: table.text(name, pattern=NAME) if name in table else "" for name in _WORDS}
        categories = table.texts("categories") if "categories" in table else ()
        numbers = [table.integer(name, -MAX_INTEGER, MAX_INTEGER) for name in _INTEGERS]
    return Aggregate(words["value"], words["currency"], words["category"], categories, tuple(conditions), *numbers)


@dataclass(frozen=True, slots=True)
class TotalsOrder:
    """A question for a total as a command orders it: whom, each with its data set, and how many it may hold at most."""

    path: ClassVar[str] = TOTALS_PATH

    invited: tuple[tuple[str, str], ...]
    data_set: str
    kinds: tuple[str, ...]
    most: int
    to_all: bool
    mandate: str
    aggregate: Aggregate
    scheme: Scheme

    def as_json(self) -> dict[str, Any]:
        return {
            "invited": [{"partner": partner, "asked": asked} for partner, asked in self.invited],
            "data_set": self.data_set,
            **({"kinds": list(self.kinds)} if self.kinds else {}),
            "most": self.most,
            "recipients": _RECIPIENTS[self.to_all],
            "mandate": self.mandate,
            "aggregate": _aggregate_json(self.aggregate),
            "scheme": self.scheme.value,
        }

    @classmethod
    def parse(cls, data: bytes) -> TotalsOrder:
        """Raises ControlError."""
        with parse_json(data, ControlError, "question for a total") as fields:
            invited = []
            for entry in fields.tables("invited", max_items=MAX_PARTICIPANTS):
                with entry:
                    invited.append((entry.text("partner", pattern=NAME), entry.text("asked", pattern=NAME)))
            return cls(
                invited=tuple(invited),
                data_set=fields.text("data_set", pattern=NAME),
                kinds=fields.texts("kinds", pattern=NAME) if "kinds" in fields else (),
                most=fields.integer("most", 1, MAX_INTEGER),
                to_all=fields.choice("recipients", _RECIPIENTS) == _RECIPIENTS[True],
                mandate=fields.lines("mandate", max_bytes=MAX_REQUEST_BYTES),
                aggregate=_aggregate(fields.table("aggregate")),
                scheme=Scheme(fields.choice("scheme", list(Scheme))),
            )


@dataclass(frozen=True, slots=True)
class SyncOrder:
    """A synchronisation of an epoch's index as a command orders it; without kinds, of the one that is held."""

    path: ClassVar[str] = SYNCS_PATH

    partner: str
    asked: str
    kinds: tuple[str, ...]
    mandate: str

    def as_json(self) -> dict[str, Any]:
        kinds = {"kinds": list(self.kinds)} if self.kinds else {}
        return {"asked": self.asked, "partner": self.partner, **kinds, "mandate": self.mandate}

    @classmethod
    def parse(cls, data: bytes) -> SyncOrder:
        """Raises ControlError."""
        with parse_json(data, ControlError, "synchronisation") as fields:
            partner = fields.text("partner", pattern=NAME)
            asked = fields.text("asked", pattern=NAME)
            mandate = fields.lines("mandate", max_bytes=MAX_REQUEST_BYTES)
            kinds = fields.texts("kinds", pattern=NAME) if "kinds" in fields else ()
        return cls(partner, asked, kinds, mandate)


Order = QueryOrder | SyncOrder | TotalsOrder


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """A name for the socket that fits an address of 107 bytes however long the path is (unix(7)).

    Raises:
        ControlError: the folder does not exist.
    """
    try:
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as cause:
        raise ControlError(f"expected a folder for the control socket, got: {cause.strerror}") from None
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def error_json(error: BaseException) -> dict[str, str]:
    """An error for the other end. Of an unexpected one only the kind: its text could hold a value."""
    code = getattr(type(error), "code", None)
    if isinstance(code, str):
        return {"code": code, "message": str(error)}
    return {"code": "node-error", "message": f"expected the node to do this, got an unexpected {type(error).__name__}"}


def error_from(code: str, message: str) -> Exception:
    """The error that the node met: of the same class where this process knows it, else of one with the same code.

    A command imports little, so most classes are not there; exit code and advice depend on the code alone.
    """
    kind = _known(code) or (_relayed(code) if code in ERRORS else ControlError)
    error: Exception = kind.__new__(kind)
    Exception.__init__(error, message)
    return error


def _known(code: str) -> type[Exception] | None:
    kinds: list[type[Exception]] = [NodeError, ProtocolError, PsiError]
    for kind in kinds:
        if getattr(kind, "code", None) == code:
            return kind
        kinds.extend(kind.__subclasses__())
    return None


def _relayed(code: str) -> type[Exception]:
    class RelayedError(Exception):
        """An error of a class that this process does not know."""

    RelayedError.code = code  # type: ignore[attr-defined]
    return RelayedError
