"""`accord bench figures`: a count, and a sum by ten categories, between two served nodes on this machine.

As operators ask them, over mutual TLS, with the proof of a shuffle. Each figure is compared with what plain Python
finds in the files. Each question and size has two nodes and a result of its own, so that the memory is what this one
takes; the nodes have answered a small one before, which makes the table of logarithms that a sum needs. What the proof
takes of the CPU time is measured beside it, in this process, row by row.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from hashlib import sha512
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import processes, results
from benchmarks.lists import COLUMN, Lists, Size, make_lists, read_ids
from benchmarks.nodes import DATA_SET, KIND, Accord
from benchmarks.operations import derive
from benchmarks.results import BenchmarkError
from nodes.errors import ExerciseNodeError
from psi import keystream_scalars, public_key
from psi.elgamal import CIPHERTEXT_BYTES, encrypt, rerandomize
from psi.group import ELEMENT_BYTES, multiply_base, multiply_shared
from psi.shuffle import ShuffleProver, ShuffleStatement, ShuffleVerifier

CATEGORIES: Final = tuple(f"category-{number}" for number in range(10))
WARM: Final = Size(32, 32)  # of the first question, which is not timed
PROOF_ROWS: Final = 8_192  # for the share of the proof
SIDES: Final = ("requester", "responder")
COLUMNS: Final = {
    "question": "<",
    "online s": ">",
    "to responder": ">",
    "to requester": ">",
    "CPU s, requester": ">",
    "CPU s, responder": ">",
    "peak MiB, requester": ">",
    "peak MiB, responder": ">",
    "CPU us for each of the responder's": ">",
    "of which proof": ">",
}

_MAPPING: Final = f"""
realm = "exercise"
reference = "{COLUMN}"

[[identifier]]
kind = "{KIND}"
number = "{COLUMN}"

[transaction]
amount = "amount"
fixed_currency = "EUR"
offence = "offence"
"""

_AGGREGATES: Final = """
[rules.aggregates]
minimum = 1
epsilon_millis = 0
rounding = 0
max_per_person = 1
max_exact_answers = 1_000
max_epsilon_millis = 0
period_days = 1
max_share_percent = 100
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one question cost. `online_seconds` begin when the two nodes are connected."""

    question: str
    rows: int
    online_seconds: float
    sent_bytes: int
    received_bytes: int
    cpu_seconds: tuple[float, float]
    peak_rss_bytes: tuple[int, int]
    proof_us_per_row: float

    def figures(self) -> dict[str, Any]:
        """As the file has it, with the CPU time of both nodes per identifier of the responder and the proof's share."""
        us_per_row = 1e6 * sum(self.cpu_seconds) / self.rows
        return {**asdict(self), "us_per_row": us_per_row, "proof_share": self.proof_us_per_row / us_per_row}


def text(document: dict[str, Any]) -> str:
    """Return what a person reads of a result, as Markdown."""
    cost = document["cost"]
    row = (
        f"{cost['question']}, {cost['rows']:,}",
        f"{cost['online_seconds']:.2f}",
        f"{cost['sent_bytes']:,}",
        f"{cost['received_bytes']:,}",
        *(f"{seconds:.1f}" for seconds in cost["cpu_seconds"]),
        *(f"{peak / 2**20:.0f}" for peak in cost["peak_rss_bytes"]),
        f"{cost['us_per_row']:.1f}",
        f"{cost['proof_share']:.0%}",
    )
    return f"{results.headline(document)}\n{results.markdown(COLUMNS, [row])}"


def transactions(lists: Lists, file: Path) -> dict[str, tuple[str, int]]:
    """Write the responder's list with an amount and a category for each; return what the file says."""
    shared = lists.truth()
    ranked = sorted(read_ids(lists.responder), key=lambda one: (one not in shared, one))  # no category without any
    held = {one: (CATEGORIES[place % 10], 100 + int(one[-3:])) for place, one in enumerate(ranked)}
    rows = (f"{one},{cents // 100}.{cents % 100:02},{category}" for one, (category, cents) in held.items())
    file.write_text("\n".join([f"{COLUMN},amount,offence", *rows, ""]), encoding="ascii")
    return held


class Measurement:
    """Two served nodes with the lists of one size."""

    def __init__(self, ready: Any, folder: Path) -> None:
        self._ready = ready
        self._folder = folder
        self._mapping = folder / "transactions.toml"
        self._mapping.write_text(_MAPPING, encoding="utf-8")
        for node in (ready.requester, ready.responder):
            rules = node.home / "rules.toml"
            text = rules.read_text(encoding="utf-8")
            for before, after in (("intersect", 'count", "sum'), ("shared-identifiers", 'count", "sums')):
                text = text.replace(f'["{before}"]', f'["{after}"]')
            rules.write_text(text + _AGGREGATES, encoding="utf-8")

    def hold(self, lists: Lists) -> None:
        """Import another pair of lists; from here on they are asked about."""
        self._truth = lists.truth()
        file = self._folder / "transactions.csv"
        self._held = transactions(lists, file)
        self._ready.requester.hold(lists.requester, self._folder / "mapping.toml")
        self._ready.responder.hold(file, self._mapping)
        self._rows = lists.size.responder

    def count(self) -> Cost:
        """Ask for the count. Raises BenchmarkError if it is wrong."""
        (figure,), cost = self._ask("count", ("count",), columns=0)
        if figure["count"] != len(self._truth):
            raise BenchmarkError(f"count: expected {len(self._truth)}, got {figure['count']}")
        return cost

    def sum(self) -> Cost:
        """Ask for the sums by category. Raises BenchmarkError if one is wrong."""
        options = [word for name in CATEGORIES for word in ("--category", name)]
        asked = ("sum", "--currency", "EUR", "--by", "offence", *options, "--high", "20")
        figures, cost = self._ask("sum by 10 categories", asked, columns=2 * len(CATEGORIES))
        counts: Counter[str] = Counter()
        totals: Counter[str] = Counter()
        for one in self._truth:
            category, cents = self._held[one]
            counts[category] += 1
            totals[category] += cents
        told = {figure["category"]: (figure["count"], figure["total"]) for figure in figures}
        if told != {name: (counts[name] or None, totals[name] if counts[name] else None) for name in CATEGORIES}:
            raise BenchmarkError("sum: expected the counts and sums of the files, got others")
        return cost

    def _ask(self, name: str, asked: tuple[str, ...], columns: int) -> tuple[list[dict[str, Any]], Cost]:
        nodes = (self._ready.requester, self._ready.responder)
        answer = self._folder / "answer.json"
        common = ("--partner", nodes[1].agency, "--data-set", DATA_SET, "--ask", DATA_SET, "--kind", KIND)
        mandate = ("--mandate", self._folder / "mandate.toml", "--minimum", "1", "--yes", "--output", answer)
        before = [processes.cpu_seconds(node.pid) for node in nodes]
        nodes[0].ask(*asked, *common, *mandate)
        used = [processes.cpu_seconds(node.pid) - cpu for node, cpu in zip(nodes, before, strict=True)]
        result: dict[str, Any] = json.loads(answer.read_bytes())
        answer.unlink()
        peaks = [processes.peak_rss_bytes(node.pid) for node in nodes]
        cost = Cost(
            name,
            self._rows,
            result["seconds"],
            result["sent_bytes"],
            result["received_bytes"],
            (used[0], used[1]),
            (peaks[0], peaks[1]),
            proof_us(columns),
        )
        return result["figures"], cost


def proof_us(columns: int) -> float:
    """CPU time of proving and verifying a shuffle, for each row, in this process."""
    keys = {name: derive(1, name, 32) for name in ("a", "b", "joint", "proof", "random", "first", "verify")}
    count, width = PROOF_ROWS, ELEMENT_BYTES + columns * CIPHERTEXT_BYTES
    joint = public_key(keys["joint"]) if columns else b""
    elements = multiply_base(keystream_scalars(keys["b"], 0, count))
    old = encrypt(bytes(8 * count * columns), joint, keys["first"], 0) if columns else b""
    new = rerandomize(old, joint, keys["random"], 0) if columns else b""
    before, after = (
        np.hstack([np.frombuffer(half, np.uint8).reshape(count, -1) for half in halves if half])
        for halves in ((elements, old), (multiply_shared(elements, keys["a"]), new))
    )
    order = np.random.default_rng(1).permutation(count).astype("<u4")
    shuffled = after[order].tobytes()
    statement = ShuffleStatement(
        bytes(64), 0, 0, count, columns, public_key(keys["a"]), joint,
        sha512(before.tobytes()).digest(), sha512(shuffled).digest(), bytes(64),
    )  # fmt: skip
    start = time.process_time()
    randomness = keys["random"] if columns else b""
    committed = ShuffleProver(statement, keys["a"], keys["proof"], order.tobytes(), randomness).commit()
    proof = committed.absorb(shuffled).close()
    responses, _ = proof.respond(count)
    own = before.tobytes()
    if columns:  # as its responder does, which has encrypted the list before: zeros, under the number of each row
        numbers = np.arange(count, dtype="<u4").view(np.uint8).reshape(count, -1)
        own = np.hstack([before[:, :ELEMENT_BYTES], numbers, np.zeros((count, 8 * columns), np.uint8)]).tobytes()
    verifier = ShuffleVerifier(statement, proof.opening, keys["verify"], keys["first"] if columns else b"")
    verifier.absorb(own, shuffled, responses).finish()
    if before.shape[1] != width:
        raise BenchmarkError("proof: expected rows of another width")
    return 1e6 * (time.process_time() - start) / count


def measured(question: str, size: Size, seed: int) -> Cost:
    """Ask between two new nodes, after a small question of the same kind."""
    with tempfile.TemporaryDirectory(prefix="accord-bench-figures-") as name:
        root = Path(name)
        warm = _lists(WARM, seed, root)
        with Accord().open(warm, root) as ready:
            measurement = Measurement(ready, root)
            ask = {"count": measurement.count, "sum": measurement.sum}[question]
            measurement.hold(warm)
            ask()
            measurement.hold(_lists(size, seed, root))
            return ask()


def run(arguments: argparse.Namespace) -> str:
    """Measure each question and size that has no result yet; return all tables."""
    tables = []
    for question, sizes in (("sum", arguments.sums), ("count", arguments.counts)):
        for size in map(Size.parse, sizes):
            path: Path = arguments.results / arguments.run / f"figures-{question}-{size}.json"
            if not path.exists():
                document = results.describe("figures", arguments)
                document["cost"] = measured(question, size, arguments.seed).figures()
                results.write(path, document, text(document))
            tables.append(text(results.read(path)))
    return "\n".join(tables)


def _lists(size: Size, seed: int, root: Path) -> Lists:
    folder = root / f"lists-{size}"
    folder.mkdir(exist_ok=True)
    return make_lists(size, seed, folder)


def main() -> None:
    """Run from the command line."""
    parser = results.parser("Measure a count and a sum between two nodes on this machine.")
    parser.add_argument("--counts", nargs="*", default=["100000", "1000000"], help="sizes to count over")
    parser.add_argument("--sums", nargs="*", default=["10000", "100000"], help="sizes to sum over")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.counts, arguments.sums = ["500"], ["300"]
    try:
        with results.destination(arguments) as given:
            print(run(given))
    except (BenchmarkError, ExerciseNodeError, ValueError) as error:
        sys.exit(f"figures: {error}")


if __name__ == "__main__":
    main()
