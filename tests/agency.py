"""One real agency in a folder: home, keys, configuration, and what its operators would have written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nodes.config import Config, Operator, load_config, render_config
from nodes.home import Home, write_private
from nodes.identity import Identity, create_identity, load_identity
from nodes.partners import PartnerBook, export_partner_file, read_partner_file

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Agency:
    home: Home
    config: Config
    identity: Identity

    @property
    def partner_file(self) -> bytes:
        return export_partner_file(self.identity, self.config)

    @property
    def book(self) -> PartnerBook:
        return PartnerBook(self.home, self.config)

    def meet(self, other: Agency) -> None:
        """Enter the other's partner file, as after a telephone call."""
        file = read_partner_file(other.partner_file)
        self.book.add(file, file.fingerprint, NOW_MS, lambda _partner: None)


def make_agency(
    folder: Path,
    agency_id: str = "fiu-north",
    realm: str = "exercise",
    address: str = "localhost:7443",
    now_ms: int = NOW_MS,
) -> Agency:
    home = Home(folder)
    home.create()
    create_identity(home, agency_id, now_ms)
    name = f"Agency {agency_id}"
    write_private(home.config_file, render_config(agency_id, name, realm, address, Operator("op-1", 4242)))
    return load_agency(home, now_ms)


def load_agency(home: Home, now_ms: int = NOW_MS) -> Agency:
    config = load_config(home)
    return Agency(home, config, load_identity(home, config.agency_id, now_ms))
