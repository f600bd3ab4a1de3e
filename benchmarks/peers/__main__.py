"""`accord bench peers`: accord's own query and other systems' on the same lists, in the same run."""

from __future__ import annotations

import sys

from benchmarks import results
from benchmarks.comparison import System, add_arguments, run_sizes
from benchmarks.lists import Size
from benchmarks.nodes import Accord
from benchmarks.peers.systems import PEERS

SIZES = ("1000", "20000", "100000")


def main() -> None:
    """Run from the command line."""
    parser = results.parser("Compare whole queries with other systems, each installed on demand.")
    add_arguments(parser, SIZES, repetitions=3)
    names = [peer.name for peer in PEERS]
    parser.add_argument("--peers", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.sizes, arguments.repetitions = [Size(1000, 1000)], 1
    systems: list[System] = [Accord(), *(peer for peer in PEERS if peer.name in arguments.peers)]
    with results.destination(arguments) as given:
        good = run_sizes("peers", given, systems)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
