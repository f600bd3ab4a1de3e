"""`accord certificate renew`: a new certificate, the same agency."""

from __future__ import annotations

from pathlib import Path

from nodes.home import Home
from nodes.ledger import LedgerFile
from nodes.partners import read_partner_file
from tests.cli.command import accord, init


def export(home: Path, file: Path) -> str:
    return str(accord(home, "partner", "export", file, "--json").json["fingerprint"])


def test_partners_take_the_new_file_and_no_longer_the_old(tmp_path: Path) -> None:
    north, south = tmp_path / "north", tmp_path / "south"
    init(north, "fiu-north")
    init(south, "fiu-south")
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    assert accord(south, "partner", "add", old, "--fingerprint", export(north, old)).code == 0
    assert accord(north, "certificate", "renew", "--json").code == 0
    shown = export(north, new)
    before, after = (read_partner_file(file.read_bytes()) for file in (old, new))
    assert before.signing_key == after.signing_key
    assert before.certificate_sha256 != after.certificate_sha256
    assert before.certificate.public_key() != after.certificate.public_key()
    assert accord(south, "partner", "add", new, "--fingerprint", shown, "--json").error["code"] == "partner-conflict"
    assert accord(south, "partner", "remove", "fiu-north").code == 0
    assert accord(south, "partner", "add", new, "--fingerprint", shown).code == 0


def test_the_ledger_names_the_new_certificate(tmp_path: Path) -> None:
    home = tmp_path / "north"
    init(home, "fiu-north")
    assert accord(home, "certificate", "renew").code == 0
    file = tmp_path / "north.json"
    export(home, file)
    newest = list(LedgerFile(Home(home).ledger_file).entries())[-1]
    assert newest["event"] == "identity-change"
    assert newest["note"] == f"certificate {read_partner_file(file.read_bytes()).certificate_sha256.hex()}"


def test_a_crash_between_key_and_certificate_is_repaired_by_renewing_again(tmp_path: Path) -> None:
    home = tmp_path / "north"
    init(home, "fiu-north")
    certificate = Home(home).tls_certificate_file
    old = certificate.read_bytes()
    assert accord(home, "certificate", "renew").code == 0
    certificate.write_bytes(old)
    outcome = accord(home, "partner", "export", tmp_path / "file.json", "--json")
    assert outcome.error["code"] == "bad-identity"
    assert accord(home, "certificate", "renew").code == 0
    assert accord(home, "partner", "export", tmp_path / "file.json").code == 0
