"""Partner files and book: nobody is believed before people compared a fingerprint, and changes count at once."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.config import Config
from nodes.errors import (
    FingerprintError,
    LedgerError,
    PartnerBookError,
    PartnerConflictError,
    PartnerFileError,
    PartnerInactiveError,
    PartnerRealmError,
    PartnerUnknownError,
    PermissionsError,
)
from nodes.identity import Identity
from nodes.partners import (
    MAX_PARTNER_FILE_BYTES,
    PAYLOAD_TYPE,
    Partner,
    PartnerBook,
    Status,
    export_partner_file,
    read_partner_file,
)
from protocol.dsse import pre_authentication_encoding
from tests.agency import DAY_MS, NOW_MS, Agency, make_agency
from tests.patience import PATIENCE_SECONDS


@pytest.fixture(scope="module")
def north(tmp_path_factory: pytest.TempPathFactory) -> Agency:
    return make_agency(tmp_path_factory.mktemp("north") / "node", "fiu-north")


@pytest.fixture(scope="module")
def south(tmp_path_factory: pytest.TempPathFactory) -> Agency:
    return make_agency(tmp_path_factory.mktemp("south") / "node", "fiu-south", address="[::1]:7443")


@pytest.fixture
def home(tmp_path: Path) -> Agency:
    return make_agency(tmp_path / "home", "fiu-home")


def ignore(_partner: Partner) -> None:
    return None


def add(agency: Agency, other: Agency) -> Partner:
    file = read_partner_file(other.partner_file)
    return agency.book.add(file, file.fingerprint, NOW_MS, ignore)


def signed(signer: Any, payload: bytes, /, **changes: Any) -> bytes:
    """A partner file around any payload, signed by any key."""
    signature = signer.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps({**envelope, **changes}).encode()


def payload_of(agency: Agency) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(base64.b64decode(json.loads(agency.partner_file)["payload"]))
    return facts


class TestFile:
    def test_round_trip(self, south: Agency) -> None:
        file = read_partner_file(south.partner_file)
        assert (file.agency_id, file.agency_name, file.realm) == ("fiu-south", "Agency fiu-south", "exercise")
        assert file.address == "[::1]:7443"
        assert file.signing_key == south.identity.signer.public_key
        assert file.tls_certificate_pem == south.identity.tls_certificate_pem
        assert file.spoken_fingerprint.replace(" ", "") == file.fingerprint
        assert len(file.fingerprint) == 64

    def test_exporting_twice_gives_one_fingerprint(self, south: Agency) -> None:
        assert south.partner_file == south.partner_file

    def test_everything_counts_in_the_fingerprint(self, south: Agency) -> None:
        fingerprints = {read_partner_file(south.partner_file).fingerprint}
        for config in (
            replace(south.config, address="other:1"),
            replace(south.config, agency_name="Other"),
            replace(south.config, realm="production"),
        ):
            fingerprints.add(read_partner_file(export_partner_file(south.identity, config)).fingerprint)
        assert len(fingerprints) == 4

    def test_a_foreign_certificate_is_refused(self, north: Agency, south: Agency) -> None:
        mixed = replace(south.identity, certificate=north.identity.certificate)
        with pytest.raises(PartnerFileError, match=r"the one name fiu-south\.accord\.internal"):
            read_partner_file(export_partner_file(mixed, south.config))

    def test_a_foreign_signature_is_refused(self, north: Agency, south: Agency) -> None:
        facts = {**payload_of(south), "signing_key": north.identity.signer.public_key.hex()}
        with pytest.raises(PartnerFileError, match="expected a signature of its agency's key"):
            read_partner_file(signed(south.identity.signer, json.dumps(facts).encode()))

    @pytest.mark.parametrize("key", ["00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "ed" + "ff" * 30 + "7f"])
    def test_keys_of_small_order_are_refused(self, south: Agency, key: str) -> None:
        facts = {**payload_of(south), "signing_key": key}
        with pytest.raises(PartnerFileError, match="expected a signature"):
            read_partner_file(signed(south.identity.signer, json.dumps(facts).encode()))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"version": 2}, "version"),
            ({"agency_id": "FIU"}, "agency_id"),
            ({"agency_name": "a\u001b]0;x\u0007"}, "control characters"),
            ({"agency_name": "\ud800"}, "surrogate"),
            ({"realm": "test"}, "one of exercise, production"),
            ({"address": "host"}, "host:port"),
            ({"signing_key": "AB" * 32}, "signing_key"),
            ({"signing_key": "ab"}, "signing_key"),
            ({"tls_certificate": "é"}, "ASCII"),
            ({"tls_certificate": "x"}, "expected a certificate"),
            ({"valid_from_ms": -1}, "out of range"),
            ({"valid_from_ms": 10**400}, "out of range|plain|object"),
            ({"valid_from_ms": None}, "got null"),
            ({"more": 1}, "only known keys"),
        ],
    )
    def test_each_mistake_is_named(self, south: Agency, change: dict[str, Any], message: str) -> None:
        facts = {**payload_of(south), **change}
        with pytest.raises(PartnerFileError, match=message):
            read_partner_file(signed(south.identity.signer, json.dumps(facts).encode()))

    def test_the_envelope_is_held_to_its_form(self, south: Agency) -> None:
        signer, payload = south.identity.signer, json.dumps(payload_of(south)).encode()
        read_partner_file(signed(signer, payload))
        one = json.loads(signed(signer, payload))["signatures"][0]
        for content in (
            signed(signer, payload, payloadType="other"),
            signed(signer, payload, signatures=[]),
            signed(signer, payload, signatures=[one, one]),
            signed(signer, payload, signatures=[{**one, "keyid": "x"}]),
            signed(signer, payload, payload="not base64!"),
            signed(signer, payload, more=1),
            signed(signer, payload[:-1] + b',"realm":"exercise"}'),
            signed(signer, payload) + b"x",
            signed(signer, b"[]"),
            signed(signer, b"\xff"),
            b"",
            b"null",
            b"[" * 10_000,
            b'{"a":' * 10_000,
            bytes(MAX_PARTNER_FILE_BYTES + 1),
        ):
            with pytest.raises(PartnerFileError):
                read_partner_file(content)

    @given(st.data())
    def test_mutated_files_raise_one_error(self, south: Agency, data: st.DataObject) -> None:
        content = bytearray(south.partner_file)
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        if bytes(content) == south.partner_file:
            return
        with pytest.raises(PartnerFileError):
            read_partner_file(bytes(content))


class TestBook:
    def test_an_empty_book_knows_nobody(self, home: Agency) -> None:
        assert home.book.all() == ()
        assert home.book.trusted_certificates() == b""
        with pytest.raises(PartnerUnknownError):
            home.book.by_agency("fiu-north")
        with pytest.raises(PartnerUnknownError):
            home.book.by_certificate(bytes(32))

    def test_added_partners_are_found_by_certificate_and_id(self, home: Agency, north: Agency, south: Agency) -> None:
        for other in (north, south):
            partner = add(home, other)
            assert home.book.by_certificate(partner.file.certificate_sha256) == partner
            assert home.book.by_agency(other.config.agency_id) == partner
        roots = home.book.trusted_certificates()
        assert roots == north.identity.tls_certificate_pem + south.identity.tls_certificate_pem
        assert home.home.partners_file.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("form", ["{0}", " {0}\n", "{1}", "{2}"])
    def test_fingerprints_may_be_typed_as_people_type(self, home: Agency, north: Agency, form: str) -> None:
        file = read_partner_file(north.partner_file)
        typed = form.format(
            file.spoken_fingerprint, file.fingerprint.upper(), ":".join(file.spoken_fingerprint.split())
        )
        assert home.book.add(file, typed, NOW_MS, ignore).status is Status.ACTIVE

    def test_a_wrong_fingerprint_enters_nobody(self, home: Agency, north: Agency) -> None:
        file = read_partner_file(north.partner_file)
        last = file.fingerprint[-1]
        for typed in ("", file.fingerprint[:-1], file.fingerprint[:-1] + ("0" if last != "0" else "1"), "y"):
            with pytest.raises(FingerprintError):
                home.book.add(file, typed, NOW_MS, ignore)
        assert home.book.all() == ()

    def test_realms_never_mix(self, home: Agency, tmp_path: Path) -> None:
        casework = make_agency(tmp_path / "p", "fiu-casework", realm="production")
        with pytest.raises(PartnerRealmError, match="realm exercise, got production"):
            add(home, casework)
        with pytest.raises(PartnerRealmError):
            add(casework, home)
        # Nor may a book be carried over to a node of the other realm.
        add(home, make_agency(tmp_path / "n", "fiu-north"))
        with pytest.raises(PartnerBookError, match="realm production alone"):
            PartnerBook(home.home, casework.config).all()

    def test_conflicts_enter_nobody(self, home: Agency, north: Agency, south: Agency, tmp_path: Path) -> None:
        add(home, north)
        again = make_agency(tmp_path / "x", "fiu-north")
        thief = replace(north.config, agency_id="fiu-thief")
        borrowed: tuple[Identity, Config] = (replace(south.identity, signer=north.identity.signer), south.config)
        for other, message in (
            (north.partner_file, "agency id once"),
            (again.partner_file, "agency id once"),
            (export_partner_file(*borrowed), "signing key once"),
            (home.partner_file, "agencies other than this one"),
        ):
            file = read_partner_file(other)
            with pytest.raises(PartnerConflictError, match=message):
                home.book.add(file, file.fingerprint, NOW_MS, ignore)
        with pytest.raises(PartnerFileError):
            read_partner_file(export_partner_file(north.identity, thief))
        assert len(home.book.all()) == 1

    @pytest.mark.parametrize("days", [-2, 1096])
    def test_a_file_out_of_its_period_is_refused(self, home: Agency, north: Agency, days: int) -> None:
        file = read_partner_file(north.partner_file)
        with pytest.raises(PartnerFileError, match="valid now"):
            home.book.add(file, file.fingerprint, NOW_MS + days * DAY_MS, ignore)

    def test_status_changes_count_at_the_next_look_up_of_an_open_book(self, home: Agency, north: Agency) -> None:
        certificate = add(home, north).file.certificate_sha256
        serving, commanding = home.book, home.book
        assert serving.by_certificate(certificate).status is Status.ACTIVE
        commanding.set_status("fiu-north", Status.SUSPENDED, NOW_MS + 1, ignore)
        for look_up in (lambda: serving.by_certificate(certificate), lambda: serving.by_agency("fiu-north")):
            with pytest.raises(PartnerInactiveError, match="fiu-north: suspended"):
                look_up()
        assert serving.trusted_certificates() == b""
        commanding.set_status("fiu-north", Status.ACTIVE, NOW_MS + 2, ignore)
        assert serving.by_certificate(certificate).changed_ms == NOW_MS + 2
        commanding.set_status("fiu-north", Status.REMOVED, NOW_MS + 3, ignore)
        with pytest.raises(PartnerInactiveError, match="removed"):
            serving.by_certificate(certificate)
        with pytest.raises(PartnerInactiveError):
            commanding.set_status("fiu-north", Status.ACTIVE, NOW_MS + 4, ignore)
        with pytest.raises(PartnerUnknownError):
            commanding.set_status("fiu-nobody", Status.ACTIVE, NOW_MS + 4, ignore)
        add(home, north)
        assert serving.by_certificate(certificate).status is Status.ACTIVE

    def test_keys_of_a_removed_partner_do_not_return_under_another_name(
        self, home: Agency, north: Agency, south: Agency
    ) -> None:
        add(home, north)
        home.book.set_status("fiu-north", Status.REMOVED, NOW_MS, ignore)
        borrowed = export_partner_file(replace(south.identity, signer=north.identity.signer), south.config)
        file = read_partner_file(borrowed)
        with pytest.raises(PartnerConflictError, match="signing key"):
            home.book.add(file, file.fingerprint, NOW_MS, ignore)

    def test_without_a_record_nothing_changes(self, home: Agency, north: Agency, south: Agency) -> None:
        def fail(_partner: Partner) -> None:
            raise LedgerError("disk full")

        add(home, north)
        before = home.home.partners_file.read_bytes()
        file = read_partner_file(south.partner_file)
        with pytest.raises(LedgerError):
            home.book.add(file, file.fingerprint, NOW_MS, fail)
        with pytest.raises(LedgerError):
            home.book.set_status("fiu-north", Status.SUSPENDED, NOW_MS, fail)
        assert home.home.partners_file.read_bytes() == before

    def test_nothing_is_recorded_that_will_not_happen(self, home: Agency, north: Agency) -> None:
        recorded: list[Partner] = []
        file = read_partner_file(north.partner_file)
        home.book.add(file, file.fingerprint, NOW_MS, recorded.append)
        with pytest.raises(PartnerConflictError):
            home.book.add(file, file.fingerprint, NOW_MS, recorded.append)
        assert len(recorded) == 1

    def test_a_damaged_book_refuses_everybody_until_repaired(self, home: Agency, north: Agency) -> None:
        certificate = add(home, north).file.certificate_sha256
        path, book = home.home.partners_file, home.book
        good = path.read_bytes()
        text = good.decode()
        for bad in (
            b"",
            good[:-1],
            good.replace(b"active", b"blessed"),
            good.replace(b'"version":1', b'"version":2'),
            good.replace(b"eyJ", b"eyK", 1),
            text.replace('"partners":[', '"partners":[' + text[text.index("[") + 1 : text.rindex("]")] + ",").encode(),
        ):
            path.write_bytes(bad)
            for _ in range(2):  # the failure is not remembered as an answer
                with pytest.raises(PartnerBookError):
                    book.by_certificate(certificate)
            path.write_bytes(good)
            assert book.by_certificate(certificate).status is Status.ACTIVE
        path.chmod(0o644)
        with pytest.raises(PermissionsError):
            book.by_certificate(certificate)
        path.chmod(0o600)
        path.unlink()
        with pytest.raises(PartnerUnknownError):
            book.by_certificate(certificate)

    def test_an_expired_certificate_does_not_break_the_book(self, home: Agency, north: Agency) -> None:
        add(home, north)
        home.book.set_status("fiu-north", Status.SUSPENDED, NOW_MS + 5000 * DAY_MS, ignore)
        assert len(home.book.all()) == 1

    def test_commands_at_the_same_time_lose_nothing(self, home: Agency, tmp_path: Path) -> None:
        program = (
            "import sys\n"
            "from pathlib import Path\n"
            "from nodes.home import Home\n"
            "from nodes.partners import read_partner_file\n"
            "from tests.agency import NOW_MS, load_agency\n"
            "book = load_agency(Home(Path(sys.argv[1]))).book\n"
            "file = read_partner_file(Path(sys.argv[2]).read_bytes())\n"
            "book.add(file, file.fingerprint, NOW_MS, lambda partner: None)\n"
        )
        commands = []
        for number in range(4):
            other = tmp_path / f"{number}.json"
            other.write_bytes(make_agency(tmp_path / str(number), f"fiu-{number}").partner_file)
            commands.append([sys.executable, "-c", program, str(home.home.path), str(other)])
        running = [subprocess.Popen(command) for command in commands]
        assert [process.wait(PATIENCE_SECONDS) for process in running] == [0, 0, 0, 0]
        assert {p.file.agency_id for p in home.book.all()} == {f"fiu-{n}" for n in range(4)}
