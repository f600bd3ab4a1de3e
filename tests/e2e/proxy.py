"""A TCP proxy between two nodes that counts, holds or cuts at a byte offset."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

TO_SERVER: Final = "to-server"
TO_CLIENT: Final = "to-client"


@dataclass
class Proxy:
    """Relays connections to `target_port`. Connections of a node come one after the other in these tests."""

    target_port: int
    port: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {TO_SERVER: 0, TO_CLIENT: 0})
    reached: threading.Event = field(default_factory=threading.Event)
    _stop: tuple[str, int, bool] | None = None
    _going_on: threading.Event = field(default_factory=threading.Event)
    _sockets: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._going_on.set()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def hold_at(self, direction: str, offset: int) -> None:
        """Stop relaying, both ways, once so many bytes went in a direction; until `go_on`."""
        self._arm((direction, offset, False))

    def cut_at(self, direction: str, offset: int) -> None:
        """Close both connections once so many bytes went in a direction."""
        self._arm((direction, offset, True))

    def _arm(self, stop: tuple[str, int, bool]) -> None:
        self.counts = {TO_SERVER: 0, TO_CLIENT: 0}
        self.reached.clear()
        self._stop = stop

    def go_on(self) -> None:
        self._stop = None
        self._going_on.set()

    def reset(self) -> None:
        """Forget everything; the next connection is counted from nothing."""
        self.cut()
        self.counts = {TO_SERVER: 0, TO_CLIENT: 0}
        self.reached.clear()
        self.go_on()

    def cut(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._sockets.clear()

    def close(self) -> None:
        self.reset()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self._sockets += [client, server]
            for source, sink, direction in ((client, server, TO_SERVER), (server, client, TO_CLIENT)):
                threading.Thread(target=self._relay, args=(source, sink, direction), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        with suppress(OSError):
            while data := source.recv(4_096):
                self._going_on.wait()
                stop = self._stop
                if stop is not None and stop[0] == direction and self.counts[direction] + len(data) >= stop[1]:
                    keep = max(stop[1] - self.counts[direction], 0)
                    sink.sendall(data[:keep])
                    self.counts[direction] += keep
                    if stop[2]:
                        self.reached.set()
                        self._stop = None
                        self.cut()
                        return
                    self._going_on.clear()
                    self.reached.set()
                    self._going_on.wait()
                    data = data[keep:]
                sink.sendall(data)
                self.counts[direction] += len(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
