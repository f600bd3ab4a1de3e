"""A TCP relay on loopback that counts: bytes on the wire as the network sees them, framing and TLS included.

It takes part only in runs that are not timed.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from nodes.exercise_node import LOOPBACK

_BUFFER_BYTES: Final = 1 << 18


@dataclass
class Counted:
    """What passed, seen from the side that connected."""

    sent_bytes: int = 0
    received_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, sent_bytes: int = 0, received_bytes: int = 0) -> None:
        """Count more."""
        with self._lock:
            self.sent_bytes += sent_bytes
            self.received_bytes += received_bytes


@contextmanager
def relay(port: int, target: int) -> Iterator[Counted]:
    """Pass connections from `port` on to `target` until the block ends."""
    counted = Counted()
    with socket.create_server((LOOPBACK, port)) as server:
        server.settimeout(0.2)
        stopping = threading.Event()
        accepting = threading.Thread(target=_accept, args=(server, target, counted, stopping))
        accepting.start()
        try:
            yield counted
        finally:
            stopping.set()
            accepting.join()


def _accept(server: socket.socket, target: int, counted: Counted, stopping: threading.Event) -> None:
    ends: list[socket.socket] = []
    threads: list[threading.Thread] = []
    while not stopping.is_set():
        try:
            near, _ = server.accept()
        except TimeoutError:
            continue
        near.settimeout(None)
        try:
            far = socket.create_connection((LOOPBACK, target))
        except OSError:
            near.close()  # as if nobody listened: whoever connects tries again
            continue
        ends += [near, far]
        for pair, direction in (((near, far), "sent_bytes"), ((far, near), "received_bytes")):
            threads.append(threading.Thread(target=_pump, args=(*pair, counted, direction)))
            threads[-1].start()
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    for end in ends:
        end.close()


def _pump(source: socket.socket, sink: socket.socket, counted: Counted, direction: str) -> None:
    buffer = bytearray(_BUFFER_BYTES)
    view = memoryview(buffer)
    with suppress(OSError):
        while count := source.recv_into(buffer):
            counted.add(**{direction: count})
            sink.sendall(view[:count])
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
