"""Whom this node talks to: partner files, signed by their own agency, and the book of those that were confirmed.

A partner file is a DSSE envelope in JSON around canonical JSON. Its signature proves only that the agency holds the
key inside; that it is the right agency is proven by people, who compare the fingerprint over a channel they trust.
Files and book are checked again at each load. When the book changes on disk, the next look-up sees it, so that a
suspended partner is refused at its next frame; a damaged book refuses everybody.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from nodes.config import AGENCY_ID, REALMS, Config, read_address
from nodes.errors import (
    FingerprintError,
    NodeError,
    PartnerBookError,
    PartnerConflictError,
    PartnerFileError,
    PartnerInactiveError,
    PartnerRealmError,
    PartnerUnknownError,
)
from nodes.fields import LATEST_MS, parse_json
from nodes.home import Home, locked, read_private, write_private
from nodes.identity import CLOCK_TOLERANCE, Identity, check_certificate, check_period, verify_signature
from nodes.signed_file import canonical_json, from_base64, read_signed, write_signed
from protocol.dsse import pre_authentication_encoding

PAYLOAD_TYPE: Final = "application/vnd.accord.v1.partner+json"
MAX_PARTNER_FILE_BYTES: Final = 16_384  # one certificate and a few lines of text
MAX_PARTNERS: Final = 256
MAX_BOOK_BYTES: Final = 2 * MAX_PARTNERS * MAX_PARTNER_FILE_BYTES
HEX_KEY: Final = re.compile(r"[0-9a-f]{64}")


Record = Callable[["Partner"], object]


class Status(StrEnum):
    """Only an active partner is spoken to; a removed one stays in the book as history."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class PartnerFile:
    """The checked content of a partner file.

    Args:
        content: the file's exact bytes.
        fingerprint: SHA-256, 64 hexadecimal digits, over what the agency signed.
        certificate_sha256: of the certificate's DER form, as TLS presents it.
    """

    content: bytes
    fingerprint: str
    agency_id: str
    agency_name: str
    realm: str
    address: str
    signing_key: bytes
    certificate: x509.Certificate
    certificate_sha256: bytes
    valid_from_ms: int

    @property
    def tls_certificate_pem(self) -> bytes:
        """The certificate as a client or server pins it."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def spoken_fingerprint(self) -> str:
        """The fingerprint in groups of four digits, to be read aloud."""
        return " ".join(self.fingerprint[i : i + 4] for i in range(0, len(self.fingerprint), 4))


@dataclass(frozen=True, slots=True)
class Partner:
    """One entry of the book."""

    file: PartnerFile
    status: Status
    changed_ms: int


def export_partner_file(identity: Identity, config: Config) -> bytes:
    """Return this agency's own partner file, signed: the same bytes and fingerprint each time."""
    payload = canonical_json(
        {
            "address": config.address,
            "agency_id": config.agency_id,
            "agency_name": config.agency_name,
            "realm": config.realm,
            "signing_key": identity.signer.public_key.hex(),
            "tls_certificate": identity.tls_certificate_pem.decode("ascii"),
            "valid_from_ms": round(identity.certificate.not_valid_before_utc.timestamp() * 1000),
            "version": 1,
        }
    )
    return write_signed(PAYLOAD_TYPE, payload, identity.signer)


def read_partner_file(content: bytes, error: type[NodeError] = PartnerFileError) -> PartnerFile:
    """Parse and verify a partner file: form, signature, key, certificate. Not its period: see `PartnerBook.add`.

    Raises:
        error: says what was expected and found; nothing of the file can be trusted.
    """
    what = "partner file"
    signed = read_signed(content, PAYLOAD_TYPE, MAX_PARTNER_FILE_BYTES, error, what)
    with parse_json(signed.payload, error, what) as fields:
        fields.integer("version", 1, 1)
        agency_id = fields.text("agency_id", pattern=AGENCY_ID)
        agency_name = fields.text("agency_name")
        realm = fields.choice("realm", REALMS)
        address = read_address(fields, "address")
        signing_key = bytes.fromhex(fields.text("signing_key", pattern=HEX_KEY))
        pem = fields.lines("tls_certificate", max_bytes=MAX_PARTNER_FILE_BYTES).encode("utf-8")
        valid_from_ms = fields.integer("valid_from_ms", 0, LATEST_MS)
    verify_signature(signing_key, PAYLOAD_TYPE, signed.payload, signed.signature, error, what)
    certificate = check_certificate(pem, agency_id, error, what)
    return PartnerFile(
        content=content,
        fingerprint=hashlib.sha256(pre_authentication_encoding(PAYLOAD_TYPE, signed.payload)).hexdigest(),
        agency_id=agency_id,
        agency_name=agency_name,
        realm=realm,
        address=address,
        signing_key=signing_key,
        certificate=certificate,
        certificate_sha256=hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest(),
        valid_from_ms=valid_from_ms,
    )


class PartnerBook:
    """All partners of a node. Safe to use from several threads; changes go through a lock on disk.

    Args:
        home: where partners.json lies.
        config: this node's own; its realm is the only one let in.
    """

    def __init__(self, home: Home, config: Config) -> None:
        self._path = home.partners_file
        self._agency_id = config.agency_id
        self._realm = config.realm
        self._lock = threading.Lock()
        self._seen: object = None
        self._partners: tuple[Partner, ...] = ()

    def all(self) -> tuple[Partner, ...]:
        """Return every entry as it is on disk now, removed ones included.

        Raises:
            PartnerBookError, PermissionsError: the book cannot be trusted, so nobody is a partner.
        """
        with self._lock:
            try:
                status = self._path.lstat()
            except FileNotFoundError:
                self._seen, self._partners = None, ()
                return ()
            except OSError as cause:
                raise PartnerBookError(f"expected to read the partner book, got: {cause.strerror}") from None
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode, status.st_uid)
            if stamp != self._seen:
                self._seen = None  # stays so if the book is broken: the next look-up reads it again
                self._partners = self._parse(read_private(self._path, MAX_BOOK_BYTES))
                self._seen = stamp
            return self._partners

    def by_certificate(self, der_sha256: bytes) -> Partner:
        """Return the active partner that presents this TLS certificate.

        Raises:
            PartnerUnknownError: nobody's. PartnerInactiveError: suspended or removed.
        """
        found = [p for p in self.all() if p.file.certificate_sha256 == der_sha256]
        return _active(found, "with this TLS certificate, got none")

    def by_agency(self, agency_id: str) -> Partner:
        """Return the active partner of this agency id. Raises as `by_certificate`."""
        return _active([p for p in self.all() if p.file.agency_id == agency_id], self._named(agency_id))

    def entry(self, agency_id: str) -> Partner:
        """Return the entry of this agency id, whatever its status. Raises PartnerUnknownError."""
        return _known([p for p in self.all() if p.file.agency_id == agency_id], self._named(agency_id))

    def _named(self, agency_id: str) -> str:
        known = ", ".join(p.file.agency_id for p in self.all()) or "none"
        return f"among those known here ({known}), got {agency_id!a:.70}"

    def trusted_certificates(self) -> bytes:
        """Return the certificates of all active partners, PEM after PEM: a TLS server's only roots."""
        return b"".join(p.file.tls_certificate_pem for p in self.all() if p.status is Status.ACTIVE)

    def add(self, file: PartnerFile, confirmed_fingerprint: str, now_ms: int, record: Record) -> Partner:
        """Enter a partner whose fingerprint people have compared.

        Args:
            file: from `read_partner_file`.
            confirmed_fingerprint: as typed; blanks, colons and case do not matter.
            now_ms: the certificate and valid_from must cover it.
            record: called when nothing but the disk can fail any more; if it raises, nothing changes.

        Raises:
            FingerprintError, PartnerRealmError, PartnerFileError, PartnerConflictError: not entered.
        """
        if re.sub(r"[\s:]", "", confirmed_fingerprint).lower() != file.fingerprint:
            raise FingerprintError(f"expected the fingerprint of this file of {file.agency_id}, got another")
        if file.realm != self._realm:
            raise PartnerRealmError(f"expected a partner of realm {self._realm}, got {file.realm}")
        check_period(file.certificate, now_ms, PartnerFileError, "partner file")
        if file.valid_from_ms > now_ms + CLOCK_TOLERANCE // timedelta(milliseconds=1):
            raise PartnerFileError("partner file: expected valid_from not in the future, got a later time")
        partner = Partner(file, Status.ACTIVE, now_ms)
        with self._changing() as partners:
            kept = [p for p in partners if p.status is not Status.REMOVED or p.file.agency_id != file.agency_id]
            self._check_distinct([*kept, partner], PartnerConflictError)
            record(partner)
            self._write([*kept, partner])
        return partner

    def set_status(self, agency_id: str, status: Status, now_ms: int, record: Record) -> Partner:
        """Suspend, resume or remove a partner; `record` as in `add`. A removed one comes back only through `add`.

        Raises:
            PartnerUnknownError: not in the book. PartnerInactiveError: it is removed.
        """
        with self._changing() as partners:
            found = _known([p for p in partners if p.file.agency_id == agency_id], self._named(agency_id))
            if found.status is Status.REMOVED:
                raise PartnerInactiveError(f"expected a partner in use, got one that was removed: {agency_id}")
            changed = replace(found, status=status, changed_ms=now_ms)
            record(changed)
            self._write([changed if p is found else p for p in partners])
        return changed

    @contextmanager
    def _changing(self) -> Iterator[tuple[Partner, ...]]:
        with locked(self._path):
            yield self.all()

    def _write(self, partners: list[Partner]) -> None:
        entries = [
            {
                "changed_ms": p.changed_ms,
                "file": base64.b64encode(p.file.content).decode("ascii"),
                "status": p.status.value,
            }
            for p in partners
        ]
        write_private(self._path, canonical_json({"partners": entries, "version": 1}))

    def _parse(self, data: bytes) -> tuple[Partner, ...]:
        partners = []
        with parse_json(data, PartnerBookError, "partner book") as book:
            book.integer("version", 1, 1)
            for entry in book.tables("partners", max_items=MAX_PARTNERS):
                with entry:
                    text = entry.text("file", max_bytes=2 * MAX_PARTNER_FILE_BYTES)
                    content = from_base64(text, PartnerBookError, "partner book")
                    status = Status(entry.choice("status", list(Status)))
                    changed_ms = entry.integer("changed_ms", 0, LATEST_MS)
                partners.append(Partner(read_partner_file(content, PartnerBookError), status, changed_ms))
        self._check_distinct(partners, PartnerBookError)
        return tuple(partners)

    def _check_distinct(self, partners: list[Partner], error: type[NodeError]) -> None:
        """One entry per agency, and no key or certificate of two agencies: a look-up has one answer or none."""
        if len(partners) > MAX_PARTNERS:
            raise error(f"expected at most {MAX_PARTNERS} partners, got more")
        if any(p.file.realm != self._realm for p in partners):
            raise error(f"expected partners of realm {self._realm} alone, got others")
        if any(p.file.agency_id == self._agency_id for p in partners):
            raise error(f"expected agencies other than this one, got {self._agency_id}")
        for what, values in (
            ("agency id", [p.file.agency_id for p in partners]),
            ("signing key", [p.file.signing_key for p in partners]),
            ("TLS certificate", [p.file.certificate_sha256 for p in partners]),
        ):
            if len(set(values)) != len(values):
                raise error(f"expected each {what} once in the partner book, got one twice")


def _known(found: list[Partner], what: str) -> Partner:
    if not found:
        raise PartnerUnknownError(f"expected a partner {what}")
    return found[0]


def _active(found: list[Partner], what: str) -> Partner:
    partner = _known(found, what)
    if partner.status is not Status.ACTIVE:
        raise PartnerInactiveError(f"expected an active partner, got {partner.file.agency_id}: {partner.status}")
    return partner
