"""`accord bench query`: two nodes answer a question over mutual TLS, as operators ask it, and the answer is checked.

With `--smoke` the core runs first, smallest sizes, once.
"""

from __future__ import annotations

import sys

from benchmarks import core, results
from benchmarks.comparison import add_arguments, run_sizes
from benchmarks.lists import Size
from benchmarks.nodes import Accord

SIZES = ("20000", "100000", "200000")


def main() -> None:
    """Run from the command line."""
    parser = results.parser("Measure whole queries between two nodes on this machine.")
    add_arguments(parser, SIZES, repetitions=3)
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.sizes, arguments.repetitions = [Size(1000, 1000)], 1
    with results.destination(arguments) as given:
        if arguments.smoke:
            print(core.run(core.smoke(given)))
        good = run_sizes("query", given, [Accord()])
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
