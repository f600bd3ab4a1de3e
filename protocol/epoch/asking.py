"""The requester of a question within an epoch: evaluations under the pinned keys, compared with its own index."""

from __future__ import annotations

from protocol.dsse import Signer
from protocol.epoch.statements import Held, list_numbers
from protocol.errors import EpochError, SizeError
from protocol.handshake import Question
from protocol.intersect.agreed import REQUESTER_ASKS, Terms
from protocol.intersect.asking import Asking
from protocol.intersect.comparing import ComparingRequester
from protocol.messages import PacketType
from protocol.rows import PLAIN
from protocol.session import Local, Peer, Secrets
from protocol.vocabulary import Query, Variant


class EpochRequester(ComparingRequester):
    """Learns which of its identifiers are in the release that it holds. Tells its sizes."""

    speaks = (Query.INTERSECT, Variant.EPOCH_KEY)

    def __init__(
        self,
        question: Question,
        local: Local,
        secrets: Secrets,
        snapshot_root: bytes,
        signer: Signer,
        peer: Peer,
        held: Held,
    ) -> None:
        super().__init__(question, local, secrets, snapshot_root, signer, peer)
        self._held = held

    def _own_public_keys(self, salt: bytes) -> tuple[bytes, ...]:  # noqa: ARG002, the same for all roles
        return ()

    def _begin(self, salt: bytes, partner_sizes: tuple[int, ...], public_keys: tuple[bytes, ...]) -> None:
        numbers = list_numbers(self._held.epoch, self.envelope)
        pinned = tuple(self._held.epoch.public_keys[number] for number in numbers)
        if public_keys != pinned:
            raise EpochError("expected the keys that were pinned with the epoch, got others")
        if partner_sizes != tuple(self._held.sizes[number] for number in numbers):
            raise SizeError("expected the sizes of the release that this side holds, got others")
        self._partner_sizes = partner_sizes
        terms = Terms(self.secrets.seed, salt, self.role, REQUESTER_ASKS)
        self._asking = Asking(
            self, terms, self._agreed().ctx, self._own_sizes, pinned, PLAIN, self._checkpoint, self._compare
        )
        self._enter("evaluating", sum(self._own_sizes))
        self._asking.begin()

    def _checkpoint(self) -> None:
        self._send_statement(PacketType.CHECKPOINT)
        self.expect(PacketType.RECEIPT, self._on_receipt)
