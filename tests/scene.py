"""A served node in this process, its partner, and a stranger: real certificates, real TLS, real folders."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc

from nodes.exercise_node import free_port
from nodes.home import write_private
from nodes.identity import Identity, target_name
from nodes.ledger import LedgerFile
from nodes.node import Node, open_node
from nodes.partners import Partner, read_partner_file
from nodes.service import Service
from tests.agency import Agency, load_agency, make_agency

NOW_MS = time.time_ns() // 1_000_000


@dataclass
class Scene:
    """South is served. North is its partner, east is not; both know south."""

    south: Agency
    north: Agency
    east: Agency
    node: Node
    service: Service

    @property
    def streams(self) -> int:
        """How many streams north has open."""
        return self.node.sessions._streams["north"]

    @property
    def partner_of_north(self) -> Partner:
        return self.north.book.by_agency("south")


def meet(one: Agency, other: Agency) -> None:
    file = read_partner_file(other.partner_file)
    one.book.add(file, file.fingerprint, NOW_MS, lambda _: None)


@contextlib.asynccontextmanager
async def served(folder: Path, **limits: int) -> AsyncIterator[Scene]:
    port = free_port()
    south = make_agency(folder / "south", "south", address=f"127.0.0.1:{port}", now_ms=NOW_MS)
    north, east = (make_agency(folder / name, name, now_ms=NOW_MS) for name in ("north", "east"))
    if limits:
        text = south.home.config_file.read_text() + "\n[limits]\n"
        text += "".join(f"{name} = {value}\n" for name, value in limits.items())
        write_private(south.home.config_file, text.encode())
        south = load_agency(south.home, NOW_MS)
    for agency in (north, east):
        meet(agency, south)
    meet(south, north)
    with open_node(south.home) as node:
        service = Service(node)
        await service.start()
        try:
            yield Scene(south, north, east, node, service)
        finally:
            await node.sessions.drain(0)
            await service.stop()


@contextlib.asynccontextmanager
async def raw_channel(scene: Scene, identity: Identity, **options: int) -> AsyncIterator[grpc.aio.Channel]:
    """A caller that uses gRPC as it likes."""
    credentials = grpc.ssl_channel_credentials(
        scene.south.identity.tls_certificate_pem, identity.tls_key_pem, identity.tls_certificate_pem
    )
    settings = [("grpc.ssl_target_name_override", target_name("south")), *options.items()]
    async with grpc.aio.secure_channel(scene.south.config.listen, credentials, options=settings) as channel:
        yield channel


def events(agency: Agency) -> list[str]:
    return [entry["event"] for entry in LedgerFile(agency.home.ledger_file).entries()]


def reasons(agency: Agency) -> list[str]:
    return [entry["reason"] for entry in LedgerFile(agency.home.ledger_file).entries() if "reason" in entry]
