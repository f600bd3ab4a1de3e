"""The requester's side of a session in an epoch of a partner's: a question, or a synchronisation of the index."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from nodes.asking import Request, RequesterHost
from nodes.epochs.errors import EpochUnknownError
from nodes.epochs.held import Draft, HeldEpoch
from nodes.epochs.tag_file import TagFile
from nodes.errors import QuestionError, StorageError, TooManyElementsError
from nodes.ledger import Event
from nodes.node import Node, fresh_secrets, peer
from nodes.partners import Partner
from nodes.policy import EPOCH_INTERSECT
from nodes.registry import Snapshot
from nodes.spool import Spools
from protocol.effects import Adopt, Merge, ReadRelease
from protocol.epoch import EpochRequester, SyncRequester
from protocol.epoch.statements import read_epoch, read_release
from protocol.handshake import Question
from protocol.identifiers import KINDS
from protocol.messages import List, PacketType
from protocol.vocabulary import Query
from psi import TAG_BYTES


class EpochHost(RequesterHost):
    """Asks within an epoch; the session compares with the index that this node holds."""

    charged_with = PacketType.OPEN  # from then on the partner may charge it

    def __init__(self, node: Node, partner: Partner, request: Request) -> None:
        super().__init__(node, partner, request)
        self.facts = replace(self.facts, query=EPOCH_INTERSECT, epoch=request.epoch)
        self._opened = ExitStack()
        self._one: HeldEpoch | None = None
        self._index: TagFile | None = None

    def _lists(self, snapshot: Snapshot) -> tuple[List, ...]:
        """What to declare: kinds of the epoch alone, within its cap."""
        request, now_ms = self.request, self.node.now_ms()
        self._one = one = self.node.held.by_id(request.epoch)
        epoch = one.epoch
        if (one.partner, epoch.data_set) != (request.partner, request.asked) or now_ms >= epoch.not_after_ms:
            raise EpochUnknownError("expected an epoch of this partner and data set that runs now, got another")
        kinds = request.kinds or epoch.kinds
        if not set(kinds) <= set(epoch.kinds):
            raise QuestionError(f"expected identifier kinds of the epoch ({', '.join(epoch.kinds)}), got others")
        self.facts = replace(self.facts, release=one.held.release)
        lists = replace(request, kinds=kinds).lists(snapshot, self.node.config.limits.elements_per_list)
        elements = sum(entry.size for entry in lists)
        if elements > epoch.max_elements_per_query:
            limit = epoch.max_elements_per_query
            raise TooManyElementsError(f"expected at most {limit} elements in a question of this epoch, got {elements}")
        return lists

    def _session(self, question: Question, snapshot: Snapshot) -> EpochRequester:
        node, one = self.node, self._held()
        self._index = self._opened.enter_context(one.index())
        asked = replace(question, epoch=one.epoch.id, release=one.held.release)
        partner = peer(node.book.by_agency(self.partner))
        return EpochRequester(
            asked, node.local, fresh_secrets(), snapshot.root, node.identity.signer, partner, one.held
        )

    def spools(self) -> Spools:
        """Room for the session, with the index lent to it."""
        spools, kinds = super().spools(), self._held().epoch.kinds
        if self._index is not None:
            for number, kind in enumerate(self.facts.kinds):
                spools.lend(("partner-tags", number), TAG_BYTES, self._index.rows(kinds.index(kind)))
        return spools

    def close(self) -> None:
        super().close()
        self._opened.close()

    def _held(self) -> HeldEpoch:
        if self._one is None:
            raise StorageError("expected a prepared question, got none")
        return self._one


class SyncHost(RequesterHost):
    """Synchronises an index; nothing of this node's own is asked about."""

    charged_with = None

    def __init__(self, node: Node, partner: Partner, request: Request) -> None:
        super().__init__(node, partner, request)
        self.facts = replace(self.facts, query=Query.EPOCH_SYNC.value)
        self._locks = ExitStack()
        self._draft: Draft | None = None

    def _prepare(self) -> SyncRequester:
        node, request, now_ms = self.node, self.request, self.node.now_ms()
        request.mandate.check_time(now_ms)
        self._locks.enter_context(node.held.locked(self.partner))
        one, kinds = self._chosen(now_ms)
        lists = tuple(List(kind, 0) for kind in kinds)
        self.facts = replace(self.facts, kinds=kinds)
        self.decide(replace(request.facts(lists), query=Query.EPOCH_SYNC.value))
        question = self._question(lists, now_ms)
        if one is not None:
            self.facts = replace(self.facts, epoch=one.epoch.id, release=one.held.release)
            question = replace(question, epoch=one.epoch.id, release=one.held.release)
        self.record_decision(None)
        known = [epoch_id for partner, epoch_id in node.held.ids() if partner == self.partner]
        held = one.held if one is not None else None
        other = peer(node.book.by_agency(self.partner))
        return SyncRequester(question, node.local, fresh_secrets(), node.identity.signer, other, held, known)

    def _chosen(self, now_ms: int) -> tuple[HeldEpoch | None, tuple[str, ...]]:
        """The epoch to synchronise, if one is held, and its kinds; those that were named, in the profile's order."""
        request = self.request
        if not set(request.kinds) <= set(KINDS):
            raise QuestionError(f"expected identifier kinds among {', '.join(KINDS)}, got others")
        fitting = [
            one
            for one in self.node.held.of(self.partner)
            if one.epoch.data_set == request.asked
            and now_ms < one.epoch.not_after_ms
            and (not request.kinds or set(one.epoch.kinds) == set(request.kinds))
        ]
        if fitting and (request.kinds or len(fitting) == 1):
            return fitting[0], fitting[0].epoch.kinds
        if not request.kinds:
            raise QuestionError("expected --kind for each identifier kind of the epoch, as the partner opened it")
        return None, tuple(kind for kind in KINDS if kind in request.kinds)

    def synchronise(self, effect: ReadRelease | Merge | Adopt, spools: Spools) -> Any:
        """Draft the next index list by list, and adopt it as a whole. The ledger knows of it first."""
        match effect:
            case Merge():
                if effect.list_number == 0:
                    self._drop_draft()
                    self._draft = Draft(self.node.held.folder(self.partner, effect.epoch), effect.release)
                merged = self._drafted().merge(
                    effect.list_number,
                    spools.rows(effect.additions, TAG_BYTES),
                    spools.rows(effect.removals, TAG_BYTES),
                )
                for name in (effect.additions, effect.removals):
                    spools.drop(name)
                return merged
            case Adopt():
                epoch, release = read_epoch(effect.statement), read_release(effect.release)
                sizes = tuple(change.size for change in release.changes)
                self.facts = replace(self.facts, epoch=epoch.id, release=release.number)
                self.record(Event.RELEASE_ADOPTED, partner_sizes=sizes)
                self._drafted().adopt(effect.statement, effect.release)
                return None
        return super().synchronise(effect, spools)

    def close(self) -> None:
        super().close()
        self._drop_draft()
        self._locks.close()

    def _drafted(self) -> Draft:
        if self._draft is None:
            raise StorageError("expected a drafted index, got none")
        return self._draft

    def _drop_draft(self) -> None:
        if self._draft is not None:
            self._draft.close()
            self._draft = None
