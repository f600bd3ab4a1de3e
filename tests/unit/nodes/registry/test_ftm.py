"""FollowTheMoney: which property is which kind, whose record it goes to, and lines that are no entities."""

from __future__ import annotations

import io
import json
import random
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodes.registry import ftm, ftm_source, import_source
from nodes.registry.errors import SourceError, SourceRealmError
from nodes.registry.source import MAX_FIELD_CHARACTERS, MAX_NAME_VALUES, RejectedRow, SourceRecord
from protocol.identifiers import KINDS, IdentifierError
from tests.unit.nodes.registry.reading import NOW, plain, registry

REASONS = {"bad-json", "bad-entity", "no-reference", "line-too-long", "field-too-long"}
EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def entity(entity_id: str, schema: str, **properties: Any) -> dict[str, Any]:
    return {"id": entity_id, "schema": schema, "properties": properties, "datasets": ["x"]}


def read(content: bytes, realm: str = "production") -> list[SourceRecord | RejectedRow]:
    return list(ftm_source(Path("list.json"), realm).read(io.BytesIO(content)))  # type: ignore[arg-type]


def records(*entities: Any) -> dict[str, SourceRecord]:
    found = read(b"".join(json.dumps(e).encode() + b"\n" for e in entities))
    assert all(isinstance(record, SourceRecord) for record in found), found
    return {record.reference: record for record in found if isinstance(record, SourceRecord)}


def values(record: SourceRecord) -> set[tuple[str, ...]]:
    return {(kind, *fields) for kind, fields in record.values}


@pytest.mark.parametrize(
    ("schema", "properties", "expected"),
    [
        ("Person", {"passportNumber": ["A1"]}, [("passport", "", "A1"), ("passport-number", "A1")]),
        ("Person", {"idNumber": ["77"], "nationality": ["fr"]}, [("national-id", "fr", "77")]),
        ("Person", {"idNumber": ["77"], "nationality": ["fr", "de"]}, [("national-id", "", "77")]),
        ("Person", {"idNumber": ["77"], "country": ["suhh"]}, [("national-id", "SUN", "77")]),
        ("Person", {"socialSecurityNumber": "123", "citizenship": ["us"]}, [("national-id", "us", "123")]),
        ("Person", {"email": ["a@b.c"], "phone": ["+49301"]}, [("e-mail", "a@b.c"), ("phone", "", "+49301")]),
        ("Person", {"innCode": ["7707"], "country": ["de"]}, [("tax-id", "RUS", "7707")]),
        ("Person", {"name": ["Ann B", "Ann C"], "alias": ["Ann B", "Al B"], "birthDate": ["1970-01-02"]},
         [("name-dob", name, "1970-01-02") for name in ("Ann B", "Ann C", "Al B")]),
        ("Company", {"taxNumber": ["9"], "jurisdiction": ["at"], "country": ["at"]}, [("tax-id", "at", "9")]),
        ("Company", {"vatCode": ["ATU9"], "jurisdiction": ["at"]}, [("tax-id", "at", "ATU9")]),
        ("Company", {"registrationNumber": ["HRB 1"], "idNumber": ["2"], "imoNumber": ["1234567"]}, []),
        ("Organization", {"irsCode": ["12-3"]}, [("tax-id", "USA", "12-3")]),
        ("Vessel", {"imoNumber": ["9074729"], "registrationNumber": ["R1"], "mmsi": ["1"]}, [("imo", "9074729")]),
        ("Vehicle", {"registrationNumber": ["B-AB 12"], "country": ["de"]}, [("vehicle-plate", "de", "B-AB 12")]),
        ("BankAccount", {"iban": ["DE89"], "accountNumber": ["1"]}, [("iban", "DE89")]),
        ("CryptoWallet", {"publicKey": ["0xab"], "privateKey": ["secret"]}, [("crypto-wallet", "0xab")]),
        ("Passport", {"number": ["P1"], "country": ["de"], "personalNumber": ["9"]},
         [("passport", "de", "P1"), ("passport-number", "P1"), ("national-id", "de", "9")]),
        ("Identification", {"number": ["1"], "country": ["de"]}, [("national-id", "de", "1")]),
        ("Identification", {"number": ["1"], "type": ["National ID No."]}, [("national-id", "", "1")]),
        ("Identification", {"number": ["1"], "type": ["Tax ID No."], "country": ["it"]}, [("tax-id", "it", "1")]),
        ("Identification", {"number": ["1"], "type": ["Diplomatic Passport"]},
         [("passport", "", "1"), ("passport-number", "1")]),
    ],
)  # fmt: skip
def test_properties_are_kinds(schema: str, properties: dict[str, Any], expected: list[tuple[str, ...]]) -> None:
    (record,) = records(entity("e1", schema, **properties)).values()
    assert values(record) == set(expected) and record.reference == "e1" and not record.rejected


@pytest.mark.parametrize("said", ["Driver's License No.", "Registration ID", "Birth Certificate", "Something else"])
def test_documents_of_another_sort_are_counted(said: str) -> None:
    (record,) = records(entity("e1", "Identification", number=["1"], type=[said])).values()
    assert not record.values and record.rejected == [("national-id", "other-document")]


PERSON = entity("p", "Person", name=["Ann"], nationality=["fr"])


@pytest.mark.parametrize(
    "parts",
    [
        [PERSON, entity("d", "Passport", number=["N1"], country=["de"], holder=["p"])],
        [entity("p", "Person", name=["Ann"], passport=[entity("d", "Passport", number=["N1"], country=["de"])])],
        [entity("p", "Person", name=["Ann"], identification=[
            entity("d", "Passport", number=["N1"], country=["de"], holder=["p"])])],
        [PERSON, entity("d", "Passport", number=["N1"], country=["de"], holder=[entity("p", "Person", name=["Ann"])])],
    ],
    ids=["flat", "nested", "nested, naming its holder", "holder nested in the document"],
)  # fmt: skip
@pytest.mark.parametrize("turned", [False, True])
def test_documents_belong_to_their_holder_wherever_they_are(parts: list[Any], turned: bool) -> None:
    found = records(*(reversed(parts) if turned else parts))
    assert found.keys() == {"p"} and found["p"].display["name"] == "Ann"
    assert values(found["p"]) == {("passport", "de", "N1"), ("passport-number", "N1")}


ACCOUNT = entity("a", "BankAccount", iban=["DE89"])


@pytest.mark.parametrize(
    "parts",
    [
        [PERSON, ACCOUNT, entity("o", "Ownership", owner=["p"], asset=["a"])],
        [entity("p", "Person", ownershipOwner=[entity("o", "Ownership", asset=[ACCOUNT])])],
        [PERSON, entity("a", "BankAccount", iban=["DE89"], ownershipAsset=[entity("o", "Ownership", owner=["p"])])],
    ],
    ids=["flat", "nested in the owner", "nested in the account"],
)
def test_accounts_belong_to_their_owner(parts: list[Any]) -> None:
    found = records(*parts)
    assert found.keys() == {"p"} and values(found["p"]) == {("iban", "DE89")}


def test_wallets_belong_to_their_holders_and_stand_alone_without_one() -> None:
    wallet, lone = (
        entity("w", "CryptoWallet", publicKey=["k1"], holder=["p", "q"]),
        entity("v", "CryptoWallet", publicKey=["k2"]),
    )
    found = records(PERSON, wallet, entity("q", "Company", name=["Q"]), lone)
    assert {r: values(record) for r, record in found.items()} == {
        "p": {("crypto-wallet", "k1")}, "q": {("crypto-wallet", "k1")}, "v": {("crypto-wallet", "k2")},
    }  # fmt: skip


def test_a_holder_that_is_not_in_the_file_keeps_its_reference() -> None:
    found = records(
        entity("d", "Identification", number=["1"], holder=["far"]),
        entity("x", "Identification", number=["2"], holder=["far"], type=["Voter card"]),
    )
    assert values(found["far"]) == {("national-id", "", "1")} and found["far"].row == 1
    assert found["far"].rejected == [("national-id", "other-document")]


def test_other_schemata_are_no_records() -> None:
    found = records(entity("s", "Sanction", program=["x"]), entity("t", "Address", country=["de"]), PERSON)
    assert found.keys() == {"p"}


def test_many_names_are_bounded_and_said() -> None:
    names = [f"Name {i}" for i in range(MAX_NAME_VALUES + 1)]
    (record,) = records(entity("p", "Person", name=names, birthDate=["1970-01-01"])).values()
    assert len(record.values) == MAX_NAME_VALUES and record.remarks == ("names-left-out",)


LINES: dict[str, tuple[bytes, str]] = {
    "no JSON": (b'{"id": "x"', "bad-json"),
    "another encoding": (b'{"id": "\xe9"}', "bad-json"),
    "half a surrogate pair": (b'{"id": "x", "schema": "Person", "properties": {"name": ["\\ud800"]}}', "bad-json"),
    "deep JSON": (b"[" * 100_000 + b"]" * 100_000, "bad-json"),
    "a number without end": (b"1" * 10_000, "bad-json"),
    "a list": (b"[]", "bad-entity"),
    "a text": (b'"x"', "bad-entity"),
    "no schema": (b'{"id": "x", "schema": 3, "properties": {}}', "bad-entity"),
    "properties that are none": (b'{"id": "x", "schema": "Person", "properties": []}', "bad-entity"),
    "nested without end": (json.dumps(
        {"id": "x", "schema": "Person", "properties": {"a": json.loads('{"properties": {"a": ' * 30 + "1" + "}}" * 30)}}
    ).encode(), "bad-entity"),
    "no id": (b'{"id": " ", "schema": "Person", "properties": {}}', "no-reference"),
    "a long value": (
        json.dumps(entity("x", "Person", name=["x" * (MAX_FIELD_CHARACTERS + 1)])).encode(), "field-too-long"
    ),
    "a long line": (b" " * (ftm.MAX_LINE_BYTES * 3 + 7), "line-too-long"),
}  # fmt: skip


@pytest.mark.parametrize("what", LINES)
@pytest.mark.parametrize("last", [False, True])
def test_a_bad_line_costs_that_line(what: str, last: bool) -> None:
    line, reason = LINES[what]
    good = json.dumps(PERSON).encode()
    found = read(b"\n".join([good, line] if last else [line, b"", good]))
    bad, kept = (found[1], found[0]) if last else (found[0], found[1])
    assert isinstance(bad, RejectedRow) and isinstance(kept, SourceRecord) and len(found) == 2
    assert (bad.reason, bad.row, kept.row) == (reason, 2 if last else 1, 1 if last else 3)


@pytest.mark.parametrize("content", [b"", b"\n\n", b'[{"id": "x"}]', b"a,b\n1,2\n", b"\x00" * 50, b"PAR1"])
def test_a_file_of_something_else_is_refused(content: bytes) -> None:
    with pytest.raises(SourceError, match=r"list\.json: expected FollowTheMoney entities"):
        read(content)


def test_too_many_documents_are_refused_before_they_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ftm, "MAX_ATTACHED", 9)
    documents = [entity(f"d{i}", "Passport", number=["1"], holder=["p"]) for i in range(4)]  # two kinds each
    assert records(*documents[:3])
    with pytest.raises(SourceError, match="split it"):
        records(*documents)


@pytest.mark.parametrize(
    "parts",
    [
        [entity("o", "Ownership", owner=[f"p{i}" for i in range(9000)], asset=[f"a{i}" for i in range(9000)])],
        [entity("d", "Passport", holder=[f"p{i}" for i in range(9000)], number=[f"{i}" for i in range(9000)])],
        [
            entity("a", "BankAccount", iban=[f"{i}" for i in range(9000)]),
            entity("o", "Ownership", owner=[f"p{i}" for i in range(9000)], asset=["a"]),
        ],
    ],
    ids=["owners times assets", "holders times numbers", "owners times numbers of one account"],
)
def test_what_multiplies_is_counted_before_it_is_held(parts: list[Any]) -> None:
    content = b"\n".join(json.dumps(part).encode() for part in parts)
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="split it"):
            read(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 120_000_000, "81 million pairs would need gigabytes"


def test_holders_without_an_id_are_none() -> None:
    nameless = entity(" ", "Person", name=["x"])
    found = records(entity("d", "Passport", number=["1"], holder=[nameless, " "]), PERSON)
    assert found.keys() == {"d", "p"}


def test_realms_never_mix() -> None:
    exercise = json.dumps({**PERSON, "accord_realm": "exercise"}).encode()
    assert len(read(exercise, "exercise")) == 1
    for content, realm in ((exercise, "production"), (json.dumps(PERSON).encode(), "exercise")):
        with pytest.raises(SourceRealmError):
            read(content, realm)
    with pytest.raises(SourceRealmError):
        read(exercise.replace(b'"exercise"', b"1"), "exercise")


def test_an_import(tmp_path: Path) -> None:
    people = [
        entity(
            f"p{i}", "Person", name=["Ann Marker"], birthDate=["1970-03-04"], nationality=["fr"], idNumber=[f"{i:08}7"]
        )
        for i in range(20)
    ]
    documents = [
        entity(f"d{i}", "Passport", number=[f"X{i:07}"], country=["ru"], holder=[f"p{i}"], startDate=["2020"])
        for i in range(20)
    ]
    (tmp_path / "list.json").write_text("".join(json.dumps(e) + "\n" for e in (*documents, *people)))
    report = import_source(registry(tmp_path), "set", ftm_source(tmp_path / "list.json", "production"), NOW)
    assert (report.records, report.format) == (20, "ftm")
    assert {k: c.accepted for k, c in report.kinds.items() if c.accepted and k != "name-dob"} == {
        "passport": 20, "passport-number": 20, "national-id": 20,
    }  # fmt: skip
    assert not any(counts.rejected for counts in report.kinds.values())
    with registry(tmp_path).open("set") as snapshot:
        assert plain(snapshot, "passport") == {("RUS", f"X{i:07}") for i in range(20)}


texts = st.text(max_size=8) | st.sampled_from(
    ["p", "q", "de", "A1234567", "Passport", "1970-01-01", "DE89370400440532013000"]
)
schemata = st.sampled_from([*ftm.SUBJECTS, *ftm.DOCUMENTS, *ftm.ASSETS, "Ownership", "Sanction", "?"])
names = st.sampled_from(
    [
        "name",
        "birthDate",
        "number",
        "passportNumber",
        "holder",
        "owner",
        "asset",
        "country",
        "type",
        "iban",
        "publicKey",
        "nationality",
        "email",
        "phone",
        "imoNumber",
        "registrationNumber",
        "idNumber",
        "innCode",
    ]
)
junk = st.none() | st.booleans() | st.integers() | st.floats() | texts
entities = st.recursive(
    st.fixed_dictionaries(
        {"id": texts, "schema": schemata, "properties": st.dictionaries(names, st.lists(texts, max_size=3))}
    ),
    lambda inner: st.fixed_dictionaries(
        {
            "id": texts | junk,
            "schema": schemata | junk,
            "properties": st.dictionaries(names, st.lists(texts | inner | junk, max_size=3) | junk, max_size=4),
        }
    ),
    max_leaves=6,
)


def outcome(content: bytes) -> Counter[str]:
    seen: Counter[str] = Counter()
    try:
        for row in read(content):
            if isinstance(row, RejectedRow):
                assert row.reason in REASONS and row.row >= 1
                seen[row.reason] += 1
                continue
            assert row.row >= 1 and row.reference.strip()
            json.dumps(dict(row.display), ensure_ascii=False).encode()
            assert all(reason == "other-document" and kind in KINDS for kind, reason in row.rejected)
            for kind, fields in row.values:
                try:
                    KINDS[kind].keys(*fields)
                    seen["accepted"] += 1
                except IdentifierError as error:
                    seen[error.code] += 1
    except SourceError as error:
        assert "list.json" in str(error) and len(str(error)) < 300
        seen[error.code] += 1
    return seen


@EXAMPLES
@given(st.lists(entities, min_size=1, max_size=5))
def test_any_entities(things: list[Any]) -> None:
    outcome(b"\n".join(json.dumps(thing).encode() for thing in things))


@EXAMPLES
@given(
    st.lists(entities, min_size=1, max_size=3),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=6)), max_size=4),
)
def test_damaged_entities(things: list[Any], changes: list[tuple[float, bytes]]) -> None:
    content = b"\n".join(json.dumps(thing).encode() for thing in things)
    for place, new in changes:
        at = int(place * len(content))
        content = content[:at] + new + content[at + len(new) :]
    outcome(content)


def test_damage_ends_in_many_ways() -> None:
    """Fuzzing that only ever meets one error proves nothing."""
    chance, seen = random.Random(5), Counter[str]()
    content = b"\n".join(
        json.dumps(entity(f"p{i}", "Person", name=["A"], passportNumber=[f"A{i}234567"], nationality=["fr"])).encode()
        for i in range(10)
    )
    for _ in range(300):
        at = chance.randrange(len(content))
        new = chance.choice([b"\xff", b"\n", b'"', b"_", b"}", b"1", b"\\u0000", b"id"])
        seen.update(outcome(content[:at] + new + content[at + chance.randrange(12) :]).keys())
    assert {"accepted", "bad-json", "bad-entity", "no-reference", "country-missing", "masked"} <= seen.keys(), seen
