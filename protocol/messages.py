"""What nodes say to each other, as plain values. The wire form is `protocol/accord.proto`; only `codec` knows both.

Field names and order equal the schema's. `PacketType` numbers are part of the protocol and never reused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from protocol.vocabulary import Role

PROTOCOL_VERSION: Final = 1
MAX_PARTICIPANTS: Final = 32  # of one envelope
MAX_LISTS: Final = 16  # of one envelope
EPOCH_ID: Final = re.compile(r"[0-9a-f]{32}")  # 16 bytes


class PacketType(IntEnum):
    """docs/protocol.md, "Packets"."""

    ENVELOPE = 1
    ACCEPT = 2
    REFUSAL = 3
    OPEN = 4
    KEY = 5
    BLINDED = 10
    EVALUATED = 11
    PROOF = 12
    TAGS = 13
    TAGS_SALT = 14
    CHECKPOINT = 20
    RECEIPT = 21
    ABORT = 30
    RESUME = 31
    EPOCH = 40
    RELEASE = 41
    TARGETS = 50
    ASKED = 51
    SHUFFLED = 52
    SHUFFLE_PROOF = 53
    SUMS = 54
    PARTIALS = 55
    CELLS = 56
    PLEDGE = 60
    CONTRIBUTION = 61
    VIEW = 62
    OPENING = 63
    SHARES = 64
    DECRYPTION = 65


@dataclass(frozen=True, slots=True)
class Participant:
    """One agency in a question: its `Role`, the data set that is asked about or added up, its Ed25519 key."""

    agency: str
    role: str
    data_set: str
    signing_key: bytes


@dataclass(frozen=True, slots=True)
class List:
    """Identifiers of one kind: how many the requester asks about, or of totals how many one agency may hold."""

    kind: str
    size: int


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """Why it may be asked, as the mandate says; nobody checks more than its form and what rules say of it."""

    purpose: str
    instrument: str
    reference: str
    case_reference: str
    officer: str
    offence_category: str
    handling_code: str
    urgency: str


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on the data owner's records.

    Args:
        column: of the data owner's records.
        test: a `Comparison`; `from` and `until` take one value and include it.
        values: text; dates as YYYY-MM-DD, amounts in minor units.
    """

    column: str
    test: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What is counted or summed, and how closely it may be told.

    Args:
        value: what is summed: `amount`; empty for a count.
        currency: ISO 4217; empty for a count.
        category: the column whose values are the categories; empty for none.
        categories: in the order in which they are told.
        filters: all of them hold.
        unit: minor units of the currency per unit summed; 0 for a count.
        low, high: what an identifier's value in a category is clipped to, in units.
        per_person: at most so many identifiers of one person count.
        minimum: smallest number of persons of whom a count may be told, so the smallest count is `per_person` times
            this; the data owner's own, where stricter, applies.
        epsilon_millis: noise asked for, in thousandths of epsilon, per figure; 0 for none; likewise.
    """

    value: str
    currency: str
    category: str
    categories: tuple[str, ...]
    filters: tuple[Filter, ...]
    unit: int
    low: int
    high: int
    per_person: int
    minimum: int
    epsilon_millis: int


@dataclass(frozen=True, slots=True)
class Terms:
    """How closely the data owner will tell: its own rules and what was asked, whichever is stricter."""

    minimum: int
    epsilon_millis: int
    rounding: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """The question: who asks whom what, on which legal basis, valid when, and the requester's commitments."""

    version: int
    suite: str
    query: str
    variant: str
    reveals: str
    realm: str
    participants: tuple[Participant, ...]
    recipients: tuple[str, ...]
    operator: str
    lists: tuple[List, ...]
    profile_hash: bytes
    legal_basis: LegalBasis
    not_before_ms: int
    not_after_ms: int
    nonce: bytes
    seed_commitment: bytes
    coin_commitment: bytes
    snapshot_commitment: bytes
    epoch: str = ""
    release: int = 0
    aggregate: Aggregate | None = None

    def data_set_of(self, agency: str) -> str:
        """The data set that this participant is asked about; of who asks, and of a stranger, none."""
        return next((p.data_set for p in self.participants if p.agency == agency), "")

    def participant(self, role: Role) -> Participant:
        """The first participant in `role`. Raises LookupError where there is none."""
        found = next((p for p in self.participants if p.role == role), None)
        if found is None:
            raise LookupError(f"expected a participant in the role {role.value}, got none")
        return found


@dataclass(frozen=True, slots=True)
class Accept:
    """The responder's answer to an envelope: it holds so much, and commits to its seed and snapshot."""

    envelope_digest: bytes
    agency: str
    sizes: tuple[int, ...]
    profile_hash: bytes
    seed_commitment: bytes
    snapshot_commitment: bytes
    terms: Terms | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The other answer; the `Reason` is all that is told."""

    envelope_digest: bytes
    agency: str
    reason: str


@dataclass(frozen=True, slots=True)
class Open:
    """The requester opens its commitments, and gives keys where it answers too."""

    salt: bytes
    coin: bytes
    public_keys: tuple[bytes, ...] = ()
    proofs: tuple[bytes, ...] = ()
    terms: Terms | None = None
    modulus: bytes = b""


@dataclass(frozen=True, slots=True)
class Key:
    """The responder's keys, one for each list."""

    open_digest: bytes
    public_keys: tuple[bytes, ...]
    proofs: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """A checkpoint or a receipt: counts and cumulative hashes of both directions before it."""

    ctx: bytes
    requester_count: int
    requester_chain: bytes
    responder_count: int
    responder_chain: bytes
    tags_commitment: bytes = b""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What the responder fixes for an epoch: for whom, over what, under which keys, how long and how much."""

    version: int
    suite: str
    id: str
    realm: str
    responder: str
    requester: str
    data_set: str
    kinds: tuple[str, ...]
    public_keys: tuple[bytes, ...]
    profile_hash: bytes
    reveals: str
    not_before_ms: int
    not_after_ms: int
    max_elements: int
    max_elements_per_query: int


@dataclass(frozen=True, slots=True)
class ListChange:
    """What a release adds to and removes from one list, and what the list is then."""

    additions: int
    removals: int
    size: int
    rows_digest: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """One release of an epoch's tags, chained to the one before."""

    epoch: str
    number: int
    previous: bytes
    made_ms: int
    snapshot_commitment: bytes
    changes: tuple[ListChange, ...]


@dataclass(frozen=True, slots=True)
class Cells:
    """What the responder tells of a count or a sum; `protocol.aggregate.cells` says what a row is."""

    ctx: bytes
    rows: bytes
    proof: bytes = b""


@dataclass(frozen=True, slots=True)
class Pledge:
    """What a participant of totals will contribute, hidden until all have pledged."""

    ctx: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Contribution:
    """A participant's part of every cell, encrypted, with the proofs that it knows it and keeps within the bounds.

    Under Paillier `ciphertexts` has the digest of each, and there are no proofs.
    """

    ctx: bytes
    pledge_salt: bytes
    ciphertexts: bytes
    knowledge: bytes
    ranges: bytes


@dataclass(frozen=True, slots=True)
class View:
    """What a participant of totals has heard since the envelope."""

    ctx: bytes
    stage: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """The cells that a participant will open in a stage, a byte each: 1 or 0."""

    ctx: bytes
    stage: int
    cells: bytes


@dataclass(frozen=True, slots=True)
class Shares:
    """A participant's partial decryptions of the cells that all will open, with their proof, and the digest of all
    lists of cells that it has heard: who has heard others will have opened others.

    Under Paillier `partials` has its ciphertexts of these cells, and there is no proof.
    """

    ctx: bytes
    stage: int
    partials: bytes
    proof: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Decryption:
    """Under Paillier what the requester has decrypted for all, int64 each, with the proof that it is in there."""

    ctx: bytes
    stage: int
    figures: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class Abort:
    """The end of a session that goes wrong, signed; `reference` is the latest digest that its sender has."""

    reference: bytes
    reason: str
    names: tuple[str, ...] = ()


Message = (
    Envelope
    | Accept
    | Refusal
    | Open
    | Key
    | Statement
    | Abort
    | Epoch
    | Release
    | Cells
    | Pledge
    | Contribution
    | View
    | Opening
    | Shares
    | Decryption
)


@dataclass(frozen=True, slots=True)
class Packet:
    """One gRPC message. `sequence` is None before the transcript starts."""

    type: PacketType
    payload: bytes
    signature: bytes = b""
    sequence: int | None = None
    chain: bytes = b""
    sender: str = ""  # of totals: the agency that signed it, where another passes it on
