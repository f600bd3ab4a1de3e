"""Results read back as they were written, and refused when they were not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nodes.errors import HitUnknownError, PermissionsError, ResultError, ResultUnknownError, StorageError
from nodes.hits import all_results, find_result, read_result
from tests.agency import NOW_MS, Agency, make_agency
from tests.results import BASIS, PERSON, identifier, keep_result


@pytest.fixture
def north(tmp_path: Path) -> Agency:
    return make_agency(tmp_path / "north")


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 2_001])
def test_what_was_written_is_read(north: Agency, count: int) -> None:
    result = keep_result(north, {"iban": 1, "imo": 0, "passport-number": count}).result
    assert result.count == count + 1
    assert (result.partner, result.asked_by, result.asked, result.data_set) == (
        "fiu-south",
        "fiu-north",
        "suspects",
        "own",
    )
    assert (result.legal_basis, result.answered_ms) == (BASIS, NOW_MS)
    hits = list(result.hits())
    assert [hit.number for hit in hits] == list(range(1, count + 2))
    assert [hit.identifier for hit in hits] == [identifier(number) for number in range(1, count + 2)]
    assert [hit.kind for hit in hits] == ["iban", *["passport-number"] * count]
    assert [result.kind(hit.number) for hit in hits] == [hit.kind for hit in hits]
    assert hits[0].records == (("own-1", {"name": PERSON}),)
    assert hits[0].note is None
    for number in (0, -1, count + 2):
        with pytest.raises(HitUnknownError):
            result.kind(number)


def test_an_answer_without_hits(north: Agency) -> None:
    result = keep_result(north, {"iban": 0}).result
    assert (result.count, list(result.hits()), result.choose(frozenset())) == (0, [], [])


def test_notes_and_chosen_hits(north: Agency) -> None:
    result = keep_result(north, notes=True).result
    assert [hit.note for hit in result.choose(frozenset([3, 1]))] == ["South, desk 4: S-1", "South, desk 4: S-3"]
    with pytest.raises(HitUnknownError):
        result.choose(frozenset([1, 4]))


def test_results_are_found_by_the_beginning_of_their_session(north: Agency) -> None:
    folder = north.config.paths.results
    assert all_results(folder) == []
    with pytest.raises(ResultUnknownError, match="got that of 0"):
        find_result(folder, "")
    one, two = (keep_result(north, name=name).result for name in ("one", "two"))
    (folder / "notes.txt").write_text("not a result")
    (folder / f"{one.session}.decisions.json").write_text("{}")
    assert all_results(folder) == sorted([one, two], key=lambda result: result.session)
    assert find_result(folder, one.session) == find_result(folder, one.session[:5].upper()) == one
    with pytest.raises(ResultUnknownError, match="got that of 2"):
        find_result(folder, "")
    with pytest.raises(ResultUnknownError):
        find_result(folder, "../" + one.session)


def test_a_result_that_others_can_read_is_refused(north: Agency) -> None:
    result = keep_result(north).result
    result.path.chmod(0o640)
    with pytest.raises(PermissionsError):
        read_result(result.path)
    with pytest.raises(PermissionsError):
        list(result.hits())
    result.path.unlink()
    with pytest.raises(StorageError):
        list(result.hits())


def without(line: int) -> Callable[[list[str]], list[str]]:
    return lambda lines: lines[:line] + lines[line + 1 :]


def replaced(old: str, new: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [line.replace(old, new) for line in lines]


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [],
        lambda lines: lines[:3],
        lambda lines: lines[:-3],
        lambda lines: lines[:-2],
        lambda lines: ["x" * 70_000, *lines],
        lambda lines: [*lines[:-3], lines[-4], *lines[-3:]],
        without(0),
        without(-3),
        replaced('"identifier"', '"name"'),
        replaced('"records":[{', '"records":[1,{'),
        replaced('"display":{', '"display":{"a",'),
        replaced('"shared": 2', '"shared": -2'),
        replaced('"shared": 2', '"shared": 3'),
        replaced('"shared": 2', '"shared": 1'),
        replaced('"asked_by"', '"asked"'),
        replaced('"purpose"', '"Purpose"'),
        replaced('"session": "', '"session": "0'),
    ],
)
def test_a_damaged_result_is_an_error_that_names_nothing(
    north: Agency, damage: Callable[[list[str]], list[str]]
) -> None:
    path = keep_result(north).result.path
    before = path.read_text()
    path.write_text("\n".join(damage(before.split("\n"))))
    assert path.read_text() != before
    with pytest.raises(ResultError) as caught:
        list(read_result(path).hits())
    assert "MARKER" not in str(caught.value)


def test_the_file_is_the_json_that_programs_read(north: Agency) -> None:
    """The line format is for large answers; the whole stays one JSON object."""
    result = keep_result(north).result
    assert len(json.loads(result.path.read_bytes())["hits"]) == result.count
