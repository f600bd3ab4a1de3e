"""`accord bench totals`: a total over several agencies, all of them in one process and their connections in memory.

What is measured is the protocol: CPU time of each participant with all its threads, bytes that it sends and receives,
and memory of the process that holds all. Line and registry are not in it; the table of logarithms is real. Every
figure is compared with the sum in the clear before it is written.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks import results
from benchmarks.operations import derive
from benchmarks.results import BenchmarkError
from protocol import effects as fx
from protocol.events import Completed, Event, Received, ReceivedFrom, Started
from protocol.handshake import Question
from protocol.host_answers import Admission, OwnCells
from protocol.messages import Aggregate, LegalBasis, List, Terms
from protocol.responders import AnyResponder
from protocol.results import Totals
from protocol.session import Local, Peer, Secrets, Session
from protocol.totals import REQUESTERS, Invited
from protocol.vocabulary import Reveals, Scheme
from psi import paillier
from psi.discrete_log import Table

SIZES: Final = ("3x50", "8x10", "8x50", "8x100", "8x200", "16x50", "32x50", "32x200")
CAP: Final = 100_000  # records of one participant in a cell: 17 bits
RANGE: Final = 1_000_000  # of one record's value: 38 bits with the cap
NOW_MS: Final = 1_800_000_000_000
TERMS: Final = Terms(0, 0, 0)


@cache
def table() -> Table:
    """The table of logarithms, built once and not counted."""
    return Table.build()


class Signer:
    """A node's signing key, from the seed."""

    def __init__(self, seed: int, agency: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(derive(seed, f"signing {agency}", 32))
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


@dataclass
class Participant:
    """One node's host: what it holds, and what it has spent."""

    agency: str
    session: Session
    cells: OwnCells
    inbox: deque[Event] = field(default_factory=deque)
    outbox: deque[tuple[str | None, bytes]] = field(default_factory=deque)
    cpu_seconds: Counter[str] = field(default_factory=Counter)
    sent_bytes: int = 0
    received_bytes: int = 0
    result: Totals | None = None

    def feed(self, event: Event) -> None:
        """Carry out everything that follows from one event."""
        events = deque([event])
        while events:
            before = time.process_time()
            effects = self.session.step(events.popleft())
            self.cpu_seconds["messages"] += time.process_time() - before
            events.extend(answer for effect in effects for answer in self._answers(effect))

    def _answers(self, effect: fx.Effect) -> Iterator[Event]:
        before = time.process_time()
        match effect:
            case fx.Send():
                self._send(None, effect.packet)
            case fx.SendTo():
                self._send(effect.agency, effect.packet)
            case fx.Compute():
                found = effect.job.run()
                self.cpu_seconds[type(effect.job).__name__] += time.process_time() - before
                yield Completed(effect.token, found)
            case fx.Solve():
                figures = table().solve(effect.elements, effect.bound)
                self.cpu_seconds["Solve"] += time.process_time() - before
                yield Completed(effect.token, figures)
            case fx.ReadCells():
                yield Completed(effect.token, self.cells)
            case fx.Admit():
                yield Completed(effect.token, Admission((), bytes(64), terms=TERMS))
            case fx.ConsumeSeed() | fx.Charge():
                yield Completed(effect.token)
            case fx.Done():
                if not isinstance(effect.result, Totals):
                    raise BenchmarkError(f"{self.agency}: expected totals, got {effect.error}")
                self.result = effect.result

    def _send(self, agency: str | None, packet: bytes) -> None:
        self.outbox.append((agency, packet))
        self.sent_bytes += len(packet)


def circle(parties: int, categories: int, seed: int, scheme: Scheme) -> dict[str, Participant]:
    """The participants, the requester first, with figures from the seed."""
    chance = random.Random(seed)
    names = [f"agency-{number:02}" for number in range(parties)]
    signers = {name: Signer(seed, name) for name in names}
    keys = {name: signer.public_key for name, signer in signers.items()}
    aggregate = Aggregate(
        "amount", "EUR", "corridor", tuple(f"corridor {i}" for i in range(categories)), (), 100, 0, RANGE, 1, 0, 0
    )
    profile = hashlib.sha512(b"a profile for benchmarks").digest()
    basis = LegalBasis("benchmark", "none", "none", "none", "none", "fraud", "restricted", "routine")
    question = Question(
        "", "operator", (List("iban", CAP),), basis, NOW_MS, NOW_MS + 1000, bytes(32), Reveals.TOTALS,
        aggregate=aggregate,
    )  # fmt: skip

    def host(name: str, session: Session) -> Participant:
        records = tuple(chance.randint(1, CAP) for _ in range(categories))
        values = tuple(chance.randint(0, CAP * RANGE) for _ in range(categories))
        return Participant(name, session, OwnCells(records, values, (False,) * categories))

    def own(name: str) -> tuple[Local, Secrets]:
        secrets = Secrets(*(derive(seed, f"{name} {part}", 32) for part in ("seed", "coin", "salt")))
        return Local(name, "exercise", profile, 0, 10_000, CAP, keys), secrets

    first, *others = names
    invited = [Invited(Peer(name, keys[name]), "cases") for name in others]
    requester = REQUESTERS[scheme](question, *own(first), bytes(64), signers[first], invited, TERMS)
    members = {first: host(first, requester)}
    for name in others:
        members[name] = host(name, AnyResponder(*own(name), signers[name], Peer(first, keys[first])))
    return members


def play(members: dict[str, Participant]) -> None:
    """Deliver packets until nobody says anything more."""
    hub, *_ = members.values()
    hub.feed(Started())
    busy = True
    while busy:
        busy = False
        for member in members.values():
            while member.outbox:
                agency, packet = member.outbox.popleft()
                receiver = members[agency] if agency else hub
                receiver.received_bytes += len(packet)
                by_hub = receiver is hub
                receiver.inbox.append(
                    ReceivedFrom(member.agency, packet, NOW_MS) if by_hub else Received(packet, NOW_MS)
                )
        for member in members.values():
            while member.inbox:
                busy = True
                member.feed(member.inbox.popleft())


def check(members: dict[str, Participant]) -> None:
    """Raises BenchmarkError where the requester's result is not the sum of what all hold."""
    hub = next(iter(members.values()))
    if hub.result is None:
        raise BenchmarkError("expected a result, got none")
    for cell, total in enumerate(hub.result.totals):
        truth = (
            len(members),
            sum(member.cells.records[cell] for member in members.values()),
            sum(member.cells.values[cell] for member in members.values()),
        )
        if (total.contributors, total.records, total.value) != truth:
            raise BenchmarkError(f"cell {cell}: expected the sum of all contributions, got another")


def measured(parties: int, categories: int, seed: int, scheme: Scheme) -> dict[str, Any]:
    """One run: what each participant spent."""
    if scheme is Scheme.ELGAMAL:
        table()
    members = circle(parties, categories, seed, scheme)
    before = time.perf_counter()
    play(members)
    seconds = time.perf_counter() - before
    check(members)
    hub, *others = members.values()
    steps = sorted({step for member in members.values() for step in member.cpu_seconds})
    return {
        "scheme": scheme.value,
        "participants": parties,
        "categories": categories,
        "all_participants_wall_seconds": seconds,
        "cpu_seconds": [sum(member.cpu_seconds.values()) for member in members.values()],
        "cpu_seconds_by_step": {step: [member.cpu_seconds[step] for member in members.values()] for step in steps},
        "requester_sent_bytes": hub.sent_bytes,
        "requester_received_bytes": hub.received_bytes,
        "contributor_sent_bytes": [member.sent_bytes for member in others],
        "contributor_received_bytes": [member.received_bytes for member in others],
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def text(document: dict[str, Any]) -> str:
    """Return what a person reads of a result, as Markdown."""
    run = document["run"]
    kept = " and the table of logarithms" if run["scheme"] == Scheme.ELGAMAL else ""
    steps = [
        (step, f"{median(seconds):.3f}", f"{max(seconds):.3f}") for step, seconds in run["cpu_seconds_by_step"].items()
    ]
    total = ("all", f"{median(run['cpu_seconds']):.3f}", f"{max(run['cpu_seconds']):.3f}")
    moved = run["requester_sent_bytes"] + run["requester_received_bytes"]
    each = median(run["contributor_sent_bytes"]) + median(run["contributor_received_bytes"])
    return "\n".join(
        (
            f"# {run['participants']} agencies and {run['categories']} categories, under {run['scheme']}\n",
            results.headline(document),
            "CPU seconds of one participant, all threads\n",
            results.markdown({"step": "<", "median": ">", "most": ">"}, [*steps, total]),
            f"{moved / 2**20:.2f} MiB through the requester, {each / 2**20:.2f} MiB to and from a contributor; "
            f"{run['peak_rss_bytes'] / 2**20:.0f} MiB of memory for all participants{kept}\n",
        )
    )


@dataclass(frozen=True, slots=True)
class Growth:
    """A figure that a run has, and the powers of participants and categories that it should be proportional to."""

    label: str
    expected: str
    figure: Callable[[dict[str, Any]], float]
    powers: tuple[int, int]


MIB: Final = 2**20
MOVED: Final = (
    Growth(
        "to and from a contributor, MiB",
        "n c",
        lambda run: (median(run["contributor_sent_bytes"]) + median(run["contributor_received_bytes"])) / MIB,
        (1, 1),
    ),
    Growth(
        "through the requester, MiB",
        "n\u00b2 c",
        lambda run: (run["requester_sent_bytes"] + run["requester_received_bytes"]) / MIB,
        (2, 1),
    ),
)
GROWTHS: Final = {
    Scheme.ELGAMAL: (
        Growth("contribute, CPU seconds", "c", lambda run: median(run["cpu_seconds_by_step"]["Contribute"]), (0, 1)),
        Growth(
            "check ranges, CPU seconds", "n c", lambda run: median(run["cpu_seconds_by_step"]["CheckRanges"]), (1, 1)
        ),
        *MOVED,
    ),
    Scheme.PAILLIER: (
        Growth("encrypt, CPU seconds", "c", lambda run: median(run["cpu_seconds_by_step"]["Seal"]), (0, 1)),
        Growth(
            "check ciphertexts, CPU seconds",
            "n c",
            lambda run: median(run["cpu_seconds_by_step"]["CheckSealed"]),
            (1, 1),
        ),
        *MOVED,
    ),
}


def draw(folder: Path, scheme: Scheme) -> list[Path]:
    """Draw how each figure of a scheme grows, beside what it should.

    Raises:
        BenchmarkError: no matplotlib, or results of fewer than two sizes.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise BenchmarkError("expected matplotlib: install the extra `plot`") from None
    documents = [results.read(path) for path in sorted(folder.glob("totals-*.json"))]
    documents = [document for document in documents if document["run"]["scheme"] == scheme]
    if len(documents) < 2:
        raise BenchmarkError(f"{folder.name}: expected results of two sizes or more, got {len(documents)}")
    mpl.rcParams |= {"svg.hashsalt": "accord", "font.size": 8, "axes.spines.top": False, "axes.spines.right": False}
    figure = Figure(figsize=(9, 6), layout="constrained")
    for axes, growth in zip(figure.subplots(2, 2).flat, GROWTHS[scheme], strict=True):
        runs = [document["run"] for document in documents]
        of_n, of_c = growth.powers
        laws = [run["participants"] ** of_n * run["categories"] ** of_c for run in runs]
        figures = [growth.figure(run) for run in runs]
        each = median(value / law for value, law in zip(figures, laws, strict=True))
        axes.plot([min(laws), max(laws)], [each * min(laws), each * max(laws)], color="C0", linewidth=1, zorder=0)
        for colour, parties in enumerate(sorted({run["participants"] for run in runs})):
            points = [
                (law, value)
                for run, law, value in zip(runs, laws, figures, strict=True)
                if run["participants"] == parties
            ]
            axes.plot(*zip(*points, strict=True), "o", color=f"C{colour + 1}", markersize=4, label=f"n = {parties}")
        axes.legend(frameon=False, loc="lower right")
        axes.set(xscale="log", yscale="log", xlabel=f"{growth.expected}; the line is proportional", ylabel=growth.label)
    title = f"Totals over n participants and c categories, under {scheme}. {results.headline(documents[0]).strip()}"
    figure.suptitle(title, fontsize=8)
    files = [folder / f"totals-growth{_suffix(scheme)}.{kind}" for kind in ("png", "svg")]
    figure.savefig(files[0], dpi=160)
    figure.savefig(files[1], metadata={"Date": None})
    return files


def _suffix(scheme: Scheme) -> str:
    return "" if scheme is Scheme.ELGAMAL else f"-{scheme}"


def run(arguments: argparse.Namespace) -> str:
    """Measure each size under each scheme that has no result yet; return all tables."""
    tables = []
    for size in arguments.sizes:
        parties, categories = map(int, size.split("x"))
        for scheme in map(Scheme, arguments.scheme):
            path: Path = arguments.results / arguments.run / f"totals-{size}{_suffix(scheme)}.json"
            if not path.exists():
                document = results.describe("totals", arguments)
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:  # so that its memory is its own
                    document["run"] = alone.submit(measured, parties, categories, arguments.seed, scheme).result()
                results.write(path, document, text(document))
            tables.append(text(results.read(path)))
    return "\n".join(tables)


def main() -> None:
    """Run from the command line."""
    parser = results.parser("Measure totals over several agencies.")
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="participants x categories")
    schemes = [scheme.value for scheme in Scheme]
    parser.add_argument("--scheme", nargs="+", choices=schemes, default=schemes[:1], help="in the same run")
    parser.add_argument("--plot", action="store_true", help="then draw how it grows, from all sizes of this run")
    arguments = parser.parse_args()
    if Scheme.PAILLIER in arguments.scheme and not paillier.available():
        parser.error("--scheme paillier: the extra `paillier` is not installed")
    if arguments.smoke:
        arguments = argparse.Namespace(**vars(arguments) | {"sizes": ("3x2",)})
    with results.destination(arguments) as given:
        print(run(given))
        if arguments.plot:
            for scheme in map(Scheme, given.scheme):
                draw(given.results / given.run, scheme)


if __name__ == "__main__":
    main()
