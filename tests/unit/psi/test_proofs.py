from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import pytest

from psi import ElementError, LengthError, ProofError, PublicKeyError, dst, group, native, proofs, public_key
from psi.keystream import keystream_scalars
from psi.proofs import Bounds, Proved
from tests.unit.psi import proof_reference as reference
from tests.unit.psi.proof_reference import rows

SECRET_KEY, PROOF_KEY, RANDOMNESS_KEY = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32
OTHER_KEY = bytes([4]) * 32
PK, OTHER_PK = public_key(SECRET_KEY), public_key(OTHER_KEY)
CONTEXT, ELSEWHERE = b"salt, role, signer", b"salt, role, another signer"
NOT_CANONICAL = group.ORDER.to_bytes(32, "little")
FIRST = 5
SIZES = [1, 2, 3, 7, 8, 9]
FLAG, SMALL, SIGNED = Bounds(0, 1), Bounds(0, 2), Bounds(-5, 3)


def packed(values: list[int]) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def encrypt(values: list[int], first: int = FIRST, key: bytes = RANDOMNESS_KEY) -> bytes:
    """As psi.elgamal.encrypt, one at a time."""
    out = b""
    for value, rho in zip(values, rows(keystream_scalars(key, first, len(values))), strict=True):
        v = (value % group.ORDER).to_bytes(32, "little")
        out += group.multiply_base(rho) + group.add(group.multiply_base(v), group.multiply(rho, PK))
    return out


@dataclass(frozen=True)
class Known:
    """Ciphertexts and all that goes with a proof about them."""

    values: list[int]
    bounds: list[Bounds]
    ciphertexts: bytes

    def knowledge(self) -> bytes:
        return proofs.prove_knowledge(
            packed(self.values), RANDOMNESS_KEY, FIRST, PROOF_KEY, CONTEXT, PK, self.ciphertexts
        )

    def ranges(self) -> bytes:
        return proofs.prove_ranges(
            packed(self.values), self.bounds, RANDOMNESS_KEY, FIRST, PROOF_KEY, CONTEXT, PK, self.ciphertexts
        )

    def check_ranges(self, proof: bytes, context: bytes = CONTEXT, pk: bytes = PK) -> None:
        proofs.verify_ranges(pk, self.bounds, [Proved(context, self.ciphertexts, proof)])


def known(values: list[int], bounds: list[Bounds] | None = None) -> Known:
    return Known(values, bounds or [Bounds(-100, 100)] * len(values), encrypt(values))


def with_row(flat: bytes, index: int, row: bytes) -> bytes:
    width = len(row)
    return flat[: index * width] + row + flat[(index + 1) * width :]


# --- possession


def test_possession_is_proved_and_bound_to_key_and_context() -> None:
    proof = proofs.prove_possession(SECRET_KEY, PROOF_KEY, CONTEXT)
    assert len(proof) == proofs.POSSESSION_BYTES
    proofs.verify_possession(PK, CONTEXT, proof)
    assert reference.possession_holds(PK, CONTEXT, proof)
    for key, context in ((OTHER_PK, CONTEXT), (PK, ELSEWHERE), (PK, b"")):
        with pytest.raises(ProofError):
            proofs.verify_possession(key, context, proof)


def test_nobody_proves_possession_of_a_share_made_from_anothers() -> None:
    """The rogue share pk' = x*G - pk, whose private key its maker does not know."""
    rogue = group.subtract(OTHER_PK, PK)
    for secret_key in (SECRET_KEY, OTHER_KEY):
        with pytest.raises(ProofError):
            proofs.verify_possession(rogue, CONTEXT, proofs.prove_possession(secret_key, PROOF_KEY, CONTEXT))


@pytest.mark.parametrize("proof", [b"", bytes(63), bytes(64), bytes(65), NOT_CANONICAL + bytes(32)])
def test_refuses_what_is_no_proof_of_possession(proof: bytes) -> None:
    with pytest.raises(ProofError):
        proofs.verify_possession(PK, CONTEXT, proof)


@pytest.mark.parametrize("key", [bytes(32), b"\xff" * 32])
def test_refuses_what_is_no_public_key(key: bytes) -> None:
    some = known([1])
    with pytest.raises(PublicKeyError):
        proofs.verify_possession(key, CONTEXT, bytes(64))
    with pytest.raises(PublicKeyError):
        proofs.verify_partials(key, CONTEXT, some.ciphertexts, PK, bytes(64))
    with pytest.raises(PublicKeyError):
        proofs.verify_knowledge(CONTEXT, key, some.ciphertexts, bytes(128))
    with pytest.raises(PublicKeyError):
        some.check_ranges(bytes(800), CONTEXT, key)


def test_nonces_follow_key_and_statement() -> None:
    """One nonce under two challenges would give the private key away."""
    commitments = set()
    for key, context in ((PROOF_KEY, CONTEXT), (PROOF_KEY, ELSEWHERE), (OTHER_KEY, CONTEXT)):
        c, s = rows(proofs.prove_possession(SECRET_KEY, key, context))
        commitments.add(group.add(group.multiply_base(s), group.multiply(c, PK)))
    assert len(commitments) == 3
    other = replace(known([1, 2]), values=[2, 1])
    proof_1, proof_2 = known([1, 2]).knowledge(), other.knowledge()
    assert not set(rows(proof_1)[:2]) & set(rows(proof_2)[:2])
    assert proof_1 == known([1, 2]).knowledge()


def test_proofs_are_those_of_the_specification_to_the_byte() -> None:
    """Nonces too: an audit that has the seed computes the same proofs."""
    k = int.from_bytes(keystream_scalars(SECRET_KEY, 0, 1), "little")
    assert proofs.prove_possession(SECRET_KEY, PROOF_KEY, CONTEXT) == reference.prove_possession(k, PROOF_KEY, CONTEXT)
    some = known([1, -5, 9], [FLAG, SIGNED, Bounds(9, 9)])
    place = (RANDOMNESS_KEY, FIRST, PROOF_KEY, CONTEXT, PK, some.ciphertexts)
    assert some.knowledge() == reference.prove_knowledge(some.values, *place)
    pairs = [(limits.low, limits.high) for limits in some.bounds]
    assert some.ranges() == reference.prove_ranges(some.values, pairs, *place)


# --- partial decryptions


@pytest.mark.parametrize("count", SIZES)
def test_partials_are_proved(backend: str, count: int) -> None:
    ciphertexts = encrypt(list(range(count)))
    key = keystream_scalars(OTHER_KEY, 0, 1)
    partials = b"".join(group.multiply(key, first) for first in rows(ciphertexts)[::2])
    proof = proofs.prove_partials(OTHER_KEY, PROOF_KEY, CONTEXT, ciphertexts, partials)
    assert len(proof) == proofs.PARTIALS_BYTES
    proofs.verify_partials(OTHER_PK, CONTEXT, ciphertexts, partials, proof)
    for position in range(count):
        forged = with_row(partials, position, group.add(rows(partials)[position], group.GENERATOR))
        with pytest.raises(ProofError):
            proofs.verify_partials(OTHER_PK, CONTEXT, ciphertexts, forged, proof)
        with pytest.raises(ProofError):
            proofs.verify_partials(
                OTHER_PK,
                CONTEXT,
                ciphertexts,
                forged,
                proofs.prove_partials(OTHER_KEY, PROOF_KEY, CONTEXT, ciphertexts, forged),
            )
        for bad in (bytes(32), b"\xff" * 32):
            with pytest.raises(ElementError) as raised:
                proofs.verify_partials(OTHER_PK, CONTEXT, ciphertexts, with_row(partials, position, bad), proof)
            assert raised.value.index == position
    for key_, context in ((PK, CONTEXT), (OTHER_PK, ELSEWHERE)):
        with pytest.raises(ProofError):
            proofs.verify_partials(key_, context, ciphertexts, partials, proof)


def test_errors_of_partials_that_cancel_are_found() -> None:
    ciphertexts = encrypt([1, 2])
    key = keystream_scalars(OTHER_KEY, 0, 1)
    first, second = (group.multiply(key, row) for row in rows(ciphertexts)[::2])
    forged = group.add(first, group.GENERATOR) + group.subtract(second, group.GENERATOR)
    proof = proofs.prove_partials(OTHER_KEY, PROOF_KEY, CONTEXT, ciphertexts, forged)
    with pytest.raises(ProofError):
        proofs.verify_partials(OTHER_PK, CONTEXT, ciphertexts, forged, proof)


def test_a_proof_of_partials_is_no_chunk_proof() -> None:
    """Their statements differ even where a chunk's ctx is the proof's context."""
    ciphertexts = encrypt([1])
    partials = group.multiply(keystream_scalars(OTHER_KEY, 0, 1), ciphertexts[:32])
    context = bytes(64)
    _, chunk_proof = native.evaluate(OTHER_KEY, PROOF_KEY, (context, 0, 0, 0, OTHER_PK), ciphertexts[:32])
    with pytest.raises(ProofError):
        proofs.verify_partials(OTHER_PK, context, ciphertexts, partials, chunk_proof)


def test_partials_need_one_ciphertext_at_least_and_all_of_them() -> None:
    for ciphertexts, partials in ((b"", b""), (encrypt([1]), b""), (encrypt([1]) + b"\0", PK), (encrypt([1]), PK * 2)):
        with pytest.raises(LengthError):
            proofs.prove_partials(OTHER_KEY, PROOF_KEY, CONTEXT, ciphertexts, partials)
        with pytest.raises(LengthError):
            proofs.verify_partials(OTHER_PK, CONTEXT, ciphertexts, partials, bytes(64))


# --- knowledge


@pytest.mark.parametrize("count", SIZES)
def test_knowledge_is_proved_in_one_piece(backend: str, count: int) -> None:
    some = known([index - 4 for index in range(count)])
    proof = some.knowledge()
    assert len(proof) == proofs.KNOWLEDGE_BYTES
    proofs.verify_knowledge(CONTEXT, PK, some.ciphertexts, proof)
    assert reference.knowledge_holds(CONTEXT, PK, some.ciphertexts, proof)
    for position in range(2 * count):
        changed = group.add(rows(some.ciphertexts)[position], group.GENERATOR)
        with pytest.raises(ProofError):
            proofs.verify_knowledge(CONTEXT, PK, with_row(some.ciphertexts, position, changed), proof)
        with pytest.raises(ElementError) as raised:
            proofs.verify_knowledge(CONTEXT, PK, with_row(some.ciphertexts, position, bytes(32)), proof)
        assert raised.value.index == position // 2


def test_the_test_encrypts_as_the_reference_does() -> None:
    assert encrypt([-3, 0, 7]) == reference.encrypt([-3, 0, 7], PK, RANDOMNESS_KEY, FIRST)


@pytest.mark.parametrize("values", [[-(2**63)], [2**63 - 1], [0], [-1]])
def test_knowledge_of_values_at_the_ends(values: list[int]) -> None:
    some = known(values)
    proofs.verify_knowledge(CONTEXT, PK, some.ciphertexts, some.knowledge())


@pytest.mark.parametrize(("context", "key"), [(ELSEWHERE, PK), (CONTEXT, OTHER_PK)])
def test_knowledge_is_bound_to_context_and_key(context: bytes, key: bytes) -> None:
    some = known([1, 2, 3])
    with pytest.raises(ProofError):
        proofs.verify_knowledge(context, key, some.ciphertexts, some.knowledge())


def test_nobody_knows_what_a_ciphertext_built_on_anothers_holds() -> None:
    """Another's ciphertext plus an own encryption of 1 is one whose content its maker cannot prove to know."""
    theirs, mine = known([41]), known([1])
    built = b"".join(group.add(a, b) for a, b in zip(rows(theirs.ciphertexts), rows(mine.ciphertexts), strict=True))
    for values in ([1], [42]):
        with pytest.raises(ProofError):
            proofs.verify_knowledge(CONTEXT, PK, built, replace(mine, values=values, ciphertexts=built).knowledge())


def test_both_components_must_have_one_rho() -> None:
    some = known([1])
    other = encrypt([1], first=FIRST + 1)
    mixed = other[:32] + some.ciphertexts[32:]
    with pytest.raises(ProofError):
        proofs.verify_knowledge(CONTEXT, PK, mixed, replace(some, ciphertexts=mixed).knowledge())


def test_refuses_what_is_no_proof_of_knowledge() -> None:
    some = known([1, 2])
    proof = some.knowledge()
    scalars = (NOT_CANONICAL, (integer := group.ORDER - 1).to_bytes(32, "little"))
    assert integer
    for bad in (
        b"",
        proof[:-1],
        proof + b"\0",
        with_row(proof, 0, bytes(32)),
        with_row(proof, 1, b"\xff" * 32),
        *(with_row(proof, position, scalar) for position in (2, 3) for scalar in scalars),
        *(with_row(proof, position, PK) for position in (0, 1)),
    ):
        with pytest.raises(ProofError):
            proofs.verify_knowledge(CONTEXT, PK, some.ciphertexts, bad)
    for values in ([], [1], [1, 2, 3]):
        with pytest.raises(LengthError):
            replace(some, values=values).knowledge()
    with pytest.raises(LengthError):
        known([]).knowledge()


# --- ranges


@pytest.mark.parametrize(
    "bounds",
    [
        [FLAG],
        [Bounds(7, 7)],
        [SMALL, FLAG],
        [SIGNED, FLAG, Bounds(0, 0)],
        [Bounds(-(2**47) + 1, 2**47 - 1)],
        [Bounds(-(2**63), 2**63 - 1)],
        [FLAG] * 7,
        [FLAG] * 8,
        [FLAG] * 9,
        [Bounds(0, 1 << bits) for bits in range(0, 40, 7)],
    ],
)
def test_every_value_within_its_bounds_is_proved_to_be(bounds: list[Bounds]) -> None:
    for values in ([b.low for b in bounds], [b.high for b in bounds], [(b.low + b.high) // 2 for b in bounds]):
        some = known(values, bounds)
        proof = some.ranges()
        bits = max(1, sum(b.bits for b in bounds))
        assert len(proof) == 288 + 64 * (bits - 1).bit_length()
        some.check_ranges(proof)


@pytest.mark.parametrize(("values", "bounds"), [([2], [SMALL]), ([1, -5, 9], [FLAG, SIGNED, Bounds(9, 9)])])
def test_ranges_verify_by_the_equations_of_the_specification(values: list[int], bounds: list[Bounds]) -> None:
    some = known(values, bounds)
    proof = some.ranges()
    pairs = [(b.low, b.high) for b in bounds]
    assert reference.ranges_hold(CONTEXT, PK, some.ciphertexts, pairs, proof)
    assert not reference.ranges_hold(CONTEXT, PK, some.ciphertexts, pairs, with_row(proof, 4, bytes(32)))


@pytest.mark.parametrize("limits", [FLAG, SMALL, SIGNED, Bounds(5, 5), Bounds(-(2**47) + 1, 2**47 - 1)])
@pytest.mark.parametrize("beyond", [1, 2, 1000, 2**50])
def test_no_value_outside_its_bounds_is_proved_to_be_within(limits: Bounds, beyond: int) -> None:
    for value in (limits.high + beyond, limits.low - beyond):
        with pytest.raises(LengthError, match="value 0: expected one within its bounds"):
            known([value], [limits]).ranges()
        # A prover that pretends to another value, and one that widens its bounds.
        pretended = replace(known([limits.low], [limits]), ciphertexts=encrypt([value]))
        with pytest.raises(ProofError):
            pretended.check_ranges(pretended.ranges())
        wide = [Bounds(min(value, limits.low), max(value, limits.high))]
        with pytest.raises(ProofError):
            replace(known([value], wide), bounds=[limits]).check_ranges(known([value], wide).ranges())


def test_ranges_are_bound_to_context_key_ciphertexts_and_bounds() -> None:
    some = known([1, -2, 0], [FLAG, SIGNED, SMALL])
    proof = some.ranges()
    some.check_ranges(proof)
    swapped = some.ciphertexts[128:] + some.ciphertexts[64:128] + some.ciphertexts[:64]
    for other, context, key in (
        (some, ELSEWHERE, PK),
        (some, CONTEXT, OTHER_PK),
        (replace(some, bounds=[FLAG, SIGNED, FLAG]), CONTEXT, PK),
        (replace(some, bounds=[FLAG, Bounds(-5, 2), SMALL]), CONTEXT, PK),
        (replace(some, ciphertexts=swapped), CONTEXT, PK),
    ):
        with pytest.raises(ProofError):
            other.check_ranges(proof, context, key)


def test_every_part_of_a_range_proof_counts() -> None:
    some = known([1, 2], [FLAG, SIGNED])
    proof = some.ranges()
    one = (1).to_bytes(32, "little")
    for position in range(len(proof) // 32):
        for other in (bytes(32), b"\xff" * 32, NOT_CANONICAL, PK, one):
            with pytest.raises(ProofError):
                some.check_ranges(with_row(proof, position, other))
    for bad in (b"", proof[:-1], proof[:-32], proof + bytes(32), proof[:-64]):
        with pytest.raises(ProofError):
            some.check_ranges(bad)


@pytest.mark.parametrize("parties", [0, 1, 2, 7])
def test_ranges_of_several_parties_are_verified_together(parties: int) -> None:
    bounds = [FLAG, SIGNED, Bounds(0, 1000)]
    proved = []
    for party in range(parties):
        context, values = b"party %d" % party, [party % 2, party - 5, 100 * party]
        ciphertexts = encrypt(values)
        proof = proofs.prove_ranges(packed(values), bounds, RANDOMNESS_KEY, FIRST, PROOF_KEY, context, PK, ciphertexts)
        proved.append(Proved(context, ciphertexts, proof))
    proofs.verify_ranges(PK, bounds, proved)
    for party in range(parties):
        others = [entry for number, entry in enumerate(proved) if number != party]
        forged = replace(proved[party], proof=with_row(proved[party].proof, 4, (1).to_bytes(32, "little")))
        swapped = replace(proved[party], context=b"party %d" % (party + 1))
        for wrong in (forged, swapped):
            with pytest.raises(ProofError):
                proofs.verify_ranges(PK, bounds, [*others, wrong])


def test_ranges_refuse_bad_elements_and_other_numbers_of_bounds() -> None:
    some = known([1, 2], [FLAG, SIGNED])
    proof = some.ranges()
    for bad in (bytes(32), b"\xff" * 32):
        with pytest.raises(ElementError) as raised:
            replace(some, ciphertexts=with_row(some.ciphertexts, 3, bad)).check_ranges(proof)
        assert raised.value.index == 1
    for bounds in ([], [FLAG], [FLAG] * 3):
        with pytest.raises(LengthError):
            replace(some, bounds=bounds).check_ranges(proof)
        with pytest.raises(LengthError):
            replace(some, bounds=bounds).ranges()


def test_bounds_have_an_order_and_a_proof_has_a_limit() -> None:
    for low, high in ((1, 0), (0, 2**63), (-(2**63) - 1, 0)):
        with pytest.raises(LengthError):
            Bounds(low, high)
    widest = Bounds(-(2**63), 2**63 - 1)
    too_many = proofs.MAX_RANGE_BITS // 64 + 1
    with pytest.raises(LengthError, match=f"1 to {proofs.MAX_RANGE_BITS} bits"):
        proofs.verify_ranges(PK, [widest] * too_many, [Proved(CONTEXT, bytes(64) * too_many, bytes(288))])


def test_generators_are_all_different_from_each_other_and_from_the_bases() -> None:
    found = {group.GENERATOR, PK}
    for kind in (b"G", b"H"):
        for t in range(64):
            uniform = native.expand_message_xmd(kind + t.to_bytes(4, "big"), dst.RANGE_GENERATORS.encode(), 64)
            found.add(native.map_to_group(uniform))
    assert len(found) == 130
