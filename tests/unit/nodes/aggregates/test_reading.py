"""What records say to a count or a sum: against loops over plain Python values, and at the ends of 64 bits."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodes.aggregates.errors import AggregateError
from nodes.aggregates.reading import AggregateReader, check_columns
from nodes.registry import Registry, Source, import_source
from nodes.registry.source import SourceRecord
from nodes.registry.transactions import MAX_AMOUNT, read_transaction
from protocol.effects import ReadValues
from protocol.identifiers import KINDS
from protocol.messages import Aggregate, Filter
from tests.unit.nodes.registry.reading import KEY, NOW, identifiers

COUNT = Aggregate("", "", "", (), (), 0, 0, 0, 1, 1, 0)
SUM = Aggregate("amount", "EUR", "", (), (), 1, -(10**12), 10**12, 1, 1, 0)
BY_OFFENCE = replace(SUM, category="offence", categories=("b", "a"))
LISTS = ("passport-number", "imei")
FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@dataclass(frozen=True)
class Row:
    """One record: whom it is about, which of seven passports and devices it holds, and its transaction."""

    person: str
    passports: tuple[int, ...] = ()
    devices: tuple[int, ...] = ()
    amount: int | None = None
    currency: str = "EUR"
    offence: str = ""
    day: str = ""
    corridor: tuple[str, str] = ("", "")


def raw_passport(number: int) -> str:
    return f"P{7_000_000 + number}"


def raw_device(number: int) -> str:
    digits = f"3520990017614{number}"
    total = sum(sum(divmod(2 * int(d), 10)) if i % 2 else int(d) for i, d in enumerate(digits))
    return f"{digits}{-total % 10}"


def hold(folder: Path, rows: list[Row]) -> Registry:
    made = Registry(folder / "registry", KEY, "production")
    folder.mkdir(exist_ok=True)
    (folder / "source").write_bytes(b"x")

    def read(_file):
        for number, row in enumerate(rows, 1):
            values = [("passport-number", (raw_passport(p),)) for p in row.passports]
            values += [("imei", (raw_device(d),)) for d in row.devices]
            amount = (
                ""
                if row.amount is None
                else f"{'-' if row.amount < 0 else ''}{abs(row.amount) // 100}.{abs(row.amount) % 100:02}"
            )
            money = read_transaction(amount, row.currency if amount else "", *row.corridor, row.offence, row.day)
            yield SourceRecord(number, f"r{number}", {}, values, (), (), row.person, money)

    import_source(made, "set", Source(folder / "source", "test", "production", read), NOW)
    return made


def read(made: Registry, aggregate: Aggregate, step: int = 3) -> list[list[tuple[list[int], list[int]]]]:
    """Per list and identifier, flags and amounts by category; read in steps."""
    categories = max(1, len(aggregate.categories))
    found: list[list[tuple[list[int], list[int]]]] = []
    with made.open("set") as snapshot:
        reader = AggregateReader(snapshot, LISTS, aggregate)
        for number, kind in enumerate(LISTS):
            of_list: list[tuple[list[int], list[int]]] = []
            for first in range(0, snapshot.size(kind), step):
                count = min(step, snapshot.size(kind) - first)
                values = reader.read(ReadValues(0, number, first, count))
                flags = np.frombuffer(values.flags, np.uint8).reshape(count, categories)
                amounts = np.frombuffer(values.amounts, "<i8").reshape(-1, categories)
                assert len(amounts) == (count if aggregate.value else 0)
                money = amounts.tolist() if aggregate.value else [[0] * categories] * count
                of_list += zip(flags.tolist(), money, strict=True)
            found.append(of_list)
    return found


def passes(row: Row, aggregate: Aggregate) -> bool:
    """Whether a row counts, its category apart; written from the meaning of filters."""
    for condition in aggregate.filters:
        if condition.column == "offence" and row.offence not in condition.values:
            return False
        if condition.column == "currency" and (row.amount is None or row.currency not in condition.values):
            return False
        if condition.column == "date" and (
            not row.day
            or (row.day < condition.values[0] if condition.test == "from" else row.day > condition.values[0])
        ):
            return False
        if condition.column == "amount":
            limit = int(condition.values[0])
            if row.amount is None or (row.amount < limit if condition.test == "from" else row.amount > limit):
                return False
    return not aggregate.value or (row.amount is not None and row.currency == aggregate.currency)


def oracle(rows: list[Row], aggregate: Aggregate, held: list[list[int]]) -> list[list[tuple[list[int], list[int]]]]:
    """The same by loops.

    Args:
        held: the identifiers of each list, in the snapshot's order.
    """
    categories = aggregate.categories or ("",)
    chosen: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for place, number in itertools.chain.from_iterable([(i, n) for n in numbers] for i, numbers in enumerate(held)):
        for row in rows:
            has = number in (row.passports, row.devices)[place]
            told = not aggregate.category or row.offence in categories
            if has and told and passes(row, aggregate) and (place, number) not in chosen[row.person]:
                chosen[row.person].append((place, number))
    answer = []
    for place, numbers in enumerate(held):
        of_list = []
        for number in numbers:
            cells: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
            for row in rows:
                if number not in (row.passports, row.devices)[place] or not passes(row, aggregate):
                    continue
                if (place, number) not in chosen[row.person][: aggregate.per_person]:
                    continue
                category = row.offence if aggregate.category else ""
                if category in categories:
                    cells[category][row.person] += row.amount or 0
            flags = [int(category in cells) for category in categories]
            low, high = aggregate.low * aggregate.unit, aggregate.high * aggregate.unit
            clipped = {c: sum(max(low, min(high, v)) for v in by.values()) for c, by in cells.items()}
            amounts = [clipped.get(category, 0) if aggregate.value else 0 for category in categories]
            of_list.append((flags, amounts))
        answer.append(of_list)
    return answer


ROWS = st.lists(
    st.builds(
        Row,
        person=st.sampled_from("pqrs"),
        passports=st.lists(st.integers(0, 6), max_size=3, unique=True).map(tuple),
        devices=st.lists(st.integers(0, 6), max_size=2, unique=True).map(tuple),
        amount=st.none() | st.integers(-500, 500) | st.sampled_from([MAX_AMOUNT, -MAX_AMOUNT]),
        currency=st.sampled_from(["EUR", "USD"]),
        offence=st.sampled_from(["", "a", "b", "c"]),
        day=st.sampled_from(["", "2026-01-01", "2026-01-02", "2026-02-01"]),
    ),
    min_size=1,
    max_size=12,
)
FILTERS = st.lists(
    st.sampled_from(
        [
            Filter("offence", "one-of", ("a", "zzz")),
            Filter("offence", "one-of", ("a", "b", "c")),
            Filter("currency", "one-of", ("USD",)),
            Filter("date", "from", ("2026-01-02",)),
            Filter("date", "until", ("2026-01-31",)),
            Filter("amount", "from", ("-100",)),
            Filter("amount", "until", ("100",)),
        ]
    ),
    max_size=3,
    unique=True,
).map(tuple)


@FEW
@given(
    ROWS,
    FILTERS,
    st.sampled_from([COUNT, SUM, replace(SUM, unit=7, low=-20, high=30), BY_OFFENCE, replace(SUM, low=0, high=1)]),
    st.integers(1, 4),
)
def test_any_records_and_question_agree_with_loops(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], filters: tuple[Filter, ...], asked: Aggregate, most: int
) -> None:
    aggregate = replace(asked, filters=filters, per_person=most)
    if not aggregate.value:  # an amount without a currency is not asked about
        kept = tuple(f for f in filters if f.column != "amount" or any(g.column == "currency" for g in filters))
        aggregate = replace(aggregate, filters=kept)
    made = hold(tmp_path_factory.mktemp("set"), [*rows, Row("last", (), (), 1, "GBP")])
    raw = {KINDS["passport-number"].canonicalize(raw_passport(n)): n for n in range(7)}
    raw |= {KINDS["imei"].canonicalize(raw_device(n)): n for n in range(7)}
    with made.open("set") as snapshot:
        held = [[raw[value] for value in identifiers(snapshot, kind)] for kind in LISTS]
    assert read(made, aggregate) == oracle(rows, aggregate, held)


def test_transactions_of_an_account_add_up_in_each_category(tmp_path: Path) -> None:
    rows = [
        Row("p", (1,), amount=100, offence="a"),
        Row("p", (1,), amount=-30, offence="a"),
        Row("p", (1,), amount=5, offence="b"),
    ]
    made = hold(tmp_path, rows)
    assert read(made, BY_OFFENCE) == [[([1, 1], [5, 70])], []]
    assert read(made, SUM) == [[([1], [75])], []]
    assert read(made, COUNT) == [[([1], [0])], []]


def test_one_person_moves_a_cell_by_no_more_than_the_range(tmp_path: Path) -> None:
    """Two persons share an account: without the one, the total moves by what is declared, not by both ends of it."""
    aggregate = replace(SUM, low=-100, high=100)
    both = [Row("p", (1,), amount=1000), Row("q", (1,), amount=-1000)]
    totals = [read(hold(tmp_path / str(i), rows), aggregate)[0][0][1][0] for i, rows in enumerate((both, both[:1]))]
    assert totals == [0, 100]


def test_the_first_identifiers_of_a_person_count_and_who_else_there_is_does_not_matter(tmp_path: Path) -> None:
    rows = [Row("p", (1, 2, 3), (4,)), Row("q", (3,)), Row("r", (), (4, 5))]
    flags = [[cell[0][0] for cell in of_list] for of_list in read(hold(tmp_path, rows), COUNT)]
    assert flags == [[1, 0, 1], [1, 0]]  # of p the first passport; q and r bring what p does not
    flags = [[cell[0][0] for cell in of_list] for of_list in read(hold(tmp_path, rows), replace(COUNT, per_person=2))]
    assert flags == [[1, 1, 1], [1, 1]]


def test_sums_saturate_instead_of_turning_over(tmp_path: Path) -> None:
    """More than 2^63 minor units on one account, clipped to the range all the same; and exactly up to there."""
    wide = replace(SUM, unit=2**40, low=-(2**46), high=2**46)
    for sign in (1, -1):
        rows = [Row("p", (1,), amount=sign * MAX_AMOUNT) for _ in range(93)] + [Row("q", (2,), amount=sign * 92)]
        found = read(hold(tmp_path / str(sign), rows), wide)[0]
        assert [cell[1][0] for cell in found] == [2**63 - 1 if sign > 0 else -(2**63), sign * 92]
        rows = rows[:92]
        found = read(hold(tmp_path / f"{sign}-exact", rows), wide)[0]
        assert found[0][1][0] == sign * 92 * MAX_AMOUNT


def test_a_record_without_a_date_or_amount_passes_no_bound(tmp_path: Path) -> None:
    made = hold(tmp_path, [Row("p", (1,)), Row("q", (2,), amount=0, day="0001-01-01")])
    for condition in (Filter("date", "from", ("0001-01-01",)), Filter("date", "until", ("9999-12-31",))):
        assert [c[0] for c in read(made, replace(COUNT, filters=(condition,)))[0]] == [[0], [1]]
    for condition in (Filter("amount", "from", (f"-{10**17}",)), Filter("amount", "until", ("0",))):
        assert [c[0] for c in read(made, replace(SUM, filters=(condition,)))[0]] == [[0], [1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": "balance"}, "expected amount to be summed"),
        ({"category": "currency", "categories": ("EUR",)}, "categories by corridor or offence"),
        ({"category": "date", "categories": ("2026",)}, "categories by corridor or offence"),
        ({"category": "corridor", "categories": ("DEU-TUR", "DEUTUR")}, "corridor as records have it, such as DEU"),
        ({"category": "corridor", "categories": ("Germany-Turkey",)}, "each corridor as records have it"),
        ({"category": "corridor", "categories": ("DEU-QQQ",)}, "each corridor as records have it"),
        ({"category": "corridor", "categories": ("-",)}, "each corridor as records have it"),
        ({"category": "offence", "categories": ("fraud ",)}, "each offence as records have it, such as fraud"),
        ({"filters": (Filter("currency", "one-of", ("EUR", "eur")),)}, "each currency as records have it, such as EUR"),
        ({"filters": (Filter("owner", "one-of", ("p",)),)}, "filters on some of currency, corridor, offence, amount"),
        ({"filters": (Filter("offence", "from", ("a",)),)}, "one-of for words"),
        ({"filters": (Filter("date", "one-of", ("2026-01-01",)),)}, "one-of for words"),
        ({"filters": (Filter("date", "from", ("01.01.2026",)),)}, "a date such as 2026-01-31 in a filter on date"),
        ({"filters": (Filter("amount", "from", ("1.5",)),)}, "whole minor units in a filter on amount"),
        ({"filters": (Filter("amount", "from", ("٣",)),)}, "whole minor units"),
        ({"filters": (Filter("amount", "from", ("9" * 20,)),)}, "whole minor units"),
        ({"filters": (Filter("amount", "from", ("1",)),), "value": "", "currency": ""}, "to go with one currency"),
    ],
)
def test_questions_about_what_records_do_not_have_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(AggregateError, match=message):
        check_columns(replace(SUM, **change))  # type: ignore[arg-type]


def test_records_without_transactions_can_only_be_counted_as_they_are(tmp_path: Path) -> None:
    plain = Registry(tmp_path / "plain", KEY, "production")
    (tmp_path / "source").write_bytes(b"x")
    records = [SourceRecord(n, "r", {}, [("passport-number", (raw_passport(n),))]) for n in (1, 2)]
    import_source(plain, "set", Source(tmp_path / "source", "test", "production", lambda _: iter(records)), NOW)
    assert [cell[0] for cell in read(plain, COUNT)[0]] == [[1], [0]]  # one reference is one person
    with plain.open("set") as snapshot:
        for aggregate in (SUM, replace(COUNT, filters=(Filter("offence", "one-of", ("a",)),))):
            with pytest.raises(AggregateError, match="a data set with transactions"):
                AggregateReader(snapshot, LISTS, aggregate)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 40_001])
def test_any_size_and_any_step_read_the_same(tmp_path: Path, size: int) -> None:
    """Blocks of 32,768 identifiers; each amount names its identifier."""
    made = Registry(tmp_path / "registry", KEY, "production")
    (tmp_path / "source").write_bytes(b"x")
    day = date(2026, 1, 1).isoformat()
    records = [
        SourceRecord(
            i, f"r{i}", {}, [("passport-number", (f"P{i:07}",))], (), (), "", read_transaction(str(i), "JPY", date=day)
        )
        for i in range(1, size + 1)
    ]
    records.append(SourceRecord(size + 1, "none", {}, [], (), (), "", read_transaction("5", "JPY")))
    import_source(made, "set", Source(tmp_path / "source", "test", "production", lambda _: iter(records)), NOW)
    aggregate = replace(SUM, currency="JPY")
    for step in (size or 1, 32_768, 997) if size > 9 else (1, 2, size or 1):
        found = read(made, aggregate, step)[0]
        assert [cell[1][0] for cell in found] == list(range(1, size + 1))
