"""What can go wrong in psi: one class per code.

Messages name positions, counts and lengths; they never contain an input, an element, a scalar or a key.
"""

from __future__ import annotations

from typing import ClassVar, Final


class PsiError(Exception):
    """The root of psi's errors. ``code`` is stable and may be shown, logged and sent."""

    code: ClassVar[str] = "psi"


class IndexedError(PsiError):
    """An entry of a batch is bad. ``index`` is the lowest one, counted from 0."""

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index: Final = index


class ElementError(IndexedError):
    """Not the canonical encoding of a group element, or the identity (RFC 9497, section 2.1)."""

    code = "bad-element"


class InvalidInputError(IndexedError):
    """An input that hashes to the identity (RFC 9497, section 3.3.1)."""

    code = "invalid-input"


class ScalarError(IndexedError):
    """Not the canonical encoding of a scalar (RFC 9497, section 4.1)."""

    code = "bad-scalar"


class ZeroScalarError(IndexedError):
    """A scalar that must be invertible is zero (InverseError of RFC 9497, section 3.3.3)."""

    code = "zero-scalar"


class ValueRangeError(IndexedError):
    """A value that is 2^47 or more in absolute value."""

    code = "value-out-of-range"


class TotalRangeError(IndexedError):
    """An element that is not v*G for a v within the bound: what was added up or opened is not what was declared."""

    code = "total-out-of-range"


class TableError(PsiError):
    """Bytes that are not the table of discrete logarithms."""

    code = "logarithm-table-damaged"


class ProofError(PsiError):
    """A proof that does not verify, or is not a pair of canonical scalars (VerifyError of RFC 9497)."""

    code = "bad-proof"


class PublicKeyError(PsiError):
    """A public key that is not an element, is the identity, or is not the prover's."""

    code = "bad-public-key"


class LengthError(PsiError):
    """A buffer, count or number outside its range."""

    code = "bad-length"


class ItemsError(PsiError):
    """Offsets that do not describe items inside their data."""

    code = "bad-items"


class KeystreamError(PsiError):
    """Scalars beyond the 2^32 that one stream key has (RFC 8439, section 2.3)."""

    code = "keystream-exhausted"


class DstError(PsiError):
    """A domain separation tag outside 1 to 255 bytes (RFC 9380, section 5.3.1)."""

    code = "bad-dst"


class KeyDerivationError(PsiError):
    """No key from this seed and info (DeriveKeyPairError of RFC 9497, section 3.2.1)."""

    code = "derive-key-pair"


class BackendError(PsiError):
    """A backend that does not exist or does not run on this machine."""

    code = "unknown-backend"


class NativeFaultError(PsiError):
    """A defect in the native core. The process is sound and the call had no effect."""

    code = "internal-fault"
