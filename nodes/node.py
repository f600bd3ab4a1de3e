"""Everything one running node shares among its sessions, opened once and closed once."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nodes.aggregates.solving import Logarithms
from nodes.config import Config, load_config
from nodes.epochs.given import GivenEpochs
from nodes.epochs.held import HeldEpochs
from nodes.errors import AlreadyRunningError, StorageError
from nodes.executor import Executor
from nodes.home import FILE_MODE, Home, make_folder
from nodes.identity import Identity, load_identity
from nodes.ledger import Entry, Event, Ledger
from nodes.metrics import Metrics
from nodes.partners import Partner, PartnerBook, Status
from nodes.policy import RuleBook
from nodes.registry import Registry
from nodes.room import Room
from nodes.sessions import Sessions
from nodes.spool import Spools
from nodes.state import State
from protocol.identifiers import profile_hash
from protocol.messages import MAX_LISTS
from protocol.session import Local, Peer, Secrets

MAX_PERIOD_MS: Final = 3_600_000  # an envelope is a question, not a standing order; nonces are kept this long
SPOOL_BYTES_PER_ELEMENT: Final = 48  # a row of 20 bytes twice while it is sorted, seals and slack
NOTED_SPOOL_BYTES: Final = 336  # the same with notes: a row of 160 bytes twice


@dataclass(frozen=True, slots=True)
class Node:
    """A running node."""

    home: Home
    config: Config
    identity: Identity
    book: PartnerBook
    rules: RuleBook
    ledger: Ledger
    state: State
    registry: Registry
    executor: Executor
    sessions: Sessions
    room: Room
    metrics: Metrics
    logarithms: Logarithms

    @staticmethod
    def now_ms() -> int:
        """This machine's time, milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    @property
    def local(self) -> Local:
        """This node's side of any agreement."""
        limits = self.config.limits
        return Local(
            agency=self.config.agency_id,
            realm=self.config.realm,
            profile_hash=profile_hash(),
            clock_skew_ms=limits.clock_skew_seconds * 1000,
            max_period_ms=MAX_PERIOD_MS,
            max_elements=limits.elements_per_list * MAX_LISTS,
            partners={p.file.agency_id: p.file.signing_key for p in self.book.all() if p.status is Status.ACTIVE},
        )

    def spools(self) -> Spools:
        """Room on disk for one session."""
        return spools_for(self.config)

    @property
    def given(self) -> GivenEpochs:
        """The epochs that this node gives its partners."""
        return GivenEpochs(self.config, self.identity, self.registry, self.spools)

    @property
    def held(self) -> HeldEpochs:
        """The epochs of partners that this node holds."""
        return HeldEpochs(self.config, self.identity)


def spools_for(config: Config) -> Spools:
    """Room on disk for one session, or for one release of an epoch."""
    elements = config.limits.elements_per_list * MAX_LISTS
    return Spools(config.paths.spool, 2 * elements * NOTED_SPOOL_BYTES)


def peer(partner: Partner) -> Peer:
    """A partner as the protocol knows it."""
    return Peer(partner.file.agency_id, partner.file.signing_key)


def fresh_secrets() -> Secrets:
    """Draw a session's secrets from the operating system."""
    return Secrets(os.urandom(32), os.urandom(32), os.urandom(32))


@contextmanager
def open_node(home: Home) -> Iterator[Node]:
    """Open a home for serving, alone; what the process before left unfinished is released.

    Raises:
        AlreadyRunningError: another process serves this home. Any error of the node's parts: repair before serving.
    """
    config = load_config(home)
    with ExitStack() as stack:
        stack.enter_context(_alone(home.path / "serving.lock"))
        now_ms = Node.now_ms()
        identity = load_identity(home, config.agency_id, now_ms)
        for folder in (config.paths.spool, config.paths.results):
            _own_folder(folder)
        ledger = stack.enter_context(closing(Ledger(home, config, identity.signer, now_ms)))
        state = stack.enter_context(closing(State(home)))
        executor = stack.enter_context(closing(Executor()))
        state.release_all(now_ms)
        ledger.append(Entry(event=Event.STARTED), now_ms)
        yield Node(
            home=home,
            config=config,
            identity=identity,
            book=PartnerBook(home, config),
            rules=RuleBook(home),
            ledger=ledger,
            state=state,
            registry=Registry(config.paths.registry, identity.storage_key, config.realm),
            executor=executor,
            sessions=Sessions(config.limits),
            room=Room(config.paths.spool),
            metrics=Metrics(),
            logarithms=Logarithms(home.logarithms_file),
        )
        ledger.append(Entry(event=Event.STOPPED), Node.now_ms())


def _own_folder(path: Path) -> None:
    try:
        make_folder(path)
    except OSError as cause:
        raise StorageError(f"expected to make {path}, got: {cause.strerror}") from None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock that the operating system drops with the process, however that ends."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    except OSError as cause:
        raise StorageError(f"expected to lock {path}, got: {cause.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError("expected to be the only process that serves this home, got another") from None
        yield
    finally:
        os.close(descriptor)
