"""One process of the core benchmark: does what its parent asks, one request and one answer a line, as JSON.

RAYON_NUM_THREADS, set by the parent, says how many threads the core uses here.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.libraries import Libraries, timed
from benchmarks.operations import BY_NAME, Batch, check


def main() -> None:
    """Serve until the parent closes the pipe."""
    batch: Batch | None = None
    libraries: Libraries | None = None
    for line in sys.stdin:
        answer: Any
        match json.loads(line):
            case {"prepare": count, "library_count": library_count, "seed": seed}:
                batch = Batch(count, seed)
                calls = Batch(library_count, seed)
                libraries = Libraries(calls.scalars, calls.elements, calls.uniform, library_count)
                answer = None
            case {"check": name, "backend": backend} if batch:
                answer = check(BY_NAME[name], batch, backend)
            case {"time": name, "backend": backend} if batch:
                operation, inputs = BY_NAME[name], batch
                answer = timed(lambda: operation.run(inputs, backend))  # noqa: B023, called at once
            case {"library": name} if libraries:
                answer = timed(libraries.loops[name])
            case request:
                raise ValueError(f"unexpected request {request}")
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
