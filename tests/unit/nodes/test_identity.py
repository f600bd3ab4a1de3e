"""Keys and certificate: made once, checked at each load, usable for mutual TLS."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from nodes.errors import HomeMissingError, IdentityError, OutputExistsError, PermissionsError
from nodes.home import Home, write_private
from nodes.identity import (
    CERTIFICATE_DAYS,
    Signer,
    check_certificate,
    create_identity,
    load_identity,
    load_signer,
    target_name,
    verify_signature,
)
from protocol.dsse import pre_authentication_encoding
from tests.agency import DAY_MS, NOW_MS, Agency, make_agency


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Agency:
    return make_agency(tmp_path_factory.mktemp("identity") / "node")


def key_usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    no = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=True, key_cert_sign=key_cert_sign, **no)


LEAF = x509.BasicConstraints(ca=False, path_length=None)
AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)
SIGNATURES = key_usage(key_cert_sign=False)
CERTIFICATES = key_usage(key_cert_sign=True)


def certificate(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    names: list[str],
    *,
    issuer_key: object = None,
    limits: tuple[x509.ExtensionType, ...] = (LEAF, SIGNATURES),
) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fiu-north")])
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    for limit in limits:
        builder = builder.add_extension(limit, critical=True)
    return builder.sign(issuer_key or key, hashes.SHA256()).public_bytes(Encoding.PEM)  # type: ignore[arg-type]


def private_pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_what_init_makes(agency: Agency) -> None:
    made = agency.identity.certificate
    san = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(san) == [x509.DNSName("fiu-north.accord.internal")]
    assert (made.not_valid_after_utc - datetime.fromtimestamp(NOW_MS / 1000, UTC)).days == CERTIFICATE_DAYS
    assert len(agency.identity.storage_key) == 32
    assert {p.stat().st_mode & 0o777 for p in agency.home.keys_folder.iterdir()} == {0o600}


def test_two_nodes_share_no_key(agency: Agency, tmp_path: Path) -> None:
    other = make_agency(tmp_path / "other").identity
    assert other.storage_key != agency.identity.storage_key
    assert other.signer.public_key != agency.identity.signer.public_key
    assert other.tls_key_pem != agency.identity.tls_key_pem


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    home = make_agency(tmp_path / "node").home
    before = {p: p.read_bytes() for p in home.keys_folder.iterdir()}
    with pytest.raises(OutputExistsError):
        create_identity(home, "fiu-north", NOW_MS)
    assert {p: p.read_bytes() for p in home.keys_folder.iterdir()} == before


def test_the_text_form_shows_no_secret(agency: Agency) -> None:
    text = repr(agency.identity)
    for secret in (agency.identity.storage_key, agency.identity.tls_key_pem, agency.home.signing_key_file.read_bytes()):
        assert repr(secret)[2:-1] not in text
    assert "PRIVATE" not in text


def test_signatures_verify_and_bind_type_and_payload(agency: Agency) -> None:
    signer: Signer = agency.identity.signer
    signature = signer.sign(pre_authentication_encoding("a", b"payload"))
    verify_signature(signer.public_key, "a", b"payload", signature, IdentityError, "x")
    small_order = bytes(32)
    # With the identity as key, S = 1 and R = the base point satisfy the equation for every message (RFC 8032, 5.1.7).
    identity, anyones = b"\x01" + bytes(31), b"\x58" + b"\x66" * 31 + b"\x01" + bytes(31)
    for key, kind, payload, forged in (
        (signer.public_key, "b", b"payload", signature),
        (signer.public_key, "a", b"payloae", signature),
        (signer.public_key, "a", b"payload", signature[:-1] + bytes([signature[-1] ^ 1])),
        (signer.public_key, "a", b"payload", signature[:-1]),
        (signer.public_key, "a", b"payload", b""),
        (small_order, "a", b"payload", signature),
        (small_order, "a", b"payload", bytes(64)),
        (identity, "a", b"payload", anyones),
        (b"", "a", b"payload", signature),
    ):
        with pytest.raises(IdentityError, match="x: expected a signature"):
            verify_signature(key, kind, payload, forged, IdentityError, "x")


@pytest.mark.parametrize("name", ["signing_key_file", "tls_key_file", "tls_certificate_file", "storage_key_file"])
@pytest.mark.parametrize("fault", ["open", "missing", "empty", "cut", "other"])
def test_each_damaged_file_is_refused(tmp_path: Path, name: str, fault: str) -> None:
    home = make_agency(tmp_path / "node").home
    path: Path = getattr(home, name)
    if fault == "open":
        path.chmod(0o640)
    elif fault == "missing":
        path.unlink()
    elif fault == "empty":
        write_private(path, b"")
    elif fault == "cut":
        write_private(path, path.read_bytes()[:-10])
    else:
        write_private(path, b"\xff" * 500)
    expected = {"open": PermissionsError}.get(fault, IdentityError)
    with pytest.raises(expected):
        load_identity(home, "fiu-north", NOW_MS)


def test_keys_of_another_kind_or_pair_are_refused(tmp_path: Path, agency: Agency) -> None:
    home = make_agency(tmp_path / "node").home
    for path, data, message in (
        (home.signing_key_file, private_pem(ec.generate_private_key(ec.SECP256R1())), "expected an Ed25519 key"),
        (home.tls_key_file, agency.identity.tls_key_pem, "expected the P-256 key of tls.crt"),
        (home.tls_key_file, private_pem(ed25519.Ed25519PrivateKey.generate()), "expected the P-256 key of tls.crt"),
    ):
        good = path.read_bytes()
        write_private(path, data)
        with pytest.raises(IdentityError, match=message):
            load_identity(home, "fiu-north", NOW_MS)
        write_private(path, good)
    with pytest.raises(IdentityError, match="expected the one name fiu-south"):
        load_identity(home, "fiu-south", NOW_MS)


@pytest.mark.parametrize("days", [-1, CERTIFICATE_DAYS + 1])
def test_a_certificate_out_of_its_period_is_refused(agency: Agency, days: int) -> None:
    with pytest.raises(IdentityError, match="expected a certificate valid now"):
        load_identity(agency.home, "fiu-north", NOW_MS + days * DAY_MS)


def test_the_certificate_is_held_to_its_form(agency: Agency) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    other = ec.generate_private_key(ec.SECP256R1())
    name = target_name("fiu-north")
    good = certificate(key, [name])
    check_certificate(good, "fiu-north", IdentityError, "x")
    for pem, message in (
        (certificate(key, [name, "evil.example"]), "expected the one name"),
        (certificate(key, []), "expected a certificate with a DNS name"),
        (certificate(ec.generate_private_key(ec.SECP384R1()), [name]), "expected a P-256 key"),
        (certificate(rsa.generate_private_key(65537, 2048), [name]), "expected a P-256 key"),
        (certificate(key, [name], issuer_key=other), "signed by its own key"),
        (certificate(key, [name], limits=(AUTHORITY, CERTIFICATES)), "may not sign others"),
        (certificate(key, [name], limits=(AUTHORITY, SIGNATURES)), "may not sign others"),
        (certificate(key, [name], limits=(LEAF, CERTIFICATES)), "may not sign others"),
        (certificate(key, [name], limits=(LEAF,)), "DNS name and limits"),
        (certificate(key, [name], limits=(SIGNATURES,)), "DNS name and limits"),
        (good + good, "canonical PEM"),
        (b"# note\n" + good, "canonical PEM"),
        (good.replace(b"\n", b"\r\n"), "canonical PEM"),
        (good + agency.identity.tls_key_pem, "canonical PEM"),
        (b"", "expected a certificate"),
    ):
        with pytest.raises(IdentityError, match=message):
            check_certificate(pem, "fiu-north", IdentityError, "x")


@given(st.data())
def test_mutated_certificates_raise_one_error(agency: Agency, data: st.DataObject) -> None:
    der = bytearray(agency.identity.certificate.public_bytes(Encoding.DER))
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    if bytes(der) == agency.identity.certificate.public_bytes(Encoding.DER):
        return
    pem = ssl.DER_cert_to_PEM_cert(bytes(der)).encode()
    with pytest.raises(IdentityError):
        check_certificate(pem, "fiu-north", IdentityError, "x")


def test_the_signing_key_alone(agency: Agency, tmp_path: Path) -> None:
    assert load_signer(agency.home).public_key == agency.identity.signer.public_key
    with pytest.raises(HomeMissingError):
        load_signer(Home(tmp_path / "none"))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> list[Agency]:
    folder, now_ms = tmp_path_factory.mktemp("tls"), time.time_ns() // 1_000_000
    return [make_agency(folder / name, f"fiu-{name}", now_ms=now_ms) for name in ("server", "client", "stranger")]


class TestMutualTls:
    """Two nodes' certificates in a real TLS 1.3 handshake, each pinning the other's."""

    @staticmethod
    def context(side: int, own: Agency, trusted: Agency) -> ssl.SSLContext:
        context = ssl.SSLContext(side)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(own.home.tls_certificate_file, own.home.tls_key_file)
        context.load_verify_locations(cadata=trusted.identity.tls_certificate_pem.decode())
        return context

    def shake(self, server: Agency, trusts: Agency, client: Agency, pins: Agency, name: str) -> bytes:
        ours, theirs = socket.socketpair()
        accepting = self.context(ssl.PROTOCOL_TLS_SERVER, server, trusts)
        failures: list[Exception] = []

        def serve() -> None:
            try:
                with accepting.wrap_socket(theirs, server_side=True) as wire:
                    wire.sendall(b"hello")
            except (ssl.SSLError, OSError) as error:
                failures.append(error)
                theirs.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with self.context(ssl.PROTOCOL_TLS_CLIENT, client, pins).wrap_socket(ours, server_hostname=name) as wire:
                return wire.recv(5)
        finally:
            ours.close()
            thread.join()

    def test_partners_meet(self, nodes: list[Agency]) -> None:
        server, client, _ = nodes
        assert self.shake(server, client, client, server, target_name("fiu-server")) == b"hello"

    def test_strangers_do_not(self, nodes: list[Agency]) -> None:
        server, client, stranger = nodes
        for trusts, caller, pins, name in (
            (client, stranger, server, "fiu-server"),
            (client, client, stranger, "fiu-server"),
            (client, client, server, "fiu-client"),
        ):
            with pytest.raises((ssl.SSLError, OSError)):
                assert self.shake(server, trusts, caller, pins, target_name(name)) == b"hello"
                raise AssertionError("the handshake succeeded")
