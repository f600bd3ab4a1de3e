"""`accord registry` and `accord exercise`, as an operator uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nodes.error_table import ExitCode
from tests import oracle
from tests.cli.command import accord, init


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert init(tmp_path / "node", "one").code == 0
    return tmp_path / "node"


@pytest.fixture
def exercise(tmp_path: Path, home: Path) -> Path:
    made = accord(home, "exercise", "generate", tmp_path / "exercise", "--size", 300, "--overlap", 30, "--json")
    assert made.code == 0
    assert made.json["size"] == 300 and made.json["overlap"] == 30 and len(made.json["agencies"]) == 2
    assert made.json["shared"]["passport"] == made.json["shared"]["passport-number"] > 10
    return tmp_path / "exercise"


def import_(home: Path, folder: Path, *more: object):
    return accord(
        home, "registry", "import", "persons", folder / "agency-1.csv", "--mapping", folder / "agency-1.toml", *more
    )


def test_import_list_show_check(home: Path, exercise: Path) -> None:
    done = import_(home, exercise)
    assert done.code == 0 and "300 records; persons is now at version 1." in done.err
    assert any(line.startswith("passport\taccepted\t") for line in done.out.splitlines())
    report = import_(home, exercise, "--json").json
    assert (report["version"], report["records"], report["realm"]) == (2, 300, "exercise")
    (listed,) = accord(home, "registry", "list", "--json").json
    assert (listed["data_set"], listed["version"], listed["profile"]) == ("persons", 2, "current")
    shown = accord(home, "registry", "show", "persons", "--json").json
    assert shown["report"] == report
    assert shown["sizes"]["iban"] == report["kinds"]["iban"]["accepted"] > 0
    (checked,) = accord(home, "registry", "check", "--json").json
    assert checked["root"] == shown["root"] == listed["root"]
    for words in (("list",), ("show", "persons"), ("check", "persons")):
        assert "persons" in accord(home, "registry", *words).out


def test_imports_are_in_the_ledger(home: Path, exercise: Path) -> None:
    sizes = {k: c["accepted"] for k, c in import_(home, exercise, "--json").json["kinds"].items() if c["accepted"]}
    rows = [json.loads(line) for line in accord(home, "ledger", "show", "--json").out.splitlines()]
    row = [r for r in rows if r.get("event") == "import"][-1]
    assert (row["data_set"], row["snapshot"]) == ("persons", "1")
    assert dict(zip(row["kinds"], row["sizes"], strict=True)) == sizes


def test_no_value_is_shown_anywhere(home: Path, exercise: Path) -> None:
    rows = [line.split(",") for line in (exercise / "agency-1.csv").read_text().splitlines()[1:]]
    spoilt = exercise / "agency-1.csv"
    spoilt.write_text(spoilt.read_text().replace(rows[0][4], "Ж" + rows[0][4]))
    done = import_(home, exercise)
    listing = accord(home, "registry", "show", "persons")
    values = {cell for row in rows for cell in (row[4], row[6], row[7], row[9]) if cell}
    for text in (done.out, done.err, listing.out, listing.err):
        assert not any(value in text for value in values)
    assert "rejected: unsupported-character\t1\t2" in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["import", "persons", "missing.csv", "--mapping", "{map}"], "bad-source", ExitCode.INPUT),
        (["import", "persons", "{csv}", "--mapping", "missing.toml"], "unreadable-file", ExitCode.INPUT),
        (["import", "../persons", "{csv}", "--mapping", "{map}"], "bad-data-set-name", ExitCode.INPUT),
        (["import", "persons", "{csv}", "--format", "ofac-sdn"], "source-realm-mismatch", ExitCode.INPUT),
        (["show", "persons"], "unknown-data-set", ExitCode.CONFIGURATION),
        (["check", "persons"], "unknown-data-set", ExitCode.CONFIGURATION),
    ],
)
def test_errors(home: Path, exercise: Path, arguments: list[str], code: str, exit_code: ExitCode) -> None:
    places = {"csv": exercise / "agency-1.csv", "map": exercise / "agency-1.toml"}
    done = accord(home, "registry", *[a.format(**places) for a in arguments], "--json")
    assert (done.code, done.error["code"]) == (exit_code, code)
    assert accord(home, "registry", "list", "--json").json == []


def test_a_csv_needs_its_mapping(home: Path, exercise: Path) -> None:
    assert accord(home, "registry", "import", "persons", exercise / "agency-1.csv").code == ExitCode.USAGE
    both = ("--mapping", exercise / "agency-1.toml", "--format", "ofac-sdn")
    assert accord(home, "registry", "import", "persons", exercise / "agency-1.csv", *both).code == ExitCode.USAGE


def test_an_exercise_is_refused_by_a_production_node(tmp_path: Path, exercise: Path) -> None:
    assert init(tmp_path / "real", "two", "production").code == 0
    done = import_(tmp_path / "real", exercise, "--json")
    assert (done.code, done.error["code"]) == (ExitCode.INPUT, "source-realm-mismatch")


def test_public_lists_go_into_a_production_node(tmp_path: Path) -> None:
    folder = oracle.data_folder()
    assert init(tmp_path / "real", "two", "production").code == 0
    for name, file in list(oracle.FILES.items())[:2]:
        file_format = "un-consolidated" if file.endswith(".xml") else "ofac-sdn"
        done = accord(tmp_path / "real", "registry", "import", name, folder / file, "--format", file_format, "--json")
        assert done.json["kinds"]["passport-number"]["accepted"] == {"un-2020": 302, "ofac-2024": 2145}[name]


def test_a_damaged_snapshot_is_found(home: Path, exercise: Path) -> None:
    import_(home, exercise)
    (path,) = home.glob("registry/persons/*.snapshot")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    done = accord(home, "registry", "check", "--json")
    assert (done.code, done.error["code"]) == (ExitCode.STORAGE, "sealed-file-damaged")


def test_an_exercise_is_not_written_twice(home: Path, exercise: Path) -> None:
    done = accord(home, "exercise", "generate", exercise, "--json")
    assert (done.code, done.error["code"]) == (ExitCode.INPUT, "bad-exercise")
    text = accord(home, "exercise", "generate", exercise.parent / "other", "--size", 50)
    assert text.code == 0 and "accord registry import persons" in text.out


def test_kinds_without_a_value_are_left_out_for_people_and_kept_in_json(home: Path, exercise: Path) -> None:
    done = import_(home, exercise)
    kinds = {line.split("\t")[0] for line in done.out.splitlines()[1:]}
    assert "passport" in kinds and "imei" not in kinds
    assert "imei" not in accord(home, "registry", "show", "persons").out
    assert import_(home, exercise, "--json").json["kinds"]["imei"] == {"accepted": 0, "merged": 0, "rejected": {}}


def changes_of(exercise: Path, change: str) -> Path:
    """A file of changes: the first row of the agency's records with a word in front, and a removal of the second."""
    header, first, second, *_ = (exercise / "agency-1.csv").read_text().splitlines()
    path = exercise / "changes.csv"
    path.write_text(f"accord_change,{header}\n{change},{first}\nremove,{second}\n")
    return path


def test_update_and_diff(home: Path, exercise: Path) -> None:
    import_(home, exercise)
    mapping = ("--mapping", exercise / "agency-1.toml")
    references = [line.split(",")[0] for line in (exercise / "agency-1.csv").read_text().splitlines()[1:3]]
    done = accord(home, "registry", "import", "persons", changes_of(exercise, "add"), *mapping, "--update")
    assert done.code == 0
    assert "1 records added, 1 removed.\n300 records; persons is now at version 2." in done.err
    assert "reference-already-held\t1\t2" in done.out
    shown = accord(home, "registry", "show", "persons", "--json").json
    assert shown["report"]["changes"] == {"added": 1, "base": 1, "removed": 1}
    text = accord(home, "registry", "diff", "persons")
    assert text.code == 0 and "300 records before, 300 after; references: 0 added, 1 removed, 1 changed." in text.err
    assert text.out.splitlines()[0] == "kind\tbefore\tafter\tadded\tremoved"
    listed = accord(home, "registry", "diff", "persons", 1, 2, "--references")
    assert listed.out.splitlines()[-2:] == [f"removed\t{references[1]}", f"changed\t{references[0]}"]
    as_json = accord(home, "registry", "diff", "persons", 2, 1, "--references", "--json").json
    assert (as_json["added"], as_json["removed"], as_json["changed"]) == ([references[1]], [], [references[0]])
    assert as_json["references"] == {"added": 1, "changed": 1, "removed": 0}
    values = {
        c for line in (exercise / "agency-1.csv").read_text().splitlines()[1:] for c in line.split(",")[4:10] if c
    }
    for out in (text.out, listed.out, str(as_json)):
        assert not any(value in out for value in values if len(value) > 5)


def test_several_mappings_read_several_records_of_a_row(home: Path, tmp_path: Path) -> None:
    (tmp_path / "vehicles.csv").write_text(
        "no,owner,owner_id,keeper,keeper_id\n1,A,X1234567,B,Y1234567\n2,C,Z1234567,,\n"
    )
    arguments: list[object] = []
    for role in ("owner", "keeper"):
        (tmp_path / f"{role}.toml").write_text(
            f'realm = "exercise"\nreference = "no"\ndisplay = ["{role}"]\n'
            f'[[identifier]]\nkind = "passport-number"\nnumber = "{role}_id"\n'
        )
        arguments += ["--mapping", tmp_path / f"{role}.toml"]
    report = accord(home, "registry", "import", "vehicles", tmp_path / "vehicles.csv", *arguments, "--json").json
    assert (report["records"], report["kinds"]["passport-number"]["accepted"], report["rows"]) == (3, 3, {})


def test_ftm_goes_in_without_a_mapping(home: Path, tmp_path: Path) -> None:
    entity = {"id": "p", "schema": "Person", "properties": {"passportNumber": ["X1234567"]}, "accord_realm": "exercise"}
    (tmp_path / "list.json").write_text(json.dumps(entity))
    report = accord(home, "registry", "import", "list", tmp_path / "list.json", "--format", "ftm", "--json").json
    assert (report["records"], report["format"]) == (1, "ftm")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["import", "persons", "{csv}", "--mapping", "{map}", "--update"], "unknown-data-set"),
        (["import", "persons", "{changes}", "--mapping", "{map}"], "bad-source"),
        (["diff", "persons"], "unknown-data-set"),
        (["diff", "once"], "unknown-version"),
        (["diff", "once", "1", "7"], "unknown-version"),
    ],
)
def test_errors_of_changes(home: Path, exercise: Path, arguments: list[str], code: str) -> None:
    mapping = exercise / "agency-1.toml"
    accord(home, "registry", "import", "once", exercise / "agency-1.csv", "--mapping", mapping)
    places = {"csv": exercise / "agency-1.csv", "map": mapping, "changes": changes_of(exercise, "add")}
    done = accord(home, "registry", *[a.format(**places) for a in arguments], "--json")
    assert done.error["code"] == code


@pytest.mark.parametrize(
    "arguments", [["--format", "ftm", "--update"], ["--format", "ftm", "--mapping", "m.toml"], ["--format", "parquet"]]
)
def test_options_that_do_not_go_together(home: Path, exercise: Path, arguments: list[str]) -> None:
    done = accord(home, "registry", "import", "persons", exercise / "agency-1.csv", *arguments)
    assert done.code == ExitCode.USAGE


def test_a_data_set_of_another_format_is_listed(home: Path, exercise: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("nodes.registry.snapshot_writer.FORMAT", 1)
        import_(home, exercise)
    assert accord(home, "registry", "list", "--json").json == [
        {"data_set": "persons", "profile": "outdated: import again", "version": 1}
    ]
    assert accord(home, "registry", "list").out.splitlines()[1] == "persons\t1\t\t\t\t\toutdated: import again"
    assert accord(home, "registry", "check", "--json").error["code"] == "snapshot-format-outdated"
    import_(home, exercise)
    assert accord(home, "registry", "list", "--json").json[0]["profile"] == "current"
