"""One party of OpenMined PSI over a TCP connection on loopback. Runs in OpenMined's environment.

The library makes and reads messages and leaves their way to the caller: here each goes as 8 bytes of length and the
message. The server prepares its part while the client prepares the request, so that both cores are busy.
"""

import json
import socket
import sys
import time
from pathlib import Path

import private_set_intersection.python as psi

FALSE_POSITIVE_RATE = 1e-9


def memory_bytes(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


class Link:
    def __init__(self, connection):
        self.connection = connection
        self.sent_bytes = self.received_bytes = 0

    def send(self, message):
        data = len(message).to_bytes(8, "big") + message
        self.connection.sendall(data)
        self.sent_bytes += len(data)

    def receive(self):
        length = int.from_bytes(self._exactly(8), "big")
        return self._exactly(length)

    def _exactly(self, count):
        parts = []
        while count:
            part = self.connection.recv(min(count, 1 << 20))
            if not part:
                raise ConnectionError("the other party went away")
            parts.append(part)
            count -= len(part)
            self.received_bytes += len(part)
        return b"".join(parts)


def respond(link, source):
    ids = source.read_text().split()[1:]
    server = psi.server.CreateWithNewKey(True)
    count = int.from_bytes(link.receive(), "big")
    setup = server.CreateSetupMessage(FALSE_POSITIVE_RATE, count, ids).SerializeToString()
    request = psi.Request()
    request.ParseFromString(link.receive())
    link.send(setup)
    link.send(server.ProcessRequest(request).SerializeToString())
    link.receive()  # the client is done


def ask(link, source, target):
    ids = source.read_text().split()[1:]
    client = psi.client.CreateWithNewKey(True)
    link.send(len(ids).to_bytes(8, "big"))
    link.send(client.CreateRequest(ids).SerializeToString())
    setup, response = psi.ServerSetup(), psi.Response()
    setup.ParseFromString(link.receive())
    response.ParseFromString(link.receive())
    found = [ids[row] for row in client.GetIntersection(setup, response)]
    target.write_text("\n".join(["id", *found, ""]))
    link.send(b"")


def main():
    role, source, target, report, listen, connect = sys.argv[1:]
    if role == "responder":
        with socket.create_server(("127.0.0.1", int(listen))) as server:
            connection, _ = server.accept()
    else:
        connection = patient_connection(int(connect))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link, idle = Link(connection), memory_bytes("VmRSS")
    start, cpu = time.perf_counter(), time.process_time()
    if role == "responder":
        respond(link, Path(source))
    else:
        ask(link, Path(source), Path(target))
    figures = {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "idle_rss_bytes": idle,
        "peak_rss_bytes": memory_bytes("VmHWM"),
        "sent_bytes": link.sent_bytes,
        "received_bytes": link.received_bytes,
    }
    Path(report).write_text(json.dumps(figures))


def patient_connection(port):
    for _ in range(600):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise TimeoutError("the responder does not listen")


if __name__ == "__main__":
    main()
