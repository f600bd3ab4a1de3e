"""The operations that vector files name, each as a call into psi that takes and returns plain values."""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import sha512
from typing import Any, Final

import psi
from psi import dst, elgamal, group, hazmat, native, rfc9497
from psi.dst import Mode
from psi.shuffle import RESPONSE_BYTES, ShuffleProver, ShuffleStatement, ShuffleVerifier
from tests.unit.psi.logarithms import table
from tests.vectors.loader import Value, Values

Operation = Callable[..., Values]

ELEMENT_BYTES: Final = 32


def rows(flat: bytes, width: int = ELEMENT_BYTES) -> tuple[bytes, ...]:
    return tuple(flat[start : start + width] for start in range(0, len(flat), width))


def decode(elements: tuple[bytes, ...]) -> Values:
    psi.check_elements(b"".join(elements))
    return {}


def multiply_base(scalars: tuple[bytes, ...]) -> Values:
    return {"elements": rows(native.multiply_base(b"".join(scalars)))}


def map_to_group(uniform: bytes) -> Values:
    return {"element": native.map_to_group(uniform)}


def expand_message(message: bytes, dst: bytes, length_bytes: int) -> Values:
    return {"uniform": native.expand_message_xmd(message, dst, length_bytes)}


def keystream_scalars(key: bytes, first: int, count: int) -> Values:
    return {"scalars": rows(psi.keystream_scalars(key, first, count))}


def stream_key(seed: bytes, salt: bytes, leg: int, list_number: int, **text: bytes) -> Values:
    names = {name: value.decode() for name, value in text.items()}
    return {"key": psi.stream_key(seed, salt, leg=leg, list_number=list_number, **names)}


def dst_hash_to_group(mode: int) -> Values:
    return {"dst": dst.hash_to_group(Mode(mode))}


def derive_key_pair(mode: int, seed: bytes, info: bytes) -> Values:
    private_key, public_key = rfc9497.derive_key_pair(Mode(mode), seed, info)
    return {"private_key": private_key, "public_key": public_key}


def derive_private_key(mode: int, seed: bytes, info: bytes) -> Values:
    return {"private_key": rfc9497.derive_key_pair(Mode(mode), seed, info).private_key}


def rfc_blind(mode: int, inputs: tuple[bytes, ...], blinds: tuple[bytes, ...]) -> Values:
    pairs = zip(inputs, blinds, strict=True)
    return {"blinded": tuple(hazmat.blind(Mode(mode), input_, blind) for input_, blind in pairs)}


def rfc_evaluate_blinded(private_key: bytes, blinded: tuple[bytes, ...]) -> Values:
    return {"evaluated": tuple(group.multiply(private_key, element) for element in blinded)}


def rfc_prove(mode: int, private_key: bytes, blinded: tuple[bytes, ...], r: bytes, info: bytes = b"") -> Values:
    evaluated, proof = hazmat.blind_evaluate(Mode(mode), private_key, blinded, r, info)
    return {"evaluated": tuple(evaluated), "proof": proof}


def rfc_finalize_oprf(inputs: tuple[bytes, ...], blinds: tuple[bytes, ...], evaluated: tuple[bytes, ...]) -> Values:
    return {"outputs": tuple(map(rfc9497.finalize, inputs, blinds, evaluated))}


def rfc_finalize_voprf(**given: Any) -> Values:
    return {"outputs": tuple(rfc9497.verified_finalize(**given))}


def rfc_finalize_poprf(public_key: bytes, info: bytes, **given: Any) -> Values:
    tweaked_key = rfc9497.tweaked_public_key(public_key, info)
    return {"outputs": tuple(rfc9497.partially_verified_finalize(**given, info=info, tweaked_key=tweaked_key))}


def rfc_evaluate(mode: int, private_key: bytes, inputs: tuple[bytes, ...], info: bytes | None = None) -> Values:
    outputs = (rfc9497.evaluate_in_the_clear(Mode(mode), private_key, input_, info) for input_ in inputs)
    return {"outputs": tuple(outputs)}


def statement(given: dict[str, Any]) -> psi.ChunkStatement:
    place = (given.pop(name) for name in ("ctx", "leg", "list_number", "chunk", "public_key"))
    return psi.ChunkStatement(*place)


def public_key(oprf_key: bytes) -> Values:
    return {"public_key": psi.public_key(oprf_key)}


def blind(items: tuple[bytes, ...], blind_key: bytes, first: int) -> Values:
    return {"blinded": rows(psi.blind(psi.Items.from_sequence(items), blind_key, first))}


def evaluate(oprf_key: bytes, proof_key: bytes, blinded: tuple[bytes, ...], **given: Any) -> Values:
    evaluated, proof = psi.evaluate(oprf_key, proof_key, statement(given), b"".join(blinded))
    return {"evaluated": rows(evaluated), "proof": proof}


def verify_and_finalize(
    items: tuple[bytes, ...],
    blind_key: bytes,
    first: int,
    blinded: tuple[bytes, ...],
    evaluated: tuple[bytes, ...],
    proof: bytes,
    **given: Any,
) -> Values:
    batch = psi.Items.from_sequence(items)
    chunk = (b"".join(blinded), b"".join(evaluated), proof)
    outputs = psi.verify_and_finalize(batch, blind_key, first, statement(given), *chunk)
    return {"outputs": rows(outputs, psi.OUTPUT_BYTES)}


def tags(items: tuple[bytes, ...], oprf_key: bytes) -> Values:
    return {"tags": rows(psi.tags(psi.Items.from_sequence(items), oprf_key), psi.TAG_BYTES)}


def joint_key(public_keys: tuple[bytes, ...]) -> Values:
    return {"public_key": elgamal.joint_key(b"".join(public_keys))}


def ciphertext_rows(flat: bytes) -> Values:
    return {"ciphertexts": rows(flat, elgamal.CIPHERTEXT_BYTES)}


def encrypt(values: tuple[bytes, ...], **given: Any) -> Values:
    return ciphertext_rows(elgamal.encrypt(b"".join(values), **given))


def rerandomize(ciphertexts: tuple[bytes, ...], **given: Any) -> Values:
    return ciphertext_rows(elgamal.rerandomize(b"".join(ciphertexts), **given))


def add_ciphertexts(a: tuple[bytes, ...], b: tuple[bytes, ...]) -> Values:
    return ciphertext_rows(elgamal.add(b"".join(a), b"".join(b)))


def add_values(ciphertexts: tuple[bytes, ...], values: tuple[bytes, ...]) -> Values:
    return ciphertext_rows(elgamal.add_values(b"".join(ciphertexts), b"".join(values)))


def sum_columns(ciphertexts: tuple[bytes, ...], columns: int, **given: Any) -> Values:
    return ciphertext_rows(elgamal.sum_columns(b"".join(ciphertexts), columns, **given))


def check_ciphertexts(ciphertexts: tuple[bytes, ...]) -> Values:
    elgamal.check(b"".join(ciphertexts))
    return {}


def partial_decryptions(ciphertexts: tuple[bytes, ...], secret_key: bytes) -> Values:
    return {"partials": rows(elgamal.partial_decryptions(b"".join(ciphertexts), secret_key))}


def open_shares(ciphertexts: tuple[bytes, ...], **partials: tuple[bytes, ...]) -> Values:
    shares = [b"".join(partials[f"{name}_partials"]) for name in ("first", "second")]
    return {"elements": rows(elgamal.open_shares(b"".join(ciphertexts), shares))}


def hashed_multiples(items: tuple[bytes, ...], dst: bytes, key: bytes) -> Values:
    return {"elements": rows(group.multiples(psi.Items.from_sequence(items), dst, key))}


def shared_multiples(elements: tuple[bytes, ...], key: bytes) -> Values:
    return {"elements": rows(group.multiply_shared(b"".join(elements), key))}


def discrete_logarithms(elements: tuple[bytes, ...], bound: int) -> Values:
    values = table().solve(b"".join(elements), bound)
    return {"values": rows(values.astype("<i8").tobytes(), elgamal.VALUE_BYTES)}


def logarithm_entry(y: bytes) -> Values:
    """The one j that the table has in the bucket of y's low 64 bits, beside the lowest 24 of them."""
    data, key = table().to_bytes(), int.from_bytes(y[:8], "little")
    bucket, buckets = key >> 43, 2**21
    start, end = struct.unpack_from("<2I", data, 4 * bucket)
    entries = rows(data[4 * (buckets + 1) + 6 * start : 4 * (buckets + 1) + 6 * end], 6)
    [index] = [int.from_bytes(entry[:3], "little") for entry in entries if entry[3:] == y[:3]]
    return {"index": index}


def shuffle_statement(given: dict[str, Any]) -> tuple[ShuffleStatement, bytes, bytes]:
    """Takes its parts out of `given`: the statement, the rows before and the rows after."""
    before, after = (b"".join(given.pop(name)) for name in ("before", "after"))
    count = len(before) // (psi.ELEMENT_BYTES + given["columns"] * elgamal.CIPHERTEXT_BYTES)
    named: dict[str, Any] = {"before": sha512(before).digest(), "after": sha512(after).digest()}
    for name in ("ctx", "leg", "list_number", "columns", "public_key", "joint_key", "bound"):
        named[name] = given.pop(name)
    return ShuffleStatement(count=count, **named), before, after


def prove_shuffle(**given: Any) -> Values:
    statement, _, after = shuffle_statement(given)
    proof = ShuffleProver(statement, **given).commit().absorb(after).close()
    return {"opening": proof.opening, "responses": rows(proof.respond(statement.count)[0], RESPONSE_BYTES)}


def verify_shuffle(opening: bytes, responses: tuple[bytes, ...], **given: Any) -> Values:
    statement, before, after = shuffle_statement(given)
    ShuffleVerifier(statement, opening, bytes(32)).absorb(before, after, b"".join(responses)).finish()
    return {}


OPERATIONS: Final[dict[str, Operation]] = {
    "decode": decode,
    "multiply-base": multiply_base,
    "map-to-group": map_to_group,
    "expand-message": expand_message,
    "keystream-scalars": keystream_scalars,
    "stream-key": stream_key,
    "rfc9497-hash-to-group-dst": dst_hash_to_group,
    "rfc9497-derive-key-pair": derive_key_pair,
    "rfc9497-derive-private-key": derive_private_key,
    "rfc9497-blind": rfc_blind,
    "rfc9497-blind-evaluate": rfc_evaluate_blinded,
    "rfc9497-blind-evaluate-and-prove": rfc_prove,
    "rfc9497-finalize-oprf": rfc_finalize_oprf,
    "rfc9497-finalize-voprf": rfc_finalize_voprf,
    "rfc9497-finalize-poprf": rfc_finalize_poprf,
    "rfc9497-evaluate": rfc_evaluate,
    "public-key": public_key,
    "blind": blind,
    "evaluate": evaluate,
    "verify-and-finalize": verify_and_finalize,
    "tags": tags,
    "elgamal-joint-key": joint_key,
    "elgamal-encrypt": encrypt,
    "elgamal-rerandomize": rerandomize,
    "elgamal-add": add_ciphertexts,
    "elgamal-add-values": add_values,
    "elgamal-sum-columns": sum_columns,
    "elgamal-check": check_ciphertexts,
    "elgamal-partial-decryptions": partial_decryptions,
    "elgamal-open-shares": open_shares,
    "hashed-multiples": hashed_multiples,
    "shared-multiples": shared_multiples,
    "discrete-logarithms": discrete_logarithms,
    "logarithm-entry": logarithm_entry,
    "prove-shuffle": prove_shuffle,
    "verify-shuffle": verify_shuffle,
}


def run(operation: str, given: dict[str, Value]) -> Values:
    """Run one operation; psi's errors pass through."""
    return OPERATIONS[operation](**given)
