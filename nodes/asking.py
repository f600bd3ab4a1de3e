"""The requester's side of a session: from what an operator wants to a question that own rules allow, and its answer."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from nodes.casefile import AnsweredQuestion, CaseFile
from nodes.errors import NodeError, QuestionError, TooManyElementsError
from nodes.ledger import Event
from nodes.mandate import Mandate
from nodes.node import MAX_PERIOD_MS, Node, fresh_secrets, peer
from nodes.partners import Partner
from nodes.policy import EPOCH_INTERSECT, Direction, Facts
from nodes.registry import Snapshot
from protocol import codec
from protocol.effects import Admit, Charge, Evidence
from protocol.errors import ProtocolError
from protocol.handshake import Question
from protocol.host_answers import Admission, Rejection
from protocol.identifiers import KINDS
from protocol.intersect import IntersectRequester
from protocol.messages import MAX_LISTS, Accept, Aggregate, List, Packet, PacketType
from protocol.roles import Requester
from protocol.vocabulary import Query, Reveals

QUESTION_PERIOD_MS: Final = 900_000  # to reach the partner, its queue included; far below MAX_PERIOD_MS
NONCE_BYTES: Final = 32  # docs/protocol.md, "Envelope"


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator asks for.

    Args:
        partner: agency id.
        data_set: own, whose identifiers are looked for; `asked` is the partner's.
        kinds: identifier kinds, in order; none means all that the own data set holds.
        operator: id from accord.toml.
        reveals: what the answer tells, and to whom.
        epoch: id of the epoch to ask in; empty for fresh keys.
        aggregate: what is counted or summed; None where shared identifiers are asked for.
    """

    partner: str
    data_set: str
    asked: str
    kinds: tuple[str, ...]
    mandate: Mandate
    operator: str
    reveals: Reveals = Reveals.SHARED_IDENTIFIERS
    epoch: str = ""
    aggregate: Aggregate | None = None

    @property
    def query(self) -> Query:
        """What kind of question it is."""
        if self.aggregate is None:
            return Query.INTERSECT
        return Query.SUM if self.aggregate.value else Query.COUNT

    @property
    def budget(self) -> str:
        """The own budget that it is charged to, kept apart from what partners ask of own data sets."""
        return f"{self.partner}:{self.asked}"

    def lists(self, snapshot: Snapshot, max_elements: int) -> tuple[List, ...]:
        """The lists to declare. Raises QuestionError, TooManyElementsError."""
        kinds = self.kinds or tuple(kind for kind in KINDS if snapshot.size(kind))
        if not 1 <= len(kinds) <= MAX_LISTS or len(set(kinds)) != len(kinds):
            raise QuestionError(f"expected 1 to {MAX_LISTS} different identifier kinds, got {len(kinds)}")
        if not set(kinds) <= set(KINDS):
            raise QuestionError(f"expected identifier kinds among {', '.join(KINDS)}, got others")
        lists = tuple(List(kind, snapshot.size(kind)) for kind in kinds)
        if not any(entry.size for entry in lists):
            raise QuestionError(f"expected own identifiers of the kinds asked about ({', '.join(kinds)}), got none")
        if max(entry.size for entry in lists) > max_elements:
            raise TooManyElementsError(f"expected at most {max_elements} elements in a list, got more")
        return lists

    def facts(self, lists: tuple[List, ...]) -> Facts:
        """What own rules are asked."""
        return Facts(
            direction=Direction.OUTGOING,
            partner=self.partner,
            query=EPOCH_INTERSECT if self.epoch else self.query.value,
            reveals=self.reveals.value,
            data_set=self.asked,
            lists=tuple((entry.kind, entry.size) for entry in lists),
            purpose=self.mandate.legal_basis.purpose,
            instrument=self.mandate.legal_basis.instrument,
            per_person=self.aggregate.per_person if self.aggregate is not None else 0,
        )


class RequesterHost(CaseFile):
    """Carries out a requester's effects at this node.

    `charged_with` is the message with which own budget is charged, before it leaves.
    """

    charged_with: ClassVar[PacketType | None] = PacketType.CHECKPOINT

    def __init__(self, node: Node, partner: Partner, request: Request) -> None:
        super().__init__(node, partner.file.agency_id)
        self.request = request
        self.know_basis(
            request.operator,
            request.mandate.legal_basis,
            query=request.query.value,
            reveals=request.reveals.value,
            data_set=request.asked,
        )

    def prepare(self) -> Requester:
        """Check the mandate, own limits and own rules, set budget aside, and make the session.

        Raises:
            MandateTimeError, QuestionError, TooManyElementsError, RefusedByRulesError, BudgetError: not to be asked.
            Any error of registry, state or ledger.
        """
        try:
            return self._prepare()
        except NodeError as error:
            self.release()
            self.record_decision(error)
            raise

    def _prepare(self) -> Requester:
        node, request, now_ms = self.node, self.request, self.node.now_ms()
        request.mandate.check_time(now_ms)
        self.snapshot = node.registry.open(request.data_set)
        lists = self._lists(self.snapshot)
        self.facts = replace(
            self.facts,
            kinds=tuple(entry.kind for entry in lists),
            sizes=tuple(entry.size for entry in lists),
            snapshot=str(self.snapshot.version),
        )
        obligations = self.decide(request.facts(lists))
        self.elements = sum(entry.size for entry in lists)
        self.check_room()
        question = self._question(lists, now_ms)
        self.reserve(question.nonce, request.budget, self.elements, obligations.max_elements_per_day)
        self.record_decision(None)
        return self._session(question, self.snapshot)

    def _lists(self, snapshot: Snapshot) -> tuple[List, ...]:
        return self.request.lists(snapshot, self.node.config.limits.elements_per_list)

    def _question(self, lists: tuple[List, ...], now_ms: int) -> Question:
        request = self.request
        return new_question(request.mandate, request.operator, lists, request.asked, request.reveals, now_ms)

    def _session(self, question: Question, snapshot: Snapshot) -> Requester:
        node, partner = self.node, peer(self.node.book.by_agency(self.partner))
        return IntersectRequester(question, node.local, fresh_secrets(), snapshot.root, node.identity.signer, partner)

    # --- what the runner asks

    def keep(self, effect: Evidence) -> None:
        """The question is in the ledger before it leaves, and charged to own budget before the partner charges it."""
        super().keep(effect)
        if effect.sender != self.partner and effect.type is PacketType.ENVELOPE:
            self.record(Event.REQUEST_SENT)
        elif effect.sender != self.partner and effect.type is self.charged_with:
            self._charge_own()
            self.record(Event.CHECKPOINT, **self._charged())
        elif effect.sender != self.partner and effect.type is PacketType.RECEIPT:
            self.record(Event.RECEIPT)  # with the partner's, which proves that it answered
        elif effect.type is PacketType.ACCEPT:
            with suppress(ProtocolError):  # the session is about to say what is wrong with it
                self._note_accept(codec.decode_message(Packet(effect.type, effect.payload, effect.signature), Accept))

    def _charge_own(self) -> None:
        self.node.state.charge(self.reservation, sum(self.facts.sizes), self.node.now_ms())

    def _charged(self) -> dict[str, Any]:
        """What the row of the checkpoint says beside."""
        return {}

    def _note_accept(self, accept: Accept) -> None:
        """See that what the partner declares is within own limits and, to both, that own rules let it ask so much."""
        limit = self.node.config.limits.elements_per_list
        if max(accept.sizes, default=0) > limit:
            raise TooManyElementsError(f"expected at most {limit} elements in a list of the partner's, got more")
        self.facts = replace(self.facts, partner_sizes=accept.sizes)
        self.partner_elements = sum(accept.sizes)
        self.elements += self.partner_elements
        self.check_room()
        if self.request.reveals.to_both:
            self._admit_partner(accept.sizes)

    def _admit_partner(self, sizes: tuple[int, ...]) -> None:
        """The partner asks as well: decide as over any question of its, and set its budget aside."""
        request = self.request
        asked = Facts(
            direction=Direction.INCOMING,
            partner=self.partner,
            query=Query.INTERSECT.value,
            reveals=request.reveals.value,
            data_set=request.data_set,
            lists=tuple(zip(self.facts.kinds, sizes, strict=False)),
            purpose=self.facts.purpose,
            instrument=self.facts.instrument,
        )
        obligations = self.node.rules.decide(asked).enforce()
        self.reserve_for_partner(request.data_set, sum(sizes), obligations.max_elements_per_day)

    def admit(self, effect: Admit) -> Admission | Rejection:
        raise QuestionError(f"expected effects of a requester, got {type(effect).__name__}")

    def charge(self, effect: Charge) -> None:
        """Where the answer goes to both, own tags leave too: charge what the partner asked, then write it down."""
        self.node.state.charge(self.partner_reservation, effect.elements, self.node.now_ms())
        self.record(Event.DISCLOSURE, charged=effect.elements, ctx=effect.ctx.hex())

    def question(self) -> AnsweredQuestion:
        return AnsweredQuestion(
            asked_by=self.node.config.agency_id,
            operator=self.request.operator,
            asked=self.request.asked,
            data_set=self.request.data_set,
            legal_basis=self.request.mandate.legal_basis,
        )


def new_question(
    mandate: Mandate, operator: str, lists: tuple[List, ...], data_set: str, reveals: Reveals, now_ms: int
) -> Question:
    """A question under a mandate, valid from now on for as long as it needs to reach a partner."""
    return Question(
        data_set=data_set,
        operator=operator,
        lists=lists,
        legal_basis=mandate.legal_basis,
        not_before_ms=max(now_ms, mandate.not_before_ms),
        not_after_ms=min(now_ms + min(QUESTION_PERIOD_MS, MAX_PERIOD_MS), mandate.not_after_ms),
        nonce=os.urandom(NONCE_BYTES),
        reveals=reveals,
    )
