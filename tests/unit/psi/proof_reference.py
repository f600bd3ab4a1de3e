"""The verifiers of psi.proofs once more, as docs/protocol.md writes them, in plain integers: psi has no part in it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha512

from tests.vectors import reference as ref

Ciphertext = tuple[ref.Point, ref.Point]


def rows(flat: bytes, width: int = 32) -> list[bytes]:
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def integer(row: bytes) -> int:
    return int.from_bytes(row, "little")


def total(terms: Sequence[tuple[int, ref.Point]]) -> ref.Point:
    sum_ = ref.IDENTITY
    for scalar, point in terms:
        sum_ = ref.add(sum_, ref.multiply(scalar % ref.ORDER, point))
    return sum_


def same(a: ref.Point, b: ref.Point) -> bool:
    return ref.encode(a) == ref.encode(b)


def encrypt(values: Sequence[int], pk: bytes, randomness_key: bytes, first: int = 0) -> bytes:
    """rho*G || v*G + rho*pk for each value."""
    key, out = ref.decode(pk), b""
    for index, value in enumerate(values):
        rho = ref.scalar(randomness_key, first + index)
        out += ref.encode(ref.multiply(rho, ref.G)) + ref.encode(total([(value, ref.G), (rho, key)]))
    return out


def possession_holds(pk: bytes, context: bytes, proof: bytes) -> bool:
    c, s = map(integer, rows(proof))
    t_g = total([(s, ref.G), (c, ref.decode(pk))])
    return c == ref.digest_scalar(b"accord/v1/possession-challenge", context, pk, ref.encode(t_g))


def knowledge_holds(context: bytes, pk: bytes, ciphertexts: bytes, proof: bytes) -> bool:
    count = len(ciphertexts) // 64
    t_1, t_2, z_v, z_rho = rows(proof)
    e = sha512(
        ref.lp(b"accord/v1/knowledge-statement", context, pk, ref.number(count), sha512(ciphertexts).digest())
    ).digest()
    w = sha512(ref.lp(b"accord/v1/knowledge-challenge", e, t_1 + t_2)).digest()
    weights = [integer(word) for word in rows(ref.keystream(w[:32], 0, count), 16)][:count]
    elements = [ref.decode(row) for row in rows(ciphertexts)]
    firsts = total([(1, ref.decode(t_1)), *zip(weights, elements[::2], strict=True)])
    seconds = total([(1, ref.decode(t_2)), *zip(weights, elements[1::2], strict=True)])
    return same(ref.multiply(integer(z_rho), ref.G), firsts) and same(
        total([(integer(z_v), ref.G), (integer(z_rho), ref.decode(pk))]), seconds
    )


def weights_of(width: int) -> list[int]:
    bits = width.bit_length()
    return [1 << bit if bit + 1 < bits else width - ((1 << bit) - 1) for bit in range(bits)]


def ranges_hold(context: bytes, pk: bytes, ciphertexts: bytes, bounds: Sequence[tuple[int, int]], proof: bytes) -> bool:
    state = sha512(
        ref.lp(
            b"accord/v1/range-statement",
            context,
            pk,
            ref.number(len(bounds)),
            sha512(ciphertexts).digest(),
            sha512(b"".join(end.to_bytes(8, "little", signed=True) for pair in bounds for end in pair)).digest(),
        )
    ).digest()

    def challenge(*said: bytes) -> int:
        nonlocal state
        state = sha512(ref.lp(b"accord/v1/range-challenge", state, *said)).digest()
        return integer(state) % ref.ORDER

    per_value = [weights_of(high - low) for low, high in bounds]
    bits = sum(map(len, per_value))
    count = 1 << max(bits - 1, 0).bit_length()
    parts = rows(proof)
    crossed, last = parts[7:-2], parts[-2:]
    y, z = challenge(*parts[:2]), challenge()
    x = challenge(*parts[2:4])
    q = ref.multiply(challenge(*parts[4:7]), ref.G)
    folds = [challenge(*crossed[start : start + 2]) for start in range(0, len(crossed), 2)]
    assert 1 << len(folds) == count

    a, s, t_1, t_2 = map(ref.decode, parts[:4])
    t_hat, tau, mu = map(integer, parts[4:7])
    d = [pow(z, 2 + j, ref.ORDER) * weight for j, weights in enumerate(per_value) for weight in weights]
    d += [0] * (count - bits)
    y_powers = [pow(y, t, ref.ORDER) for t in range(count)]
    delta = (z - z * z) * sum(y_powers) - z * sum(d)
    # t*G + tau*pk = sum z^(2 + j)*(B_j - low_j*G) + delta*G + x*T_1 + x^2*T_2
    seconds = [ref.decode(row) for row in rows(ciphertexts)[1::2]]
    committed = [(pow(z, 2 + j, ref.ORDER), second) for j, second in enumerate(seconds)]
    lows = -sum(pow(z, 2 + j, ref.ORDER) * low for j, (low, _) in enumerate(bounds))
    right = total([*committed, (lows + delta, ref.G), (x, t_1), (x * x, t_2)])
    if not same(total([(t_hat, ref.G), (tau, ref.decode(pk))]), right):
        return False

    def generator(kind: bytes, t: int) -> ref.Point:
        return ref.map_to_group(ref.expand_message(kind + t.to_bytes(4, "big"), b"accord/v1/range-generators"))

    g = [generator(b"G", t) for t in range(count)]
    h = [ref.multiply(pow(y, -t, ref.ORDER), generator(b"H", t)) for t in range(count)]
    # P = A + x*S - z*<1, G> + <z*y^t + d, H'> - mu*pk + t*Q, folded round by round
    point = total(
        [
            (1, a),
            (x, s),
            *((-z, g[t]) for t in range(count)),
            *((z * y_powers[t] + d[t], h[t]) for t in range(count)),
            (-mu, ref.decode(pk)),
            (t_hat, q),
        ]
    )
    for u, left, right_ in zip(folds, crossed[::2], crossed[1::2], strict=True):
        inverse, half = pow(u, -1, ref.ORDER), len(g) // 2
        point = total([(1, point), (u, ref.decode(left)), (inverse, ref.decode(right_))])
        g = [total([(1, low), (u, high)]) for low, high in zip(g[:half], g[half:], strict=True)]
        h = [total([(1, low), (inverse, high)]) for low, high in zip(h[:half], h[half:], strict=True)]
    a_last, b_last = map(integer, last)
    return same(point, total([(a_last, g[0]), (b_last, h[0]), (a_last * b_last, q)]))
