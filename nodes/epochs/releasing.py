"""Making a release: what changed since the one before, tagged, signed and durable before it counts.

Only identifiers that came or went are evaluated. What went is known because the snapshot of the release before is kept.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from nodes.epochs.changes import apply_changes, differences
from nodes.epochs.errors import EpochDamagedError
from nodes.epochs.folder import EpochFolder, signed_facts
from nodes.epochs.tag_file import TagFile, TagFileWriter
from nodes.registry import Registry, Snapshot
from nodes.sorted_rows import WINDOW_BYTES, Nothing, RowSource
from nodes.spool import Spools
from protocol.dsse import Signer
from protocol.effects import SpoolName
from protocol.epoch.statements import sign
from protocol.handshake import commit_snapshot
from protocol.messages import Epoch, ListChange, PacketType, Release
from psi import TAG_BYTES, tags

SALT_BYTES: Final = 32


class Releaser:
    """One release of one epoch: `prepare`, and where that finds a change, `write`.

    Args:
        keys: the epoch's, one per list.
        snapshot: the data set as it is to be released.
        spools: empty; for the tags of what changed while they are sorted.
    """

    def __init__(
        self,
        folder: EpochFolder,
        epoch: Epoch,
        keys: Sequence[bytes],
        registry: Registry,
        snapshot: Snapshot,
        signer: Signer,
        spools: Spools,
    ) -> None:
        self._folder = folder
        self._epoch = epoch
        self._keys = keys
        self._registry = registry
        self._snapshot = snapshot
        self._signer = signer
        self._spools = spools
        self.number = folder.release + 1

    def prepare(self) -> bool:
        """Find and tag what came and what went. Returns: whether there is anything to release; the first time, always.

        Cost: a pass over both snapshots, and one evaluation for each identifier that came or went.
        """
        with ExitStack() as stack:
            before: Snapshot | None = None
            if self.number > 1:
                index = stack.enter_context(self._folder.tags(self.number - 1, "index"))
                if bytes.fromhex(index.facts["root"]) == self._snapshot.root:
                    return False
                path, version = self._folder.file(self.number - 1, "snapshot"), int(index.facts["snapshot"])
                before = stack.enter_context(self._registry.kept(path, self._epoch.data_set, version))
            for number, (kind, key) in enumerate(zip(self._epoch.kinds, self._keys, strict=True)):
                for went, came in differences(before, self._snapshot, kind):
                    for name, items in ((_additions(number), came), (_removals(number), went)):
                        if len(items):
                            self._spools.append(name, TAG_BYTES, tags(items, key))
        changed = [name for number in range(len(self._keys)) for name in (_additions(number), _removals(number))]
        for name in changed:
            self._spools.sort(name, TAG_BYTES)
        return self.number == 1 or any(len(self._rows(name)) for name in changed)

    def write(self, previous: bytes, now_ms: int) -> Release:
        """Write, sign and publish it.

        Args:
            previous: digest of the release before, or of the epoch's statement.
        """
        self._folder.make()
        salt, root = os.urandom(SALT_BYTES), self._snapshot.root
        with ExitStack() as stack:
            rows = self._folder.write_tags(self.number, "release")
            stack.callback(rows.abort)
            index = self._folder.write_tags(self.number, "index")
            stack.callback(index.abort)
            base: TagFile | None = None
            if self.number > 1:
                base = stack.enter_context(self._folder.tags(self.number - 1, "index"))
            changes = tuple(self._write_list(number, base, rows, index) for number in range(len(self._keys)))
            commitment = commit_snapshot(salt, root)
            release = Release(self._epoch.id, self.number, previous, now_ms, commitment, changes)
            signed = signed_facts(sign(self._signer, PacketType.RELEASE, release))
            rows.finish({**signed, "salt": salt.hex(), "root": root.hex()})
            index.finish({**signed, "root": root.hex(), "snapshot": str(self._snapshot.version)})
        self._registry.keep(self._snapshot, self._folder.file(self.number, "snapshot"))
        self._folder.move_to(self.number)
        return release

    def _write_list(self, number: int, base: TagFile | None, rows: TagFileWriter, index: TagFileWriter) -> ListChange:
        additions, removals = self._rows(_additions(number)), self._rows(_removals(number))
        for source in (additions, removals):
            for first in range(0, len(source), WINDOW_BYTES):
                rows.write(source.read(first, min(WINDOW_BYTES, len(source) - first)))
            rows.end_list()
        held = base.rows(number) if base is not None else Nothing()
        merged = apply_changes(held, additions, removals, index.write)
        index.end_list()
        if merged.misfits:
            raise EpochDamagedError(f"expected the index of list {number} to fit its snapshot, got another")
        return ListChange(len(additions) // TAG_BYTES, len(removals) // TAG_BYTES, merged.size, merged.rows_digest)

    def _rows(self, name: SpoolName) -> RowSource:
        return self._spools.rows(name, TAG_BYTES)


def _additions(number: int) -> SpoolName:
    return ("additions", number)


def _removals(number: int) -> SpoolName:
    return ("removals", number)
