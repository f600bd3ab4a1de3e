"""The readers of public lists, on pieces of them and on files that only look like them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.registry import Source, ofac_source, un_source
from nodes.registry.errors import SourceError
from nodes.registry.source import MAX_FIELD_CHARACTERS, MAX_RECORD_CHARACTERS, RejectedRow, SourceRecord, opened
from nodes.registry.un import take_apart


def read(source: Source) -> list[SourceRecord | RejectedRow]:
    with opened(source.path) as file:
        return list(source.read(file))


def ofac_file(folder: Path, *remarks: str, tail: str = "\x1a") -> Source:
    rows = "".join(
        f'{i},"NAME, {i}","individual","SDGT","Title",{"-0- ," * 6}"{text}"\r\n' for i, text in enumerate(remarks, 1)
    )
    (folder / "sdn.csv").write_text(rows + tail, encoding="latin-1")
    return ofac_source(folder / "sdn.csv")


def ofac_values(folder: Path, remarks: str) -> list[tuple[str, ...]]:
    (row,) = read(ofac_file(folder, remarks))
    assert isinstance(row, SourceRecord)
    return [(kind, *fields) for kind, fields in row.values if kind != "passport-number"]


@pytest.mark.parametrize(
    ("remarks", "values"),
    [
        ("DOB 10 Dec 1948; Passport A123 (Iran); nationality Iran.",
         [("passport", "Iran", "A123"), ("name-dob", "NAME, 1", "10 Dec 1948")]),
        ("DOB 1964; alt. DOB 1963 to 1965; alt. DOB circa 1961.",
         [("name-dob", "NAME, 1", date) for date in ("1964", "1963 to 1965", "circa 1961")]),
        ("Email Address a.b@mail.example; alt. Email Address c@mail.example.",
         [("e-mail", "a.b@mail.example"), ("e-mail", "c@mail.example")]),
        ("Phone Number 989121234567; alt. Phone Number +98-912.",
         [("phone", "", "+989121234567"), ("phone", "", "+98-912")]),
        ("Tax ID No. 770106425720 (Russia); R.F.C. AEFJ660930I34 (Mexico); NIT # 800123456-1 (Colombia).",
         [("tax-id", "Russia", "770106425720"), ("tax-id", "Mexico", "AEFJ660930I34"),
          ("tax-id", "Colombia", "800123456-1")]),
        ("alt. Passport 6067015 (Comoros) expires 26 May 2014.", [("passport", "Comoros", "6067015")]),
        ("Passport L 191609 issued 28 Feb 1996 expires 27 Feb 2001", [("passport", "", "L 191609")]),
        ("Passport 92/664 (Egypt).", [("passport", "Egypt", "92/664")]),
        ("Diplomatic Passport 008827 (Iran) issued 1999.", [("passport", "Iran", "008827")]),
        ("Passport D000000483, Diplomatic (Syria)", [("passport", "Syria", "D000000483")]),
        ("Passport No.: 0310857, Eritrea, Issue Date 21 August 2006", [("passport", "Eritrea", "0310857")]),
        ("alt. Passport Booklet: A5199819 (Pakistan)", [("passport", "Pakistan", "A5199819")]),
        ("Passport AF465508 Colombia", [("passport", "Colombia", "AF465508")]),
        ("Passport C 1415363 - 16/2/1421H issued 21 May 2000", [("passport", "", "C 1415363")]),
        ("Diplomatic Passport Laissez-Passer 02154", [("passport", "", "02154")]),
        ("Passport #H0044232 (Iraq).", [("passport", "Iraq", "#H0044232")]),
        ("Passport issued in Sarajevo, Bosnia-Herzegovina", []),
        ("U.S.A. Passport issued 21 Jun 1992 in Amman, Jordan.", []),
        ("passport place of issue: Al-Anbar, Iraq; Holder of a Pakistan passport", []),
        ("Travel Document Number A0003900 (Germany)", [("passport", "Germany", "A0003900")]),
        ("National ID No. 14.257.455 (Spain)", [("national-id", "Spain", "14.257.455")]),
        ("National ID No. D489833(9) (Hong Kong)", [("national-id", "Hong Kong", "D489833(9)")]),
        ("National ID No. 13/Ta Ta Na (Naing)019077 (Burma)", [("national-id", "Burma", "13/Ta Ta Na (Naing)019077")]),
        ("National ID No. (HWI)040182 (Burma)", [("national-id", "Burma", "(HWI)040182")]),
        ("alt. National ID No. CNIC: 35202-5400413-9 (Pakistan)", [("national-id", "Pakistan", "35202-5400413-9")]),
        ("National ID No.: 1372584, Kenya", [("national-id", "Kenya", "1372584")]),
        ("National ID No. FN292891 y (Austria)", [("national-id", "Austria", "FN292891 y")]),
        ("National ID No. 179FR920098004 D (Mali).", [("national-id", "Mali", "179FR920098004 D")]),
        ("alt. Kenyan ID No. 22536936", [("national-id", "Kenyan", "22536936")]),
        ("Italian Fiscal Code DAOMMD74T11Z352Z.", [("national-id", "Italian", "DAOMMD74T11Z352Z")]),
        ("Cedula No. 6068015 (Colombia); C.U.R.P. AIMM67125HCHRRG06 (Mexico) issued 1968.",
         [("national-id", "Colombia", "6068015"), ("national-id", "Mexico", "AIMM67125HCHRRG06")]),
        ("Passport OR801168 and Kuwaiti National ID No. 281020505755 issued under the name X",
         [("passport", "", "OR801168"), ("national-id", "Kuwaiti", "281020505755")]),
        ("Vessel Registration Identification IMO 7406784; MMSI 123456789", [("imo", "7406784")]),
        ("Vessel Registration Identification IMO  8730455 (Russia).", [("imo", "8730455")]),
        ("Company Number IMO 5055293; Identification Number IMO 5848165", []),
        ("Digital Currency Address - XBT 12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h; alt. Digital Currency Address - TRX Tx.",
         [("crypto-wallet", "12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h"), ("crypto-wallet", "Tx")]),
        ("Tax ID No. 52-1699409; Identification Number AO 2879097 (Italy); Registration ID 14063277",
         [("tax-id", "", "52-1699409")]),
    ],
)  # fmt: skip
def test_remarks(tmp_path: Path, remarks: str, values: list[tuple[str, ...]]) -> None:
    assert ofac_values(tmp_path, remarks) == values


def test_the_other_columns_of_a_row(tmp_path: Path) -> None:
    (row,) = read(ofac_file(tmp_path, "-0- "))
    assert isinstance(row, SourceRecord)
    assert (row.row, row.reference, row.values) == (1, "1", [])
    assert row.display == {"name": "NAME, 1", "type": "individual", "programme": "SDGT", "title": "Title"}


@pytest.mark.parametrize(
    ("end", "rejected"),
    [
        ("alt. Digital Currency Address - XBT 1Gq", ["crypto-wallet"]),
        ("alt. Digital Currency Address - XBT ", ["crypto-wallet"]),
        ("Digital Currency Addres", ["crypto-wallet"]),
        ("Passport A1234567", ["passport"]),
        ("Passport A1234567 (Ir", ["passport"]),
        ("National ID N", ["national-id"]),
        ("Vessel Registration Identification IMO 74067", ["imo"]),
        ("Linked To: SOMEBODY", []),
        ("; ", []),
        ("alt", []),
    ],
)
def test_remarks_that_fill_their_field(tmp_path: Path, end: str, rejected: list[str]) -> None:
    start = "Passport B7654321 (Iran); "
    whole = start + "x" * (1000 - len(start) - len(end) - 2) + "; " + end
    assert len(whole) == 1000
    (row,) = read(ofac_file(tmp_path, whole))
    assert isinstance(row, SourceRecord)
    assert row.rejected == [(kind, "truncated") for kind in rejected]
    assert row.remarks == ("remarks-truncated",)
    assert ("passport", ("Iran", "B7654321")) in row.values and len(row.values) == 2
    (shorter,) = read(ofac_file(tmp_path, whole[1:]))  # the same, but not full
    assert isinstance(shorter, SourceRecord)
    assert (shorter.rejected, shorter.remarks) == ([], ())


def test_rows_that_are_none(tmp_path: Path) -> None:
    good = ofac_file(tmp_path, "Passport A123 (Iran)").path.read_text("latin-1").removesuffix("\x1a")
    (tmp_path / "sdn.csv").write_text('1,2,3\n"x",' + good.partition(",")[2] + good + "\x1a", encoding="latin-1")
    rows = read(ofac_source(tmp_path / "sdn.csv"))
    assert rows[:2] == [RejectedRow(1, "wrong-column-count"), RejectedRow(2, "no-entity-number")]
    assert len(rows) == 3


@pytest.mark.parametrize("content", ["\x1a", "a,b,c\n1,2,3\n", "x" * 100, "\r\n\r\n"])
def test_a_file_that_is_no_sdn_csv(tmp_path: Path, content: str) -> None:
    (tmp_path / "sdn.csv").write_text(content)
    with pytest.raises(SourceError):
        read(ofac_source(tmp_path / "sdn.csv"))


@pytest.mark.parametrize(
    ("text", "words", "number"),
    [
        ("Libyan Passport No. 96/184442", ["Libyan", "Passport"], "96/184442"),
        ("German travel document (“Reiseausweis”) A 0139243", ["German", "travel", "document", "(“Reiseausweis”)"],
         "A 0139243"),
        ("Russian passport number 8208 No. 555627", ["Russian", "passport"], "8208 555627"),
        ("No. H0044232 (Iraqi)", ["Iraqi"], "H0044232"),
        ("No34409/129", [], "No34409/129"),
        ("NO33301/862", [], "NO33301/862"),
        ("381110042 (Expired 25 Jan. 2016)", ["Expired", "25", "Jan.", "2016"], "381110042"),
        ("R00005943, South Sudan", ["South", "Sudan"], "R00005943"),
        ("TR-P 614 166", [], "TR-P 614 166"),
        ("D 000974", [], "D 000974"),
        ("Provisional passport No.: 28642163", ["Provisional", "passport"], "28642163"),
        ("Tunisian passport number L723315, issued on 5 May 1998", ["Tunisian", "passport"], "L723315"),
        ("Yemeni passport number 17979 issued under name X (see no.:31/2013 below)",
         ["Yemeni", "passport", "see", "no.:31/2013", "below"], "17979"),
        ("04643632 issued on 18 Jun. 1999", [], "04643632"),
        ("issued in 1993, under name X", ["issued", "in"], ""),
        ("Expires on 9 June 2023", ["Expires", "on"], ""),
        ("tazkira", ["tazkira"], ""),
        ("Birth certificate", ["Birth", "certificate"], ""),
        ("Italian Fiscal Code: DAOMMD74T11Z352Z", ["Italian", "Fiscal", "Code:"], "DAOMMD74T11Z352Z"),
        ("", [], ""),
    ],
)  # fmt: skip
def test_words_around_a_number(text: str, words: list[str], number: str) -> None:
    assert take_apart(text) == (words, number)


def test_words_around_a_number_cost_no_time_without_end() -> None:
    for text in ("()" * 200_000, "(" * 400_000, " " * 400_000, "a " * 200_000, "1(" * 200_000):
        take_apart(text)


def un_file(folder: Path, *documents: str, entries: str = "") -> Source:
    people = "".join(
        f"<INDIVIDUAL><DATAID>{i}</DATAID><FIRST_NAME>Alfa</FIRST_NAME><SECOND_NAME> Bravo</SECOND_NAME>"
        f"<REFERENCE_NUMBER>REF.{i}</REFERENCE_NUMBER><INDIVIDUAL_DOCUMENT>{d}</INDIVIDUAL_DOCUMENT></INDIVIDUAL>\n"
        for i, d in enumerate(documents, 1)
    )
    start = "<?xml version='1.0' encoding='UTF-8'?>\n<CONSOLIDATED_LIST><INDIVIDUALS>\n"
    (folder / "un.xml").write_text(f"{start}{people}</INDIVIDUALS>{entries}</CONSOLIDATED_LIST>", encoding="utf-8")
    return un_source(folder / "un.xml")


NATIONAL = "National Identification Number"


def document(**fields: str) -> str:
    return "".join(f"<{tag}>{text}</{tag}>" for tag, text in fields.items())


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        ({"TYPE_OF_DOCUMENT": "Passport", "NUMBER": "A1", "ISSUING_COUNTRY": "Tunisian passport"},
         [("passport", "Tunisian", "A1")]),
        ({"TYPE_OF_DOCUMENT": "Numéro de passeport", "NUMBER": "A1", "COUNTRY_OF_ISSUE": "RPDC"},
         [("passport", "RPDC", "A1")]),
        ({"TYPE_OF_DOCUMENT": "Número de pasaporte", "NUMBER": "A1"}, [("passport", "", "A1")]),
        # Issued by one state in another: the state that issues it counts.
        ({"TYPE_OF_DOCUMENT": "Passport", "NUMBER": "A1", "ISSUING_COUNTRY": "Turkey", "COUNTRY_OF_ISSUE": "Germany"},
         [("passport", "Turkey", "A1")]),
        ({"TYPE_OF_DOCUMENT": "Passport", "NUMBER": "Russian passport number 12", "COUNTRY_OF_ISSUE": "Egypt"},
         [("passport", "Russian", "12")]),
        ({"TYPE_OF_DOCUMENT": "Passport", "NUMBER": "Congo service passport number SA1"},
         [("passport", "Congo", "SA1")]),
        ({"TYPE_OF_DOCUMENT": NATIONAL, "TYPE_OF_DOCUMENT2": "national passport", "NUMBER": "12"},
         [("passport", "", "12")]),
        ({"TYPE_OF_DOCUMENT": NATIONAL, "TYPE_OF_DOCUMENT2": "Afghan (tazkira) number 44"},
         [("national-id", "Afghan", "44")]),
        ({"TYPE_OF_DOCUMENT": NATIONAL, "NOTE": "SSN 156-92-98 (United States of America)"},
         [("national-id", "United States of America", "156-92-98")]),
        ({"TYPE_OF_DOCUMENT": NATIONAL, "NOTE": "issued in 1993"}, []),
        ({"TYPE_OF_DOCUMENT": "Something else", "NUMBER": "12"}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_documents(tmp_path: Path, fields: dict[str, str], values: list[tuple[str, ...]]) -> None:
    (row,) = read(un_file(tmp_path, document(**fields)))
    assert isinstance(row, SourceRecord)
    assert [(kind, *f) for kind, f in row.values if kind != "passport-number"] == values
    assert (row.row, row.reference, row.display["name"]) == (3, "REF.1", "Alfa Bravo")


def test_names_and_dates_of_birth_of_the_un_list(tmp_path: Path) -> None:
    more = (
        "</INDIVIDUAL_DOCUMENT><NAME_ORIGINAL_SCRIPT>ألفا برافو</NAME_ORIGINAL_SCRIPT>"
        "<INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>Alpha  Brawo</ALIAS_NAME></INDIVIDUAL_ALIAS>"
        "<INDIVIDUAL_ALIAS><QUALITY>Low</QUALITY><ALIAS_NAME>Not Quite</ALIAS_NAME></INDIVIDUAL_ALIAS>"
        "<INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>Oneword</ALIAS_NAME></INDIVIDUAL_ALIAS>"
        "<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT</TYPE_OF_DATE><DATE>1961-04-23</DATE></INDIVIDUAL_DATE_OF_BIRTH>"
        "<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>APPROXIMATELY</TYPE_OF_DATE><YEAR>1960</YEAR></INDIVIDUAL_DATE_OF_BIRTH>"
        "<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE><FROM_YEAR>1958</FROM_YEAR>"
        "<TO_YEAR>1959</TO_YEAR></INDIVIDUAL_DATE_OF_BIRTH>"
        "<INDIVIDUAL_DATE_OF_BIRTH><NOTE>unknown</NOTE></INDIVIDUAL_DATE_OF_BIRTH><INDIVIDUAL_DOCUMENT>"
    )
    (row,) = read(un_file(tmp_path, more))
    assert isinstance(row, SourceRecord)
    assert row.values == [
        ("name-dob", (name, date))
        for name in ("Alfa Bravo", "ألفا برافو", "Alpha Brawo")
        for date in ("1961-04-23", "circa 1960", "1958 to 1959")
    ]


@pytest.mark.parametrize(
    "kind", ["Ration card no.", "Birth certificate", "Driver's Permit", "Student ID", "FARDC ID", "Other ID"]
)
def test_documents_that_the_list_only_keeps_under_national_numbers(tmp_path: Path, kind: str) -> None:
    fields = {"TYPE_OF_DOCUMENT": NATIONAL, "TYPE_OF_DOCUMENT2": kind, "NUMBER": "1234567"}
    (row,) = read(un_file(tmp_path, document(**fields)))
    assert isinstance(row, SourceRecord)
    assert (row.values, row.rejected) == ([], [("national-id", "other-document")])


def test_entities_are_records_too(tmp_path: Path) -> None:
    entity = "<ENTITIES><ENTITY><DATAID>7</DATAID><FIRST_NAME>Golf Ltd</FIRST_NAME></ENTITY></ENTITIES>"
    rows = read(un_file(tmp_path, entries=entity))
    assert [(r.reference, r.display) for r in rows if isinstance(r, SourceRecord)] == [("7", {"name": "Golf Ltd"})]


BOMB = "<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol2 '&lol;&lol;'>]>"
EXTERNAL = "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"


@pytest.mark.parametrize(
    "content",
    [
        b"not xml", b"<a/>", b"<CONSOLIDATED_LIST/>", b"<CONSOLIDATED_LIST>", b"\xff\xfe\x00",
        b"<CONSOLIDATED_LIST>&x;</CONSOLIDATED_LIST>",
        f"<?xml version='1.0'?>{BOMB}<CONSOLIDATED_LIST>&lol2;</CONSOLIDATED_LIST>".encode(),
        f"{EXTERNAL}<CONSOLIDATED_LIST>&e;</CONSOLIDATED_LIST>".encode(),
        b"<!DOCTYPE CONSOLIDATED_LIST><CONSOLIDATED_LIST/>",
        b"<?xml version='1.0' encoding='klingon'?><CONSOLIDATED_LIST/>",
        b"<CONSOLIDATED_LIST>" + b"<a>" * 100_000,
        b"<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL><A>" + b"x" * (MAX_RECORD_CHARACTERS + 10),
        b"<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL><A>M\xfcller</A></INDIVIDUAL></INDIVIDUALS></CONSOLIDATED_LIST>",
        b"<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL>" + b"<A/>" * MAX_RECORD_CHARACTERS,
        b"<html><body>The service is not available.</body></html>",
    ],
)  # fmt: skip
def test_a_file_that_is_no_consolidated_list(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "un.xml").write_bytes(content)
    with pytest.raises(SourceError, match=r"un\.xml"):
        read(un_source(tmp_path / "un.xml"))


def test_an_oversized_field_costs_its_entry(tmp_path: Path) -> None:
    long = document(TYPE_OF_DOCUMENT="Passport", NOTE="x" * (MAX_FIELD_CHARACTERS + 1))
    good = document(TYPE_OF_DOCUMENT="Passport", NUMBER="A1234567")
    rows = read(un_file(tmp_path, good, long, good))
    assert [type(row) for row in rows] == [SourceRecord, RejectedRow, SourceRecord]
    assert rows[1] == RejectedRow(4, "field-too-long")


@pytest.mark.parametrize(
    "start", [b"<CONSOLIDATED_LIST a='", b"<CONSOLIDATED_LIST><!-- ", b"<", b"<CONSOLIDATED_LIST><?x "]
)
def test_a_tag_without_end_is_refused_before_it_fills_the_memory(tmp_path: Path, start: bytes) -> None:
    content = start + b"x" * (64 << 20)
    (tmp_path / "un.xml").write_bytes(content)
    with opened(tmp_path / "un.xml") as file:
        with pytest.raises(SourceError, match="tags and comments"):
            list(un_source(tmp_path / "un.xml").read(file))
        assert file.tell() < 8 << 20, "the rest of the file was never read"
