"""An agency with records, for tests of what it keeps of epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nodes.epochs.given import GivenEpochs, Terms
from nodes.node import spools_for
from nodes.registry import Registry, Source, import_source
from nodes.registry.source import SourceRecord
from tests.agency import DAY_MS, NOW_MS, Agency, make_agency

KIND = "passport-number"


class Clock:
    """This machine's time, as a test sets it."""

    now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


class Records:
    """An agency's data set, and its epochs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agency: Agency = make_agency(folder / "south", "south")
        self.registry = Registry(
            self.agency.config.paths.registry, self.agency.identity.storage_key, self.agency.config.realm
        )
        self.agency.config.paths.spool.mkdir(mode=0o700)

    def hold(self, numbers: Iterable[str]) -> None:
        """Import these passport numbers, in place of what was held."""
        file = self.folder / "source"
        file.write_bytes(b"x")
        held = list(numbers)

        def read(_: Any) -> Any:
            yield SourceRecord(1, "nobody", {}, [])
            for row, number in enumerate(held, 2):
                yield SourceRecord(row, f"ref-{row}", {}, [(KIND, (number,))])

        source = Source(file, "test", self.agency.config.realm, read)
        import_source(self.registry, "suspects", source, datetime.fromtimestamp(NOW_MS / 1000, UTC))

    @property
    def given(self) -> GivenEpochs:
        """As another process would open them."""
        config = self.agency.config
        return GivenEpochs(config, self.agency.identity, self.registry, lambda: spools_for(config))

    @property
    def epochs_folder(self) -> Path:
        return self.agency.config.paths.registry / ".epochs"


def terms(**changes: Any) -> Terms:
    values: dict[str, Any] = {
        "partner": "north",
        "data_set": "suspects",
        "kinds": (KIND,),
        "not_after_ms": NOW_MS + DAY_MS,
        "max_elements": 100,
        "max_elements_per_query": 10,
    }
    return Terms(**(values | changes))


def nobody_notes(_: object) -> None:
    """For `GivenEpochs.open` where no ledger is looked at."""


def failing(error: Exception) -> Callable[..., Any]:
    """A function that raises."""

    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail
