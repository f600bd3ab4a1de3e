"""What is fuzzed: each decoder of a partner's bytes and each reader of files, with what may come out of it.

A target takes bytes and returns, or raises nothing. Inside, the one family of errors that its callers expect is caught;
any other exception, a broken invariant or a hang is a finding. Seeds are small honest inputs, so that fuzzing begins
behind the first check.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Final, get_args

from nodes import followup, partners
from nodes.config import parse_config
from nodes.control.errors import ControlError
from nodes.control.wire import QueryOrder, SyncOrder
from nodes.errors import ConfigError, FollowUpError, MandateError, PartnerFileError, RulesError
from nodes.followup import read_follow_up
from nodes.mandate import parse_mandate
from nodes.partners import read_partner_file
from nodes.policy import parse_rules
from nodes.registry import Source, csv_source, ftm_source, ofac_source, parquet_source, un_source
from nodes.registry.errors import MappingError, SourceError, SourceRealmError
from nodes.registry.mapping import parse_mapping
from nodes.registry.source import RejectedRow, Removal, SourceRecord
from protocol import codec, messages
from protocol.errors import ProtocolError
from protocol.identifiers import KINDS, IdentifierError
from protocol.identifiers.mrz import read_mrz
from protocol.messages import LegalBasis, Packet, PacketType

SAMPLES: Final = Path(__file__).resolve().parents[2] / "docs" / "samples"
PLACE: Final = Path("list")
MESSAGES: Final = get_args(messages.Message)
COLUMNS: Final = parse_mapping((SAMPLES / "mapping.toml").read_bytes(), "mapping.toml")
FIELD: Final = "\t"  # between the fields of a value


@dataclass(frozen=True, slots=True)
class Target:
    """One decoder or reader.

    Args:
        run: one execution; an exception is a finding.
        seeds: honest inputs.
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


# --- a partner's bytes


def packet(data: bytes) -> None:
    """A packet that is accepted is canonical: it encodes to the same bytes."""
    try:
        decoded = codec.decode_packet(data)
    except ProtocolError:
        return
    assert codec.encode_packet(decoded) == data


def message(data: bytes) -> None:
    """The first byte says as what the rest is read; what is accepted is canonical."""
    if not data:
        return
    kind, payload = MESSAGES[data[0] % len(MESSAGES)], data[1:]
    try:
        decoded = codec.decode_message(Packet(PacketType.ENVELOPE, payload, bytes(64)), kind)
    except ProtocolError:
        return
    assert codec.encode_message(decoded) == payload


@cache
def _packets() -> tuple[bytes, ...]:
    from tests.property.test_mutated_packets import FLOWS

    return tuple({sent: None for make in FLOWS.values() for _, sent in make().run().trace})


def _payloads() -> Iterable[bytes]:
    for sent in map(codec.decode_packet, _packets()):
        name = {"CHECKPOINT": "Statement", "RECEIPT": "Statement"}.get(sent.type.name, sent.type.name.title())
        if sent.type in codec.SIGNED and hasattr(messages, name) and getattr(messages, name) in MESSAGES:
            yield bytes([MESSAGES.index(getattr(messages, name))]) + sent.payload


# --- files with records


def records(source: Source) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        try:
            for row in source.read(io.BytesIO(data)):
                assert isinstance(row, SourceRecord | RejectedRow | Removal)
                assert row.row >= 1
                if isinstance(row, SourceRecord):
                    for kind, values in row.values:
                        canonical(kind, *values)
        except (SourceError, SourceRealmError, MappingError) as error:
            assert len(str(error)) < 400

    return run


def canonical(kind: str, *values: str) -> None:
    try:
        keys = KINDS[kind].keys(*values)
    except IdentifierError:
        return
    assert 1 <= len(keys) <= KINDS[kind].max_keys
    assert len(set(keys)) == len(keys)


ROW: Final = {
    "case_no": "r1",
    "surname": "O'Hara",
    "first_name": "Ann",
    "date_of_birth": "1970-01-02",
    "customer_no": "c1",
    "passport_country": "Iran",
    "passport_no": "A123",
    "passport_2_country": "",
    "passport_2_no": "",
    "id_card_no": "L01X00T47",
    "iban": "DE89370400440532013000",
    "ship_imo": "9074729",
    "wallet": "0x52908400098527886E0F7030069857D2E4169EE7",
    "tax_no": "36574261809",
    "mobile": "030 123456",
    "email": "a.b@mail.example",
    "plate_country": "DEU",
    "plate": "B-AB 12",
    "imei": "490154203237518",
    "full_name": "Ann O'Hara",
    "mrz": "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    "amount": "1.234,50",
    "currency": "EUR",
    "sender_country": "DEU",
    "receiver_country": "FRA",
    "offence": "fraud",
    "booked_on": "2026-01-02",
}
CSV: Final = f'{";".join(ROW)}\n{";".join(ROW.values())}\n"r;2"{";" * (len(ROW) - 1)}\n'.encode()
CHANGES: Final = "".join(
    f"{line};{change}\n"
    for line, change in zip(CSV.decode().splitlines(), ("accord_change", "replace", "remove"), strict=True)
).encode()
OFAC: Final = (
    b'1,"NAME, One","individual","SDGT","Title",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"DOB 10 Dec 1948; Passport A123 (Iran);'
    b' National ID No. 14.257.455 (Spain); Tax ID No. 770106425720 (Russia); Email Address a.b@mail.example."\r\n\x1a'
)
UN: Final = (
    b'<?xml version="1.0"?><CONSOLIDATED_LIST dateGenerated="x"><INDIVIDUALS><INDIVIDUAL><DATAID>1</DATAID>'
    b"<FIRST_NAME>ANN</FIRST_NAME><REFERENCE_NUMBER>QDi.1</REFERENCE_NUMBER><INDIVIDUAL_DATE_OF_BIRTH>"
    b"<TYPE_OF_DATE>EXACT</TYPE_OF_DATE><DATE>1970-01-02</DATE></INDIVIDUAL_DATE_OF_BIRTH><INDIVIDUAL_DOCUMENT>"
    b"<TYPE_OF_DOCUMENT>Passport</TYPE_OF_DOCUMENT><NUMBER>A123</NUMBER><ISSUING_COUNTRY>Iran</ISSUING_COUNTRY>"
    b"</INDIVIDUAL_DOCUMENT></INDIVIDUAL></INDIVIDUALS><ENTITIES/></CONSOLIDATED_LIST>"
)


def _ftm() -> Iterable[bytes]:
    yield b"\n".join(
        json.dumps({"id": f"e{number}", "schema": schema, "properties": properties, "datasets": ["x"]}).encode()
        for number, (schema, properties) in enumerate(
            {
                "Person": {"name": ["Ann"], "birthDate": ["1970-01-02"], "passportNumber": ["A1"], "country": ["ir"]},
                "Passport": {"holder": ["e0"], "number": ["P1"], "country": ["de"]},
                "BankAccount": {"iban": ["DE89370400440532013000"], "owner": [{"id": "e0", "schema": "Person"}]},
                "Vessel": {"imoNumber": ["9074729"], "owner": ["e0"]},
            }.items()
        )
    )


def _parquet() -> Iterable[bytes]:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({name: [value, None] for name, value in ROW.items()})
    for compression in ("none", "snappy"):
        file = io.BytesIO()
        parquet.write_table(table, file, compression=compression)
        yield file.getvalue()


# --- identifiers


def identifier(data: bytes) -> None:
    """The first byte says the kind, the rest are its fields."""
    text = data[1:].decode("utf-8", "replace")
    kind = tuple(KINDS)[data[0] % len(KINDS)] if data else "iban"
    count = len(KINDS[kind].fields)
    canonical(kind, *(text.split(FIELD) + [""] * count)[:count])


def zone(data: bytes) -> None:
    try:
        found = read_mrz(data.decode("utf-8", "replace"))
    except IdentifierError:
        return
    for kind, values in found:
        canonical(kind, *values)


def _identifiers() -> Iterable[bytes]:
    values = {
        "passport": "Iran\tA123",
        "iban": "DE89 3704 0044 0532 0130 00",
        "imo": "IMO 9074729",
        "crypto-wallet": "0x52908400098527886E0F7030069857D2E4169EE7",
        "tax-id": "RUS\t7707083893",
        "phone": "DE\t+49 30 123456",
        "e-mail": "a.b@mail.example",
        "vehicle-plate": "DEU\tB-AB 12",
        "imei": "490154203237518",
        "name-dob": "Абд аль-Рахман بن محمد\t1970-01-02",
        "national-id": "Spain\t14.257.455",
    }
    for kind, value in values.items():
        yield bytes([tuple(KINDS).index(kind)]) + value.encode()


# --- files that people write or exchange


def parsed(parse: Callable[[bytes], object], error: type[Exception]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        try:
            parse(data)
        except error as raised:
            assert len(str(raised)) < 1_000

    return run


def _sample(name: str) -> Callable[[], Iterable[bytes]]:
    return lambda: [(SAMPLES / name).read_bytes()]


def _signed(payload_type: str, content: dict[str, object]) -> Callable[[], Iterable[bytes]]:
    payload = base64.b64encode(json.dumps(content).encode()).decode()
    shape = {"payload": payload, "payloadType": payload_type, "signatures": [{"sig": "AA=="}]}
    return lambda: [json.dumps(shape).encode()]


def _order() -> Iterable[bytes]:
    mandate = (SAMPLES / "mandate.toml").read_text()
    order = {"partner": "south", "data_set": "a", "asked": "b", "reveals": "shared-identifiers", "mandate": mandate}
    return [json.dumps(order).encode()]


MRZ: Final = (
    b"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
    b"I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
)  # ICAO 9303, parts 4 and 5: the specimens

PARTNER: Final[dict[str, object]] = {
    "version": 1,
    "agency_id": "north",
    "agency_name": "North",
    "realm": "exercise",
    "address": "localhost:7443",
    "signing_key": "00" * 32,
    "tls_certificate": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
    "valid_from_ms": 1,
}
FOLLOW_UP: Final[dict[str, object]] = {
    "version": 1,
    "legal_basis": {field.name: "x" for field in fields(LegalBasis)},
    "realm": "exercise",
    "sender": "north",
    "recipient": "south",
    "asked_by": "north",
    "session": "0" * 32,
    "envelope_digest": "0" * 128,
    "asked": "a",
    "made_ms": 1,
    "made_by": "op-1",
    "hits": [
        {
            "number": 1,
            "kind": "iban",
            "own_references": ["r1"],
            "identifier": "DE89370400440532013000",
            "confirmed_by": "op-1",
            "confirmed_ms": 1,
            "reason": "documents-agree",
            "ledger_row": 1,
        }
    ],
}

TARGETS: Final[dict[str, Target]] = {
    "packet": Target(packet, _packets),
    "message": Target(message, _payloads),
    "csv": Target(records(csv_source(PLACE, COLUMNS)), lambda: [CSV]),
    "csv-changes": Target(records(csv_source(PLACE, COLUMNS, changes=True)), lambda: [CHANGES]),
    "ofac": Target(records(ofac_source(PLACE)), lambda: [OFAC]),
    "un": Target(records(un_source(PLACE)), lambda: [UN]),
    "ftm": Target(records(ftm_source(PLACE, "production")), _ftm),
    "parquet": Target(records(parquet_source(PLACE, COLUMNS)), _parquet),
    "identifier": Target(identifier, _identifiers),
    "mrz": Target(zone, lambda: MRZ),
    "mapping": Target(parsed(lambda data: parse_mapping(data, "mapping.toml"), MappingError), _sample("mapping.toml")),
    "mandate": Target(parsed(parse_mandate, MandateError), _sample("mandate.toml")),
    "rules": Target(parsed(parse_rules, RulesError), _sample("rules.toml")),
    "config": Target(parsed(lambda data: parse_config(data, PLACE), ConfigError), _sample("accord.toml")),
    "partner-file": Target(parsed(read_partner_file, PartnerFileError), _signed(partners.PAYLOAD_TYPE, PARTNER)),
    "follow-up": Target(parsed(read_follow_up, FollowUpError), _signed(followup.PAYLOAD_TYPE, FOLLOW_UP)),
    "query-order": Target(parsed(QueryOrder.parse, ControlError), _order),
    "sync-order": Target(parsed(SyncOrder.parse, ControlError), _order),
}
