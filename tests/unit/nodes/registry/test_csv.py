"""CSV files and their mapping: what is read, what costs a row, what costs the import."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nodes.errors import NodeError, UnreadableFileError
from nodes.registry import csv_source, import_source, load_mapping
from nodes.registry.errors import MappingError, SourceError, SourceRealmError
from nodes.registry.mapping import parse_mapping
from nodes.registry.source import MAX_FIELD_CHARACTERS, MAX_RECORD_CHARACTERS
from tests.unit.nodes.registry.reading import NOW, identifiers, plain, registry

SAMPLE = Path(__file__).parents[4] / "docs" / "samples" / "mapping.toml"
MAPPING = """
realm = "production"
reference = "ref"
display = ["name"]
[[identifier]]
kind = "passport"
country = "issuer"
number = "passport"
[[identifier]]
kind = "iban"
number = "account"
"""
HEADER = "ref,name,issuer,passport,account\n"


def write(folder: Path, text: str | bytes, mapping: str = MAPPING) -> tuple[Path, Path]:
    file, map_file = folder / "records.csv", folder / "mapping.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    map_file.write_text(mapping)
    return file, map_file


def import_csv(folder: Path, text: str | bytes, mapping: str = MAPPING, realm: str = "production"):
    file, map_file = write(folder, text, mapping)
    return import_source(registry(folder, realm), "set", csv_source(file, load_mapping(map_file)), NOW)


def rejected(report) -> dict[tuple[str, str], list[int]]:
    found = {(kind, r): v.rows for kind, counts in report.kinds.items() for r, v in counts.rejected.items()}
    return found | {("row", reason): v.rows for reason, v in report.rows.rejected.items()}


def test_the_sample_is_read_and_says_what_the_manual_says(tmp_path: Path) -> None:
    mapping = load_mapping(SAMPLE)
    assert (mapping.realm, mapping.encoding, mapping.delimiter) == ("production", "utf-8", ";")
    assert [i.kind for i in mapping.identifiers] == [
        "passport",
        "passport",
        "national-id",
        "iban",
        "imo",
        "crypto-wallet",
        "tax-id",
        "phone",
        "e-mail",
        "vehicle-plate",
        "imei",
        "name-dob",
        "mrz",
    ]
    columns = sorted(mapping.columns())
    row = {"case_no": "1", "surname": "Alfa", "id_card_no": "L01X00T47", "passport_2_country": "Burma",
           "passport_2_no": "MA123456", "full_name": "Boris Kowalski", "date_of_birth": "13 May 1970",
           "mrz": "P<TURSAHIN<<ALI".ljust(44, "<") + "L898902C36TUR7408122F1204159<<<<<<<<<<<<<<08"}  # fmt: skip
    text = ";".join(columns) + "\n" + ";".join(row.get(c, "") for c in columns) + "\n"
    report = import_csv(tmp_path, text, SAMPLE.read_text())
    assert {k: c.accepted for k, c in report.kinds.items() if c.accepted} == {
        "passport": 2, "passport-number": 2, "national-id": 1, "name-dob": 2,
    }  # fmt: skip
    with registry(tmp_path).open("set") as snapshot:
        assert plain(snapshot, "national-id") == {("DEU", "L01X00T47")}
        assert plain(snapshot, "passport") == {("MMR", "MA123456"), ("TUR", "L898902C3")}
        assert plain(snapshot, "name-dob") == {("19700513", "BRT KLTK"), ("19740812", "AL TKN")}


def test_a_zone_gives_several_kinds_and_a_wrong_one_a_remark(tmp_path: Path) -> None:
    mapping = 'realm = "production"\nreference = "ref"\n[[identifier]]\nkind = "mrz"\nzone = "zone"\n'
    zone = "I<TURD231458907<<<<<<<<<<<<<<<7408122F1204159TUR<<<<<<<<<<<6KOWALSKI<<BORIS".ljust(90, "<")
    wrong = zone.replace("D23145890", "D23145891")
    report = import_csv(tmp_path, f"ref,zone\n1,{zone}\n2,{wrong}\n3,{zone[:60]}\n4,\n", mapping)
    assert report.records == 4
    assert rejected(report) == {("row", "mrz-check-digit"): [3], ("row", "mrz-wrong-format"): [4]}
    assert {k: c.accepted for k, c in report.kinds.items() if c.accepted} == {"national-id": 1, "name-dob": 1}


def test_a_name_has_several_values_of_one_record(tmp_path: Path) -> None:
    mapping = 'realm = "production"\nreference = "ref"\n[[identifier]]\nkind = "name-dob"\nname = "n"\ndate = "d"\n'
    text = "ref,n,d\n1,Boris Kowalski Petrenko,1970\n2,Борис Ковальский Петренко,13.05.1970\n3,Ali Ahmed,1970\n"
    report = import_csv(tmp_path, text, mapping)
    assert rejected(report) == {("name-dob", "not-distinctive"): [4]}
    with registry(tmp_path).open("set") as snapshot:
        keys = sorted(plain(snapshot, "name-dob"))
        assert len(keys) == report.kinds["name-dob"].accepted >= 12
        row = keys.index(("197005", "BTRNK KLTK"))
        assert [r.reference for r in snapshot.records("name-dob", np.array([row]))[0]] == ["1", "2"]


def test_a_phone_needs_no_country_column(tmp_path: Path) -> None:
    mapping = 'realm = "production"\nreference = "ref"\n[[identifier]]\nkind = "phone"\nnumber = "n"\n'
    report = import_csv(tmp_path, "ref,n\n1,+49 171 1234567\n2,0171 1234567\n", mapping)
    assert report.kinds["phone"].accepted == 1
    assert rejected(report) == {("phone", "country-missing"): [3]}


def test_rows_become_identifiers_and_records(tmp_path: Path) -> None:
    report = import_csv(tmp_path, HEADER
        + "1,Alfa,Iran,A1234567,DE89 3704 0044 0532 0130 00\n"
        + '2,"Bravo, with a ""quote""\nand a line",IRN,a 123-4567,\n'
        + "3,Charlie,Atlantis,B1234567,\n"
        + "4,Delta,,C1234567,DE89 3704 0044 0532 0130 01\n"
        + "\n"
        + "5,Echo\n"
        + " ,Foxtrot,Iran,D1234567,\n"
        + '7,"Golf"x,Iran,E1234567,\n'
        + f"8,{'x' * (MAX_FIELD_CHARACTERS + 1)},Iran,F1234567,\n"
        + f"8,{'x' * 200_000},Iran,F1234567,\n"
        + "9,Hotel,Iran,A1234567,de89370400440532013000\n")  # fmt: skip
    assert report.records == 5
    assert rejected(report) == {
        ("passport", "country-unknown"): [5], ("passport", "country-missing"): [6], ("iban", "check-digit"): [6],
        ("row", "wrong-column-count"): [8], ("row", "no-reference"): [9], ("row", "bad-quoting"): [10],
        ("row", "field-too-long"): [11, 12],
    }  # fmt: skip
    counts = {kind: (c.accepted, c.merged) for kind, c in report.kinds.items() if c.accepted}
    assert counts == {"passport": (1, 2), "passport-number": (3, 2), "iban": (1, 1)}
    with registry(tmp_path).open("set") as snapshot:
        held = snapshot.records("passport", np.array([0]))[0]
        assert [r.reference for r in held] == ["1", "2", "9"]
        assert held[1].display == {"name": 'Bravo, with a "quote" and a line'}
        assert snapshot.report == report.to_json()


@pytest.mark.parametrize(
    ("encoding", "codec"), [("utf-8", "utf-8"), ("utf-8", "utf-8-sig"), ("latin-1", "latin-1"), ("utf-16", "utf-16"),
                            ("windows-1252", "cp1252")]
)  # fmt: skip
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_encodings(tmp_path: Path, encoding: str, codec: str, line_end: str) -> None:
    text = (HEADER + "1,Müller,Türkei,A1234567,\n2,Ångström,Türkiye,B1234567,\n").replace("\n", line_end)
    report = import_csv(tmp_path, text.encode(codec), f'encoding = "{encoding}"\n{MAPPING}')
    assert report.kinds["passport"].accepted == 1  # "Türkei" is no name that authorities use in English
    with registry(tmp_path).open("set") as snapshot:
        names = {r.display["name"] for rs in snapshot.records("passport-number", np.arange(2)) for r in rs}
        assert names == {"Müller", "Ångström"}


GOOD = HEADER + "1,Alfa,Iran,A1234567,\n"
BAD_FILES: dict[str, tuple[bytes, type[NodeError]]] = {
    "empty": (b"", SourceError),
    "blank lines": (b"\n\n\n", SourceError),
    "header alone": (HEADER.encode(), SourceError),
    "rejected rows alone": ((HEADER + "1,2\n").encode(), SourceError),
    "wrong encoding": ((GOOD + "2,Müller,Iran,B1234567,\n").encode("latin-1"), SourceError),
    "wrong encoding far into the file": ((GOOD + "2,x,Iran,B1234567,\n" * 5000).encode() + b"\xff,,,,\n", SourceError),
    "binary": (b"\x00\x01\x02" * 1000, SourceError),
    "binary behind a good start": (GOOD.encode() + b"\x00" * 100 + b"\n", SourceError),
    "a quote that is never closed": ((GOOD + '2,"' + "x" * MAX_RECORD_CHARACTERS).encode(), SourceError),
    "a line without end": (b"x" * (2 * MAX_RECORD_CHARACTERS), SourceError),
    "column missing": (b"ref,name,issuer,account\n1,Alfa,Iran,\n", MappingError),
    "column twice": ((HEADER.replace("\n", ",name\n") + "1,Alfa,Iran,A1234567,,x\n").encode(), MappingError),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_file_costs_the_import_and_nothing_else(tmp_path: Path, what: str) -> None:
    import_csv(tmp_path, GOOD)
    before = {path.name: path.read_bytes() for path in (tmp_path / "registry" / "set").iterdir()}
    content, error = BAD_FILES[what]
    with pytest.raises(error) as caught:
        import_csv(tmp_path, content)
    assert "records.csv" in str(caught.value)
    assert "A1234567" not in str(caught.value) and "Alfa" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in (tmp_path / "registry" / "set").iterdir()} == before


def test_what_is_no_readable_file(tmp_path: Path) -> None:
    _, map_file = write(tmp_path, GOOD)
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(SourceError):
            import_source(registry(tmp_path), "set", csv_source(path, load_mapping(map_file)), NOW)
    with pytest.raises(UnreadableFileError):
        load_mapping(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('encodign = "utf-8"', "encodign"),
        ('encoding = "utf-7"', "encoding"),
        ('delimiter = "::"', "delimiter"),
        ('realm = "test"', "realm"),
        ("reference = 1", "reference"),
        ("display = []", "display"),
        ('[[identifier]]\nkind = "phone number"', "kind"),
        ('[[identifier]]\nkind = "iban"', "number"),
        ('[[identifier]]\nkind = "iban"\nnumber = "a"\nfixed_country = "DEU"', "fixed_country"),
        ('[[identifier]]\nkind = "national-id"\nnumber = "a"\nfixed_country = "Atlantis"', "fixed_country"),
        ('[[identifier]]\nkind = "national-id"\nnumber = "a"\nfixed_country = "DEU"\ncountry = "b"', "country"),
        ('[[identifier]]\nkind = "iban"\nnumber = "a"\nwidth = 3', "width"),
    ],
)
def test_a_wrong_mapping_is_refused_by_key(change: str, message: str) -> None:
    key = change.split(" ")[0]
    base = "\n".join(line for line in MAPPING.splitlines() if not line.startswith(f"{key} ="))
    text = base + "\n" + change if change.startswith("[[") else change + "\n" + base
    with pytest.raises(MappingError, match=message):
        parse_mapping(text.encode(), "mapping.toml")


def test_a_mapping_without_identifiers_is_refused() -> None:
    with pytest.raises(MappingError, match="identifier"):
        parse_mapping(b'realm = "production"\nreference = "ref"\n', "mapping.toml")


def test_records_of_the_other_realm_are_refused(tmp_path: Path) -> None:
    header = HEADER.replace("\n", ",accord_realm\n")
    exercise = MAPPING.replace('"production"', '"exercise"')
    with pytest.raises(SourceRealmError):  # the mapping says exercise
        import_csv(tmp_path, GOOD, exercise)
    with pytest.raises(SourceRealmError):  # the mapping was changed, one row still says exercise
        import_csv(tmp_path, header + "1,Alfa,Iran,A1234567,,production\n2,Bravo,Iran,B1234567,,exercise\n")
    with pytest.raises(SourceRealmError):  # one row does not say
        import_csv(tmp_path, header + "1,Alfa,Iran,A1234567,,production\n2,Bravo,Iran,B1234567,,\n")
    assert registry(tmp_path).data_sets() == []
    report = import_csv(tmp_path, header + "1,Alfa,Iran,A1234567,,exercise\n", exercise, realm="exercise")
    assert report.realm == "exercise"
    with pytest.raises(SourceRealmError):  # and a data set of the other realm, copied over, does not open
        registry(tmp_path).open("set")


def test_identifiers_are_sorted_and_distinct(tmp_path: Path) -> None:
    rows = "".join(f"{i},x,Iran,Z{(i * 7919) % 10007:07}X,\n" for i in range(3000))
    import_csv(tmp_path, HEADER + rows + rows)
    with registry(tmp_path).open("set") as snapshot:
        found = identifiers(snapshot, "passport")
        assert found == sorted(set(found)) and len(found) == 3000
        snapshot.check()
