from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Packet(_message.Message):
    __slots__ = ("type", "payload", "signature", "sequence", "chain", "sender")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    type: int
    payload: bytes
    signature: bytes
    sequence: int
    chain: bytes
    sender: str
    def __init__(self, type: _Optional[int] = ..., payload: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., sequence: _Optional[int] = ..., chain: _Optional[bytes] = ..., sender: _Optional[str] = ...) -> None: ...

class Participant(_message.Message):
    __slots__ = ("agency", "role", "data_set", "signing_key")
    AGENCY_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    DATA_SET_FIELD_NUMBER: _ClassVar[int]
    SIGNING_KEY_FIELD_NUMBER: _ClassVar[int]
    agency: str
    role: str
    data_set: str
    signing_key: bytes
    def __init__(self, agency: _Optional[str] = ..., role: _Optional[str] = ..., data_set: _Optional[str] = ..., signing_key: _Optional[bytes] = ...) -> None: ...

class List(_message.Message):
    __slots__ = ("kind", "size")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    size: int
    def __init__(self, kind: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class LegalBasis(_message.Message):
    __slots__ = ("purpose", "instrument", "reference", "case_reference", "officer", "offence_category", "handling_code", "urgency")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CASE_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    OFFICER_FIELD_NUMBER: _ClassVar[int]
    OFFENCE_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    HANDLING_CODE_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    purpose: str
    instrument: str
    reference: str
    case_reference: str
    officer: str
    offence_category: str
    handling_code: str
    urgency: str
    def __init__(self, purpose: _Optional[str] = ..., instrument: _Optional[str] = ..., reference: _Optional[str] = ..., case_reference: _Optional[str] = ..., officer: _Optional[str] = ..., offence_category: _Optional[str] = ..., handling_code: _Optional[str] = ..., urgency: _Optional[str] = ...) -> None: ...

class Envelope(_message.Message):
    __slots__ = ("version", "suite", "query", "variant", "reveals", "realm", "participants", "recipients", "operator", "lists", "profile_hash", "legal_basis", "not_before_ms", "not_after_ms", "nonce", "seed_commitment", "coin_commitment", "snapshot_commitment", "epoch", "release", "aggregate")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SUITE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    REVEALS_FIELD_NUMBER: _ClassVar[int]
    REALM_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    LISTS_FIELD_NUMBER: _ClassVar[int]
    PROFILE_HASH_FIELD_NUMBER: _ClassVar[int]
    LEGAL_BASIS_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_MS_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SEED_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    COIN_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    AGGREGATE_FIELD_NUMBER: _ClassVar[int]
    version: int
    suite: str
    query: str
    variant: str
    reveals: str
    realm: str
    participants: _containers.RepeatedCompositeFieldContainer[Participant]
    recipients: _containers.RepeatedScalarFieldContainer[str]
    operator: str
    lists: _containers.RepeatedCompositeFieldContainer[List]
    profile_hash: bytes
    legal_basis: LegalBasis
    not_before_ms: int
    not_after_ms: int
    nonce: bytes
    seed_commitment: bytes
    coin_commitment: bytes
    snapshot_commitment: bytes
    epoch: str
    release: int
    aggregate: Aggregate
    def __init__(self, version: _Optional[int] = ..., suite: _Optional[str] = ..., query: _Optional[str] = ..., variant: _Optional[str] = ..., reveals: _Optional[str] = ..., realm: _Optional[str] = ..., participants: _Optional[_Iterable[_Union[Participant, _Mapping]]] = ..., recipients: _Optional[_Iterable[str]] = ..., operator: _Optional[str] = ..., lists: _Optional[_Iterable[_Union[List, _Mapping]]] = ..., profile_hash: _Optional[bytes] = ..., legal_basis: _Optional[_Union[LegalBasis, _Mapping]] = ..., not_before_ms: _Optional[int] = ..., not_after_ms: _Optional[int] = ..., nonce: _Optional[bytes] = ..., seed_commitment: _Optional[bytes] = ..., coin_commitment: _Optional[bytes] = ..., snapshot_commitment: _Optional[bytes] = ..., epoch: _Optional[str] = ..., release: _Optional[int] = ..., aggregate: _Optional[_Union[Aggregate, _Mapping]] = ...) -> None: ...

class Aggregate(_message.Message):
    __slots__ = ("value", "currency", "category", "categories", "filters", "unit", "low", "high", "per_person", "minimum", "epsilon_millis")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    PER_PERSON_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    EPSILON_MILLIS_FIELD_NUMBER: _ClassVar[int]
    value: str
    currency: str
    category: str
    categories: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[Filter]
    unit: int
    low: int
    high: int
    per_person: int
    minimum: int
    epsilon_millis: int
    def __init__(self, value: _Optional[str] = ..., currency: _Optional[str] = ..., category: _Optional[str] = ..., categories: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[Filter, _Mapping]]] = ..., unit: _Optional[int] = ..., low: _Optional[int] = ..., high: _Optional[int] = ..., per_person: _Optional[int] = ..., minimum: _Optional[int] = ..., epsilon_millis: _Optional[int] = ...) -> None: ...

class Filter(_message.Message):
    __slots__ = ("column", "test", "values")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    column: str
    test: str
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, column: _Optional[str] = ..., test: _Optional[str] = ..., values: _Optional[_Iterable[str]] = ...) -> None: ...

class Accept(_message.Message):
    __slots__ = ("envelope_digest", "agency", "sizes", "profile_hash", "seed_commitment", "snapshot_commitment", "terms")
    ENVELOPE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    AGENCY_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    PROFILE_HASH_FIELD_NUMBER: _ClassVar[int]
    SEED_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    envelope_digest: bytes
    agency: str
    sizes: _containers.RepeatedScalarFieldContainer[int]
    profile_hash: bytes
    seed_commitment: bytes
    snapshot_commitment: bytes
    terms: Terms
    def __init__(self, envelope_digest: _Optional[bytes] = ..., agency: _Optional[str] = ..., sizes: _Optional[_Iterable[int]] = ..., profile_hash: _Optional[bytes] = ..., seed_commitment: _Optional[bytes] = ..., snapshot_commitment: _Optional[bytes] = ..., terms: _Optional[_Union[Terms, _Mapping]] = ...) -> None: ...

class Terms(_message.Message):
    __slots__ = ("minimum", "epsilon_millis", "rounding")
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    EPSILON_MILLIS_FIELD_NUMBER: _ClassVar[int]
    ROUNDING_FIELD_NUMBER: _ClassVar[int]
    minimum: int
    epsilon_millis: int
    rounding: int
    def __init__(self, minimum: _Optional[int] = ..., epsilon_millis: _Optional[int] = ..., rounding: _Optional[int] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("envelope_digest", "agency", "reason")
    ENVELOPE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    AGENCY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    envelope_digest: bytes
    agency: str
    reason: str
    def __init__(self, envelope_digest: _Optional[bytes] = ..., agency: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("salt", "coin", "public_keys", "proofs", "terms", "modulus")
    SALT_FIELD_NUMBER: _ClassVar[int]
    COIN_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEYS_FIELD_NUMBER: _ClassVar[int]
    PROOFS_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    MODULUS_FIELD_NUMBER: _ClassVar[int]
    salt: bytes
    coin: bytes
    public_keys: _containers.RepeatedScalarFieldContainer[bytes]
    proofs: _containers.RepeatedScalarFieldContainer[bytes]
    terms: Terms
    modulus: bytes
    def __init__(self, salt: _Optional[bytes] = ..., coin: _Optional[bytes] = ..., public_keys: _Optional[_Iterable[bytes]] = ..., proofs: _Optional[_Iterable[bytes]] = ..., terms: _Optional[_Union[Terms, _Mapping]] = ..., modulus: _Optional[bytes] = ...) -> None: ...

class Key(_message.Message):
    __slots__ = ("open_digest", "public_keys", "proofs")
    OPEN_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEYS_FIELD_NUMBER: _ClassVar[int]
    PROOFS_FIELD_NUMBER: _ClassVar[int]
    open_digest: bytes
    public_keys: _containers.RepeatedScalarFieldContainer[bytes]
    proofs: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, open_digest: _Optional[bytes] = ..., public_keys: _Optional[_Iterable[bytes]] = ..., proofs: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Statement(_message.Message):
    __slots__ = ("ctx", "requester_count", "requester_chain", "responder_count", "responder_chain", "tags_commitment")
    CTX_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_COUNT_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_CHAIN_FIELD_NUMBER: _ClassVar[int]
    RESPONDER_COUNT_FIELD_NUMBER: _ClassVar[int]
    RESPONDER_CHAIN_FIELD_NUMBER: _ClassVar[int]
    TAGS_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    ctx: bytes
    requester_count: int
    requester_chain: bytes
    responder_count: int
    responder_chain: bytes
    tags_commitment: bytes
    def __init__(self, ctx: _Optional[bytes] = ..., requester_count: _Optional[int] = ..., requester_chain: _Optional[bytes] = ..., responder_count: _Optional[int] = ..., responder_chain: _Optional[bytes] = ..., tags_commitment: _Optional[bytes] = ...) -> None: ...

class Epoch(_message.Message):
    __slots__ = ("version", "suite", "id", "realm", "responder", "requester", "data_set", "kinds", "public_keys", "profile_hash", "reveals", "not_before_ms", "not_after_ms", "max_elements", "max_elements_per_query")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SUITE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REALM_FIELD_NUMBER: _ClassVar[int]
    RESPONDER_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_FIELD_NUMBER: _ClassVar[int]
    DATA_SET_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEYS_FIELD_NUMBER: _ClassVar[int]
    PROFILE_HASH_FIELD_NUMBER: _ClassVar[int]
    REVEALS_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_MS_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_ELEMENTS_PER_QUERY_FIELD_NUMBER: _ClassVar[int]
    version: int
    suite: str
    id: str
    realm: str
    responder: str
    requester: str
    data_set: str
    kinds: _containers.RepeatedScalarFieldContainer[str]
    public_keys: _containers.RepeatedScalarFieldContainer[bytes]
    profile_hash: bytes
    reveals: str
    not_before_ms: int
    not_after_ms: int
    max_elements: int
    max_elements_per_query: int
    def __init__(self, version: _Optional[int] = ..., suite: _Optional[str] = ..., id: _Optional[str] = ..., realm: _Optional[str] = ..., responder: _Optional[str] = ..., requester: _Optional[str] = ..., data_set: _Optional[str] = ..., kinds: _Optional[_Iterable[str]] = ..., public_keys: _Optional[_Iterable[bytes]] = ..., profile_hash: _Optional[bytes] = ..., reveals: _Optional[str] = ..., not_before_ms: _Optional[int] = ..., not_after_ms: _Optional[int] = ..., max_elements: _Optional[int] = ..., max_elements_per_query: _Optional[int] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = ("epoch", "number", "previous", "made_ms", "snapshot_commitment", "changes")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    MADE_MS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    number: int
    previous: bytes
    made_ms: int
    snapshot_commitment: bytes
    changes: _containers.RepeatedCompositeFieldContainer[ListChange]
    def __init__(self, epoch: _Optional[str] = ..., number: _Optional[int] = ..., previous: _Optional[bytes] = ..., made_ms: _Optional[int] = ..., snapshot_commitment: _Optional[bytes] = ..., changes: _Optional[_Iterable[_Union[ListChange, _Mapping]]] = ...) -> None: ...

class ListChange(_message.Message):
    __slots__ = ("additions", "removals", "size", "rows_digest")
    ADDITIONS_FIELD_NUMBER: _ClassVar[int]
    REMOVALS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ROWS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    additions: int
    removals: int
    size: int
    rows_digest: bytes
    def __init__(self, additions: _Optional[int] = ..., removals: _Optional[int] = ..., size: _Optional[int] = ..., rows_digest: _Optional[bytes] = ...) -> None: ...

class Cells(_message.Message):
    __slots__ = ("ctx", "rows", "proof")
    CTX_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    ctx: bytes
    rows: bytes
    proof: bytes
    def __init__(self, ctx: _Optional[bytes] = ..., rows: _Optional[bytes] = ..., proof: _Optional[bytes] = ...) -> None: ...

class Pledge(_message.Message):
    __slots__ = ("ctx", "commitment")
    CTX_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    ctx: bytes
    commitment: bytes
    def __init__(self, ctx: _Optional[bytes] = ..., commitment: _Optional[bytes] = ...) -> None: ...

class Contribution(_message.Message):
    __slots__ = ("ctx", "pledge_salt", "ciphertexts", "knowledge", "ranges")
    CTX_FIELD_NUMBER: _ClassVar[int]
    PLEDGE_SALT_FIELD_NUMBER: _ClassVar[int]
    CIPHERTEXTS_FIELD_NUMBER: _ClassVar[int]
    KNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    ctx: bytes
    pledge_salt: bytes
    ciphertexts: bytes
    knowledge: bytes
    ranges: bytes
    def __init__(self, ctx: _Optional[bytes] = ..., pledge_salt: _Optional[bytes] = ..., ciphertexts: _Optional[bytes] = ..., knowledge: _Optional[bytes] = ..., ranges: _Optional[bytes] = ...) -> None: ...

class View(_message.Message):
    __slots__ = ("ctx", "stage", "digest")
    CTX_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ctx: bytes
    stage: int
    digest: bytes
    def __init__(self, ctx: _Optional[bytes] = ..., stage: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

class Opening(_message.Message):
    __slots__ = ("ctx", "stage", "cells")
    CTX_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    ctx: bytes
    stage: int
    cells: bytes
    def __init__(self, ctx: _Optional[bytes] = ..., stage: _Optional[int] = ..., cells: _Optional[bytes] = ...) -> None: ...

class Shares(_message.Message):
    __slots__ = ("ctx", "stage", "partials", "proof", "digest")
    CTX_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PARTIALS_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ctx: bytes
    stage: int
    partials: bytes
    proof: bytes
    digest: bytes
    def __init__(self, ctx: _Optional[bytes] = ..., stage: _Optional[int] = ..., partials: _Optional[bytes] = ..., proof: _Optional[bytes] = ..., digest: _Optional[bytes] = ...) -> None: ...

class Decryption(_message.Message):
    __slots__ = ("ctx", "stage", "figures", "root")
    CTX_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    ctx: bytes
    stage: int
    figures: bytes
    root: bytes
    def __init__(self, ctx: _Optional[bytes] = ..., stage: _Optional[int] = ..., figures: _Optional[bytes] = ..., root: _Optional[bytes] = ...) -> None: ...

class Abort(_message.Message):
    __slots__ = ("reference", "reason", "names")
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    reference: bytes
    reason: str
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, reference: _Optional[bytes] = ..., reason: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ...) -> None: ...
