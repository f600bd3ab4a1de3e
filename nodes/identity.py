"""Who this node is: an Ed25519 key that signs, a P-256 key and certificate for TLS, a key that seals storage.

Two kinds of keys, because gRPC does not take Ed25519 certificates. The certificate is self-signed: partners pin it
through the partner file, and a certificate authority would only add trust in a third party. Keys lie in PKCS #8
without a password: a node restarts unattended, and whoever can read its folder could read the password too.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nodes.errors import IdentityError, NodeError
from nodes.home import Home, read_private, write_private
from protocol.dsse import check_public_key, pre_authentication_encoding
from protocol.errors import SigningKeyError

STORAGE_KEY_BYTES: Final = 32
CERTIFICATE_DAYS: Final = 1095  # three years; `doctor` warns before; a new certificate means a new partner file
CLOCK_TOLERANCE: Final = timedelta(minutes=5)  # a partner whose clock is behind can use a new certificate at once

_NO_CERTIFICATE: Final = (  # what the library raises for bytes that are not a certificate as it should be
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True)
class Signer:
    """The node's signing key, as `protocol.dsse.Signer` wants it. Its text form shows no key."""

    _key: Ed25519PrivateKey = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """32 bytes, RFC 8032."""
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over exactly these bytes."""
        return self._key.sign(message)


@dataclass(frozen=True, slots=True)
class Identity:
    """All keys of a node, checked. Secret parts are left out of the text form."""

    agency_id: str
    signer: Signer
    tls_key_pem: bytes = field(repr=False)
    certificate: x509.Certificate
    storage_key: bytes = field(repr=False)

    @property
    def tls_certificate_pem(self) -> bytes:
        """The certificate as TLS servers and clients load it."""
        return self.certificate.public_bytes(Encoding.PEM)


def target_name(agency_id: str) -> str:
    """Return the name in a node's certificate, which a client expects whatever address it dials."""
    return f"{agency_id}.accord.internal"


def create_identity(home: Home, agency_id: str, now_ms: int) -> None:
    """Make all keys and the certificate, and write them durably; refuses to overwrite any of them.

    Args:
        home: a folder made by `Home.create`.
        agency_id: becomes the certificate's name.
        now_ms: start of the certificate's period, less CLOCK_TOLERANCE.

    Raises:
        OutputExistsError: one of the files is there. StorageError: not written.
    """
    tls_key_pem, certificate = create_tls(agency_id, now_ms)
    for path, data in (
        (home.signing_key_file, _private_pem(Ed25519PrivateKey.generate())),
        (home.tls_key_file, tls_key_pem),
        (home.tls_certificate_file, certificate.public_bytes(Encoding.PEM)),
        (home.storage_key_file, secrets.token_bytes(STORAGE_KEY_BYTES)),
    ):
        write_private(path, data, replace=False)


def create_tls(agency_id: str, now_ms: int) -> tuple[bytes, x509.Certificate]:
    """Return a new TLS key, in PEM, and its certificate; arguments as for `create_identity`."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _private_pem(key), _self_signed(key, agency_id, datetime.fromtimestamp(now_ms / 1000, UTC))


def write_tls(home: Home, key_pem: bytes, certificate: x509.Certificate) -> None:
    """Put a TLS key and certificate in place of the old ones. A crash between the two shows as a key that does not
    fit, and is repaired by making both anew. Raises StorageError."""
    write_private(home.tls_key_file, key_pem)
    write_private(home.tls_certificate_file, certificate.public_bytes(Encoding.PEM))


def load_signer(home: Home) -> Signer:
    """Read the signing key alone. Raises as `load_identity`, and HomeMissingError."""
    home.check()
    key = _load_key(_read_key_file(home.signing_key_file), "signing.key")
    if not isinstance(key, Ed25519PrivateKey):
        raise IdentityError("signing.key: expected an Ed25519 key, got another kind")
    return Signer(key)


def load_identity(home: Home, agency_id: str, now_ms: int) -> Identity:
    """Read all keys and check that they are of the right kind, belong together and are valid now.

    Raises:
        PermissionsError, StorageError: see `read_private`.
        IdentityError: names the file, what was expected and what was found.
    """
    signer = load_signer(home)
    key_pem = _read_key_file(home.tls_key_file)
    tls_key = _load_key(key_pem, "tls.key")
    certificate_pem = _read_key_file(home.tls_certificate_file)
    certificate = check_certificate(certificate_pem, agency_id, IdentityError, "tls.crt")
    check_period(certificate, now_ms, IdentityError, "tls.crt")
    if not isinstance(tls_key, ec.EllipticCurvePrivateKey) or tls_key.public_key() != certificate.public_key():
        raise IdentityError("tls.key: expected the P-256 key of tls.crt, got another key")
    storage_key = _read_key_file(home.storage_key_file)
    if len(storage_key) != STORAGE_KEY_BYTES:
        raise IdentityError(f"storage.key: expected {STORAGE_KEY_BYTES} bytes, got {len(storage_key)}")
    return Identity(agency_id, signer, key_pem, certificate, storage_key)


def check_certificate(pem: bytes, agency_id: str, error: type[NodeError], what: str) -> x509.Certificate:
    """Parse a certificate and verify that it is one, in canonical PEM, P-256, self-signed, in the agency's name,
    and may not sign others."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        extensions = certificate.extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        dns_names = names.get_values_for_type(x509.DNSName)
        key = certificate.public_key()
        canonical = certificate.public_bytes(Encoding.PEM)
    except _NO_CERTIFICATE:
        raise error(f"{what}: expected a certificate with a DNS name and limits, got something else") from None
    if canonical != pem:
        raise error(f"{what}: expected one certificate in canonical PEM, got more or another form")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise error(f"{what}: expected a P-256 key, got another kind")
    if len(list(names)) != 1 or dns_names != [target_name(agency_id)]:
        raise error(f"{what}: expected the one name {target_name(agency_id)}, got others")
    if constraints.ca or usage.key_cert_sign:  # pinned, it is a root to TLS, which would take what it signs
        raise error(f"{what}: expected a certificate that may not sign others, got an authority's")
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        raise error(f"{what}: expected a certificate signed by its own key, got another") from None
    return certificate


def check_period(certificate: x509.Certificate, now_ms: int, error: type[NodeError], what: str) -> None:
    """Verify that a certificate is valid now, CLOCK_TOLERANCE allowed for at its beginning."""
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not first - CLOCK_TOLERANCE <= datetime.fromtimestamp(now_ms / 1000, UTC) <= last:
        raise error(f"{what}: expected a certificate valid now, got one for {first:%Y-%m-%d} to {last:%Y-%m-%d}")


def verify_signature(
    public_key: bytes, payload_type: str, payload: bytes, signature: bytes, error: type[NodeError], what: str
) -> None:
    """Verify an Ed25519 signature over DSSE's pre-authentication encoding of a file or row.

    Raises:
        error: the key is not canonical or of small order, or this is not its signature over the payload.
    """
    try:
        check_public_key(public_key)
        message = pre_authentication_encoding(payload_type, payload)
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (SigningKeyError, InvalidSignature, ValueError):
        raise error(f"{what}: expected a signature of its agency's key over exactly this content") from None


def _self_signed(key: ec.EllipticCurvePrivateKey, agency_id: str, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, agency_id)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_TOLERANCE)
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(target_name(agency_id))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )


def _private_pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read_key_file(path: Path) -> bytes:
    if not path.exists():
        raise IdentityError(f"keys/{path.name}: expected a file, got none")
    return read_private(path)


def _load_key(pem: bytes, name: str) -> object:
    try:
        return load_pem_private_key(pem, password=None)
    except Exception:  # the library raises several kinds, all of them mean the same here
        raise IdentityError(f"{name}: expected a private key in PKCS #8 PEM, got something else") from None
