"""The computations of a count and a sum, as pure values that any host can run anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from protocol.aggregate.agreed import Plan
from protocol.host_answers import Values
from protocol.messages import Aggregate
from protocol.rows import ROW_NUMBER_BYTES
from psi import ELEMENT_BYTES, TAG_BYTES, Items, LengthError, keystream_scalars
from psi.elgamal import CIPHERTEXT_BYTES, VALUE_BYTES, add, encrypt, rerandomize, sum_columns
from psi.group import multiples, multiply_base, multiply_shared
from psi.noise import discrete_laplace


@dataclass(frozen=True, slots=True)
class Ask:
    """The requester's elements, masked: n x 32 bytes, in the order of the items."""

    items: Items = field(repr=False)
    dst: bytes
    mask_key: bytes = field(repr=False)

    def run(self) -> bytes:
        return multiples(self.items, self.dst, self.mask_key)


@dataclass(frozen=True, slots=True)
class CountTargets:
    """The responder's elements, masked: n x 32 bytes. An identifier that does not count becomes a random element, which
    cannot be told from the others and matches nothing, so that their number says nothing about filters.
    """

    items: Items = field(repr=False)
    dst: bytes
    mask_key: bytes = field(repr=False)
    decoy_key: bytes = field(repr=False)
    first: int
    values: Values = field(repr=False)

    def run(self) -> bytes:
        count = len(self.items)
        counts = _flags(self.values, count, 1)
        targets = _matrix(multiples(self.items, self.dst, self.mask_key), ELEMENT_BYTES)
        decoys = _matrix(multiply_base(keystream_scalars(self.decoy_key, self.first, count)), ELEMENT_BYTES)
        return np.where(counts != 0, targets, decoys).tobytes()


@dataclass(frozen=True, slots=True)
class SumTargets:
    """The responder's elements, masked, each with its encrypted flags and values: n rows, in the order of the items, as
    they are kept (`Plan.kept_row_bytes`).
    """

    items: Items = field(repr=False)
    plan: Plan
    mask_key: bytes = field(repr=False)
    joint_key: bytes
    encryption_key: bytes = field(repr=False)
    first: int
    values: Values = field(repr=False)

    def run(self) -> bytes:
        count, plan = len(self.items), self.plan
        flags = _flags(self.values, count, plan.categories)
        amounts = _amounts(self.values, count, plan.categories)
        clipped = in_units(amounts, plan.aggregate) * flags
        columns = np.hstack([flags.astype("<i8"), clipped.astype("<i8")])
        ciphertexts = encrypt(columns.tobytes(), self.joint_key, self.encryption_key, self.first * plan.columns)
        elements = multiples(self.items, plan.dst, self.mask_key)
        rows = numbered(_rows(elements, ciphertexts, plan.columns), plan.row_bytes, self.first)
        numbered_bytes, values_bytes = plan.row_bytes + ROW_NUMBER_BYTES, plan.columns * VALUE_BYTES
        return np.hstack([_matrix(rows, numbered_bytes), _matrix(columns.tobytes(), values_bytes)]).tobytes()


@dataclass(frozen=True, slots=True)
class MaskTargets:
    """The requester's mask on targets, their ciphertexts re-randomized: n rows, each with its number behind it."""

    targets: bytes = field(repr=False)
    plan: Plan
    mask_key: bytes = field(repr=False)
    first: int
    joint_key: bytes = b""
    randomness_key: bytes = field(default=b"", repr=False)

    def run(self) -> bytes:
        plan = self.plan
        rows = _matrix(self.targets, plan.row_bytes)
        masked = multiply_shared(rows[:, :ELEMENT_BYTES].tobytes(), self.mask_key)
        ciphertexts = b""
        if plan.columns:
            old = rows[:, ELEMENT_BYTES:].tobytes()
            ciphertexts = rerandomize(old, self.joint_key, self.randomness_key, self.first * plan.columns)
        return numbered(_rows(masked, ciphertexts, plan.columns), plan.row_bytes, self.first)


@dataclass(frozen=True, slots=True)
class MaskAsked:
    """The responder's mask on what was asked: n x 16 bytes, the beginnings of the elements, for the comparison."""

    asked: bytes = field(repr=False)
    mask_key: bytes = field(repr=False)

    def run(self) -> bytes:
        masked = multiply_shared(self.asked, self.mask_key)
        return _matrix(masked, ELEMENT_BYTES)[:, :TAG_BYTES].tobytes()


@dataclass(frozen=True, slots=True)
class SumRows:
    """`before` plus the ciphertexts of the selected rows, column by column: columns x 64 bytes.

    The others are added up too, and dropped, so that the time does not tell how many are shared.

    Args:
        rows: n rows of what was shuffled.
        selected: little-endian uint32, among these n.
        before: columns x 64 bytes.
    """

    rows: bytes = field(repr=False)
    selected: bytes
    columns: int
    before: bytes = field(repr=False)

    def run(self) -> bytes:
        rows = _matrix(self.rows, ELEMENT_BYTES + self.columns * CIPHERTEXT_BYTES)
        ciphertexts = rows[:, ELEMENT_BYTES:].tobytes()
        others = np.setdiff1d(np.arange(len(rows), dtype="<u4"), np.frombuffer(self.selected, "<u4"))
        sums = sum_columns(ciphertexts, self.columns, self.selected)
        sum_columns(ciphertexts, self.columns, others.astype("<u4").tobytes())
        return add(self.before, sums)


@dataclass(frozen=True, slots=True)
class Encrypt:
    """Fresh encryptions of values: n x 64 bytes."""

    values: tuple[int, ...] = field(repr=False)
    joint_key: bytes
    randomness_key: bytes = field(repr=False)

    def run(self) -> bytes:
        return encrypt(np.array(self.values, "<i8").tobytes(), self.joint_key, self.randomness_key, 0)


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise for n counts and, where they are wanted, n totals; zeros where the terms ask for none.

    Args:
        keys: one for the counts and perhaps one for the totals, 32 secret bytes each.
        sensitivities: one for each of these.
        count: how many of each, n.
    """

    keys: tuple[bytes, ...] = field(repr=False)
    sensitivities: tuple[int, ...]
    count: int
    epsilon_millis: int

    def run(self) -> tuple[tuple[int, ...], ...]:
        if not self.epsilon_millis:
            return ((0,) * self.count,) * len(self.keys)
        kinds = zip(self.keys, self.sensitivities, strict=True)
        return tuple(discrete_laplace(key, 0, self.count, most, self.epsilon_millis) for key, most in kinds)


def in_units(amounts: NDArray[np.int64], aggregate: Aggregate) -> NDArray[np.int64]:
    """Amounts in minor units, each scaled to the nearest unit (of two equally near ones the higher) and clipped."""
    units, rest = np.divmod(amounts, aggregate.unit)
    units += 2 * rest >= aggregate.unit
    return np.clip(units, aggregate.low, aggregate.high)


def numbered(rows: bytes, row_bytes: int, first: int) -> bytes:
    """Rows, each with its number behind it (little-endian uint32)."""
    matrix = _matrix(rows, row_bytes)
    numbers = np.arange(first, first + len(matrix), dtype="<u4").view(np.uint8).reshape(-1, ROW_NUMBER_BYTES)
    return np.hstack([matrix, numbers]).tobytes()


def unnumbered(rows: bytes, row_bytes: int) -> tuple[bytes, bytes]:
    """The rows of `row_bytes` without the numbers behind them, and the numbers."""
    matrix = _matrix(rows, row_bytes + ROW_NUMBER_BYTES)
    return matrix[:, :row_bytes].tobytes(), matrix[:, row_bytes:].tobytes()


def sent(kept: bytes, plan: Plan) -> bytes:
    """Targets as they are sent, without what only the responder keeps."""
    return _matrix(kept, plan.kept_row_bytes)[:, : plan.row_bytes].tobytes()


def encrypted(kept: bytes, plan: Plan) -> bytes:
    """Targets as their maker verifies them: elements, and what was encrypted in place of the ciphertexts."""
    matrix = _matrix(kept, plan.kept_row_bytes)
    return np.hstack([matrix[:, :ELEMENT_BYTES], matrix[:, plan.row_bytes :]]).tobytes()


def placed(rows: bytes, row_bytes: int, first: int) -> bytes:
    """Rows, each behind its number (big-endian uint32), so that they ascend in the order in which they are."""
    matrix = _matrix(rows, row_bytes)
    numbers = np.arange(first, first + len(matrix), dtype=">u4").view(np.uint8).reshape(-1, ROW_NUMBER_BYTES)
    return np.hstack([numbers, matrix]).tobytes()


def beginnings(rows: bytes, row_bytes: int, first: int) -> bytes:
    """The first 16 bytes of each row with its number behind them, as `Join` compares them."""
    return numbered(_matrix(rows, row_bytes)[:, :TAG_BYTES].tobytes(), TAG_BYTES, first)


def joined_numbers(pairs: bytes) -> bytes:
    """The row numbers in pairs of `beginnings` and the 16 bytes that they match."""
    end = TAG_BYTES + ROW_NUMBER_BYTES
    return _matrix(pairs, end + TAG_BYTES)[:, TAG_BYTES:end].tobytes()


def _matrix(rows: bytes, row_bytes: int) -> NDArray[np.uint8]:
    return np.frombuffer(rows, np.uint8).reshape(-1, row_bytes)


def _rows(elements: bytes, ciphertexts: bytes, columns: int) -> bytes:
    if not columns:
        return elements
    parts = [_matrix(elements, ELEMENT_BYTES), _matrix(ciphertexts, columns * CIPHERTEXT_BYTES)]
    return np.hstack(parts).tobytes()


def _flags(values: Values, count: int, categories: int) -> NDArray[np.uint8]:
    flags = np.frombuffer(values.flags, np.uint8)
    if len(flags) != count * categories or flags.max(initial=0) > 1:
        raise LengthError(f"flags: expected {count * categories} bytes of 0 or 1, got others")
    return flags.reshape(count, categories)


def _amounts(values: Values, count: int, categories: int) -> NDArray[np.int64]:
    if len(values.amounts) != count * categories * VALUE_BYTES:
        expected = count * categories * VALUE_BYTES
        raise LengthError(f"amounts: expected {expected} bytes, got {len(values.amounts)}")
    return np.frombuffer(values.amounts, "<i8").reshape(count, categories).astype(np.int64)
