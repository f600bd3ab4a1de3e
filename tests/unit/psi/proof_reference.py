"""The proofs of psi.proofs once more, as docs/protocol.md writes them, in plain integers: psi has no part in it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha512

from tests.vectors import reference as ref


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


def range_state(context: bytes, pk: bytes, ciphertexts: bytes, bounds: Sequence[tuple[int, int]]) -> bytes:
    ends = int64([end for pair in bounds for end in pair])
    hashes = sha512(ciphertexts).digest(), sha512(ends).digest()
    return sha512(ref.lp(b"accord/v1/range-statement", context, pk, ref.number(len(bounds)), *hashes)).digest()


def ranges_hold(context: bytes, pk: bytes, ciphertexts: bytes, bounds: Sequence[tuple[int, int]], proof: bytes) -> bool:
    state = range_state(context, pk, ciphertexts, bounds)

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


# --- provers: with the nonces of the specification a proof is determined to the byte


def scalar_bytes(*scalars: int) -> bytes:
    return b"".join((scalar % ref.ORDER).to_bytes(32, "little") for scalar in scalars)


def int64(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(8, "little", signed=True) for value in values)


def nonce_key(
    dst: bytes, proof_key: bytes, randomness_key: bytes, first: int, values: Sequence[int], e: bytes
) -> bytes:
    parts = (dst, proof_key, randomness_key, ref.number(first), sha512(int64(values)).digest(), e)
    return sha512(ref.lp(*parts)).digest()[:32]


def prove_possession(k: int, proof_key: bytes, context: bytes) -> bytes:
    pk = ref.encode(ref.multiply(k, ref.G))
    t = ref.digest_scalar(b"accord/v1/possession-nonce", proof_key, context, pk)
    t_g = ref.encode(ref.multiply(t, ref.G))
    c = ref.digest_scalar(b"accord/v1/possession-challenge", context, pk, t_g)
    return scalar_bytes(c, t - c * k)


def prove_knowledge(
    values: Sequence[int], randomness_key: bytes, first: int, proof_key: bytes, context: bytes, pk: bytes, rows_: bytes
) -> bytes:
    count = len(values)
    statement = (b"accord/v1/knowledge-statement", context, pk, ref.number(count), sha512(rows_).digest())
    e = sha512(ref.lp(*statement)).digest()
    key = nonce_key(b"accord/v1/knowledge-nonce", proof_key, randomness_key, first, values, e)
    a, b = ref.scalar(key, 0), ref.scalar(key, 1)
    t = ref.encode(ref.multiply(a, ref.G)) + ref.encode(total([(b, ref.G), (a, ref.decode(pk))]))
    w = sha512(ref.lp(b"accord/v1/knowledge-challenge", e, t)).digest()
    weights = [integer(word) for word in rows(ref.keystream(w[:32], 0, count), 16)][:count]
    rhos = [ref.scalar(randomness_key, first + index) for index in range(count)]
    z_v = b + sum(weight * value for weight, value in zip(weights, values, strict=True))
    z_rho = a + sum(weight * rho for weight, rho in zip(weights, rhos, strict=True))
    return t + scalar_bytes(z_v, z_rho)


def prove_ranges(
    values: Sequence[int],
    bounds: Sequence[tuple[int, int]],
    randomness_key: bytes,
    first: int,
    proof_key: bytes,
    context: bytes,
    pk: bytes,
    rows_: bytes,
) -> bytes:
    state = range_state(context, pk, rows_, bounds)
    key = nonce_key(b"accord/v1/range-nonce", proof_key, randomness_key, first, values, state)

    def challenge(*said: bytes) -> int:
        nonlocal state
        state = sha512(ref.lp(b"accord/v1/range-challenge", state, *said)).digest()
        return integer(state) % ref.ORDER

    # The bits of each value's offset from its low end: the last weight first, the others in binary.
    a_l, per_value = [], [weights_of(high - low) for low, high in bounds]
    for value, (low, high), weights in zip(values, bounds, per_value, strict=True):
        offset, count = value - low, len(weights)
        last = offset >= 1 << (count - 1) if count else False
        rest = offset - (weights[-1] if last else 0)
        a_l += [rest >> bit & 1 for bit in range(count - 1)] + [int(last)] * bool(count)
        assert offset <= high - low
    count = 1 << max(len(a_l) - 1, 0).bit_length()
    a_l += [0] * (count - len(a_l))
    a_r = [bit - 1 for bit in a_l]

    def generators(kind: bytes) -> list[ref.Point]:
        names = (kind + t.to_bytes(4, "big") for t in range(count))
        return [ref.map_to_group(ref.expand_message(name, b"accord/v1/range-generators")) for name in names]

    g, h, key_point = generators(b"G"), generators(b"H"), ref.decode(pk)
    alpha, sigma, tau_1, tau_2 = (ref.scalar(key, index) for index in range(4))
    s_l = [ref.scalar(key, 4 + t) for t in range(count)]
    s_r = [ref.scalar(key, 4 + count + t) for t in range(count)]

    def commit(blind: int, left: Sequence[int], right: Sequence[int]) -> bytes:
        return ref.encode(total([(blind, key_point), *zip(left, g, strict=True), *zip(right, h, strict=True)]))

    said = [commit(alpha, a_l, a_r), commit(sigma, s_l, s_r)]
    y, z = challenge(*said), challenge()
    d = [pow(z, 2 + j, ref.ORDER) * weight for j, weights in enumerate(per_value) for weight in weights]
    d += [0] * (count - len(d))
    l_0 = [bit - z for bit in a_l]
    r_0 = [pow(y, t, ref.ORDER) * (a_r[t] + z) + d[t] for t in range(count)]
    r_1 = [pow(y, t, ref.ORDER) * s_r[t] for t in range(count)]

    def dot(a: Sequence[int], b: Sequence[int]) -> int:
        return sum(x * y for x, y in zip(a, b, strict=True)) % ref.ORDER

    t_1, t_2 = dot(l_0, r_1) + dot(s_l, r_0), dot(s_l, r_1)
    said += [
        ref.encode(total([(t_1, ref.G), (tau_1, key_point)])),
        ref.encode(total([(t_2, ref.G), (tau_2, key_point)])),
    ]
    x = challenge(*said[2:])
    a = [(left + s * x) % ref.ORDER for left, s in zip(l_0, s_l, strict=True)]
    b = [(right + s * x) % ref.ORDER for right, s in zip(r_0, r_1, strict=True)]
    rhos = [ref.scalar(randomness_key, first + index) for index in range(len(values))]
    tau = tau_2 * x * x + tau_1 * x + sum(pow(z, 2 + j, ref.ORDER) * rho for j, rho in enumerate(rhos))
    told = rows(scalar_bytes(dot(a, b), tau, alpha + sigma * x))
    said += told
    q = ref.multiply(challenge(*told), ref.G)
    h = [ref.multiply(pow(y, -t, ref.ORDER), point) for t, point in enumerate(h)]
    while len(a) > 1:
        half = len(a) // 2
        (a_lo, a_hi), (b_lo, b_hi) = (a[:half], a[half:]), (b[:half], b[half:])
        (g_lo, g_hi), (h_lo, h_hi) = (g[:half], g[half:]), (h[:half], h[half:])
        left = total([*zip(a_lo, g_hi, strict=True), *zip(b_hi, h_lo, strict=True), (dot(a_lo, b_hi), q)])
        right = total([*zip(a_hi, g_lo, strict=True), *zip(b_lo, h_hi, strict=True), (dot(a_hi, b_lo), q)])
        crossed = [ref.encode(left), ref.encode(right)]
        said += crossed
        u = challenge(*crossed)
        inverse = pow(u, -1, ref.ORDER)
        a = [(lo + inverse * hi) % ref.ORDER for lo, hi in zip(a_lo, a_hi, strict=True)]
        b = [(lo + u * hi) % ref.ORDER for lo, hi in zip(b_lo, b_hi, strict=True)]
        g = [total([(1, lo), (u, hi)]) for lo, hi in zip(g_lo, g_hi, strict=True)]
        h = [total([(1, lo), (inverse, hi)]) for lo, hi in zip(h_lo, h_hi, strict=True)]
    return b"".join(said) + scalar_bytes(a[0], b[0])
