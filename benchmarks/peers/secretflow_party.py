"""One party of SecretFlow PSI over its own link on loopback. Runs in SecretFlow's environment.

Settings favour it where there is a choice: it is told that keys are unique, and need not sort its output. As for
accord, only the requester gets the result. There is no TLS on the link.
"""

import json
import sys
import time
from pathlib import Path

from spu import libspu, psi

RANKS = {"requester": 0, "responder": 1}


def memory_bytes(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def main():
    role, source, target, report, listen, connect, protocol = sys.argv[1:]
    rank = RANKS[role]
    addresses = {rank: f"127.0.0.1:{listen}", 1 - rank: f"127.0.0.1:{connect}"}
    description = libspu.link.Desc()
    for party in (0, 1):
        description.add_party(str(party), addresses[party])
    link = libspu.link.create_brpc(description, rank)
    config = psi.PsiExecuteConfig(
        protocol_conf=psi.PsiProtocolConfig(
            protocol=psi.parse_protocol(protocol),
            receiver_rank=RANKS["requester"],
            broadcast_result=False,
            ecdh_params=psi.EcdhParams(curve=psi.EllipticCurveType.CURVE_25519),
        ),
        input_params=psi.InputParams(path=source, selected_keys=["id"], keys_unique=True),
        output_params=psi.OutputParams(path=target, disable_alignment=True),
    )
    link.barrier()
    idle, start, cpu = memory_bytes("VmRSS"), time.perf_counter(), time.process_time()
    psi.psi_execute(config, link)
    figures = {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "idle_rss_bytes": idle,
        "peak_rss_bytes": memory_bytes("VmHWM"),
    }
    Path(report).write_text(json.dumps(figures))
    link.stop_link()


if __name__ == "__main__":
    main()
