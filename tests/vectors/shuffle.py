"""The proof of docs/shuffle-proof.md, both sides, written from that page alone over any group with a few functions.

Over tests/vectors/reference.py it derives vectors; over psi's single-element functions it is a prover that cheats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from hashlib import sha512
from typing import Generic, TypeVar

from tests.vectors import reference as ref

P = TypeVar("P")
ORDER = ref.ORDER


@dataclass(frozen=True)
class Group(Generic[P]):
    """A group, and hashing to it."""

    generator: P
    identity: P
    add: Callable[[P, P], P]
    multiply: Callable[[int, P], P]
    encode: Callable[[P], bytes]
    decode: Callable[[bytes], P]
    hash: Callable[[bytes, bytes], P]

    def sum(self, scalars: Sequence[int], points: Sequence[P]) -> P:
        """The sum of scalar * point."""
        terms = [self.multiply(scalar % ORDER, point) for scalar, point in zip(scalars, points, strict=True)]
        return reduce(self.add, terms, self.identity)


INTEGERS: Group[ref.Point] = Group(
    ref.G,
    ref.IDENTITY,
    ref.add,
    ref.multiply,
    ref.encode,
    ref.decode,
    lambda message, dst: ref.map_to_group(ref.expand_message(message, dst)),
)


@dataclass(frozen=True)
class Statement:
    """The public part, with all rows: an element, and the components of its ciphertexts."""

    ctx: bytes
    leg: int
    list_number: int
    columns: int
    public_key: bytes
    joint_key: bytes
    before: list[bytes]
    after: list[bytes]
    bound: bytes

    def digest(self) -> bytes:
        """h."""
        numbers = (self.leg, self.list_number, len(self.before), self.columns)
        hashed = (sha512(b"".join(rows)).digest() for rows in (self.before, self.after))
        return digest(
            "statement", self.ctx, *map(ref.number, numbers), self.public_key, self.joint_key, *hashed, self.bound
        )


@dataclass(frozen=True)
class Witness:
    """What an honest prover knows; a cheating one may put anything here."""

    secret: int
    permutation: list[int]
    randomness: list[int] = field(default_factory=list)
    # Set the last g to what (2) asks for, whatever the chain has come to.
    patch_chain: bool = False
    # By what to multiply the weights of some rows after.
    factors: dict[int, int] = field(default_factory=dict)


def digest(tag: str, *parts: bytes) -> bytes:
    return sha512(ref.lp(b"accord/v1/shuffle-" + tag.encode(), *parts)).digest()


def cut(row: bytes) -> list[bytes]:
    return [row[start : start + 32] for start in range(0, len(row), 32)]


def number(value: int) -> bytes:
    return (value % ORDER).to_bytes(32, "little")


def weights_of(w1: bytes, count: int, columns: int) -> tuple[list[int], list[int]]:
    rows = [int.from_bytes(ref.keystream(w1[:32], i, 1)[:24], "little") | 1 for i in range(count)]
    return rows, [ref.scalar(w1[32:], j) for j in range(columns)]


def prove(group: Group[P], statement: Statement, witness: Witness, proof_key: bytes) -> tuple[bytes, list[bytes]]:
    """The opening and the responses."""
    n, columns, pi = len(statement.before), statement.columns, witness.permutation
    generators = [group.hash(ref.number(i), b"accord/v1/shuffle-generators") for i in range(n)]
    value_base = group.hash(b"\xff" * 8, b"accord/v1/shuffle-generators")
    before = [[group.decode(element) for element in cut(row)] for row in statement.before]
    after = [[group.decode(element) for element in cut(row)] for row in statement.after]
    h = statement.digest()
    stream = digest("nonce", proof_key, h)[:32]
    r_c, r_d, r_p, r_mask, r_chain, alpha, beta, r_1, r_0 = (ref.scalar(stream, i) for i in range(9))
    d = [ref.scalar(stream, 16 + 2 * i) for i in range(n)]
    delta = [ref.scalar(stream, 17 + 2 * i) for i in range(n - 1)] + [0]

    def committed(scalars: Sequence[int], blind: int) -> bytes:
        return group.encode(group.sum([*scalars, blind], [*generators, group.generator]))

    c, t_d, t_delta = committed([2 * i + 1 for i in pi], r_c), committed(d, r_mask), committed(delta, r_chain)
    w1 = digest("weights", h, c, t_d, t_delta)
    e, mu = weights_of(w1, n, columns)
    factors = [witness.factors.get(i, 1) for i in range(n)]
    d_commitment = committed([factor * e[i] for factor, i in zip(factors, pi, strict=True)], r_d)
    w2 = digest("permuted", w1, d_commitment)
    y, x = ref.scalar(w2[:32], 0), ref.scalar(w2[:32], 1)
    t = [e[i] + (2 * i + 1) * y for i in range(n)]
    m = [factor * t[i] for factor, i in zip(factors, pi, strict=True)]
    p = [1]
    for weight in m:
        p.append(p[-1] * (weight - x) % ORDER)
    chain = committed(p[1:], r_p)
    t_k = group.encode(group.multiply(alpha, group.generator))
    t_b = group.add(
        group.sum(d, [row[0] for row in after]),
        group.sum([-alpha * weight for weight in t], [row[0] for row in before]),
    )
    masks = []
    for component in range(2 if columns else 0):
        flat = [(d[i] * mu[j], after[i][1 + 2 * j + component]) for i in range(n) for j in range(columns)]
        key = group.generator if component == 0 else group.decode(statement.joint_key)
        masks.append(group.sum([scalar for scalar, _ in flat] + [-beta], [point for _, point in flat] + [key]))
    encoded_masks = [group.encode(mask) for mask in masks]
    w3 = digest("chain", w2, chain, group.encode(t_b), t_k, *encoded_masks)
    z = ref.scalar(w3[:32], 0)
    delta_before = [0, *delta]
    powers = [pow(z, i + 1, ORDER) for i in range(n)]
    v_1 = sum(powers[i] * (delta[i] - p[i] * d[i] - delta_before[i] * (m[i] - x)) for i in range(n))
    v_0 = -sum(powers[i] * delta_before[i] * d[i] for i in range(n))
    values = [group.encode(group.sum([v, r], [value_base, group.generator])) for v, r in ((v_1, r_1), (v_0, r_0))]
    w4 = digest("challenge", w3, *values)
    gamma = ref.scalar(w4[:32], 0)
    f = [gamma * m[i] + d[i] for i in range(n)]
    g = [gamma * p[i + 1] + delta[i] for i in range(n)]
    if witness.patch_chain:
        g[-1] = gamma * reduce(lambda product, weight: product * (weight - x) % ORDER, t, 1)
    answers = [
        gamma * witness.secret + alpha,
        gamma * (y * r_c + r_d) + r_mask,
        gamma * r_p + r_chain,
        gamma * r_1 + r_0,
    ]
    opening = [c, t_d, t_delta, d_commitment, chain, group.encode(t_b), t_k, *values, *map(number, answers)]
    if columns:
        rho = witness.randomness
        total = sum(t[i] * mu[j] * rho[i * columns + j] for i in range(n) for j in range(columns))
        opening += [*encoded_masks, number(gamma * total + beta)]
    return b"".join(opening), [number(f[i]) + number(g[i]) for i in range(n)]


def verify(group: Group[P], statement: Statement, opening: bytes, responses: list[bytes]) -> list[int]:
    """The numbers of the equations that do not hold."""
    n, columns = len(statement.before), statement.columns
    rows = cut(opening)
    c, t_d, t_delta, d, p, t_b, t_k, v_1, v_0 = map(group.decode, rows[:9])
    s_k, s_m, s_p, s_v = (int.from_bytes(row, "little") for row in rows[9:13])
    w1 = digest("weights", statement.digest(), *rows[:3])
    e, mu = weights_of(w1, n, columns)
    w2 = digest("permuted", w1, rows[3])
    y, x = ref.scalar(w2[:32], 0), ref.scalar(w2[:32], 1)
    w3 = digest("chain", w2, rows[4], rows[5], rows[6], *rows[13:15])
    z, gamma = ref.scalar(w3[:32], 0), ref.scalar(digest("challenge", w3, *rows[7:9])[:32], 0)
    t = [e[i] + (2 * i + 1) * y for i in range(n)]
    q = reduce(lambda product, weight: product * (weight - x) % ORDER, t, 1)
    f, g = ([int.from_bytes(cut(row)[half], "little") for row in responses] for half in range(2))
    generators = [group.hash(ref.number(i), b"accord/v1/shuffle-generators") for i in range(n)]
    value_base = group.hash(b"\xff" * 8, b"accord/v1/shuffle-generators")
    before = [[group.decode(element) for element in cut(row)] for row in statement.before]
    after = [[group.decode(element) for element in cut(row)] for row in statement.after]

    def equal(left: P, right: P) -> bool:
        return group.encode(left) == group.encode(right)

    base, total = group.generator, group.sum
    g_before = [gamma, *g]
    relation = sum(pow(z, i + 1, ORDER) * (gamma * g[i] - g_before[i] * (f[i] - gamma * x)) for i in range(n))
    elements_before, elements_after = [row[0] for row in before], [row[0] for row in after]
    holds = {
        1: equal(total([*f, s_m], [*generators, base]), total([gamma * y, gamma, 1], [c, d, t_d])),
        2: equal(total([*g, s_p], [*generators, base]), total([gamma, 1], [p, t_delta]))
        and (g[-1] - gamma * q) % ORDER == 0,
        3: equal(total([s_k], [base]), total([gamma, 1], [group.decode(statement.public_key), t_k])),
        4: equal(total(f, elements_after), total([*(s_k * weight for weight in t), 1], [*elements_before, t_b])),
        5: equal(total([relation, s_v], [value_base, base]), total([gamma, 1], [v_1, v_0])),
    }
    for component in range(2 if columns else 0):
        key = base if component == 0 else group.decode(statement.joint_key)
        s_e, mask = int.from_bytes(rows[15], "little"), group.decode(rows[13 + component])
        left = [(f[i] * mu[j], after[i][1 + 2 * j + component]) for i in range(n) for j in range(columns)]
        right = [(gamma * t[i] * mu[j], before[i][1 + 2 * j + component]) for i in range(n) for j in range(columns)]
        right += [(s_e, key), (1, mask)]
        sides = [total([scalar for scalar, _ in side], [point for _, point in side]) for side in (left, right)]
        holds[6] = holds.get(6, True) and equal(*sides)
    return sorted(equation for equation, held in holds.items() if not held)
