"""Labelled hits: a note for each tag, which only who asked for that identifier can open (docs/protocol.md, "Notes").

The key is HKDF-SHA-512 of bytes 16 to 63 of the VOPRF output, with info = LP(DST, context); the tag is the associated
data of ChaCha20-Poly1305 with nonce 0. Each key seals one note.
"""

from __future__ import annotations

from typing import Final

from typing_extensions import Buffer

from psi import native
from psi.dst import VOPRF_HASH_TO_GROUP
from psi.items import Items
from psi.voprf import TAG_BYTES

NOTE_BYTES: Final = 128
NOTED_TAG_BYTES: Final = TAG_BYTES + NOTE_BYTES + 16  # RFC 8439, section 2.5: the MAC


def seal_notes(items: Items, oprf_key: bytes, context: bytes, notes: Buffer) -> bytes:
    """Compute the tag of each item and seal its note.

    Args:
        items: n identifiers.
        oprf_key: stream key of the private key, as for `psi.tags`.
        context: binds the notes to the session.
        notes: n x 128 bytes.

    Returns:
        n rows of tag || sealed note || MAC (160 bytes), in the order of the items.

    Raises:
        LengthError: not one note per item. ItemsError, InvalidInputError: as `psi.tags`.

    Cost: that of `psi.tags` and about 3 us an item.
    """
    return native.seal_notes(items, VOPRF_HASH_TO_GROUP, oprf_key, context, notes)


def open_notes(outputs: Buffer, rows: Buffer, context: bytes) -> tuple[bytes, bytes]:
    """Open the notes of matched rows.

    Args:
        outputs: n x 64 bytes, the VOPRF outputs of the matched items.
        rows: n x 160 bytes, the rows whose tags match them.
        context: as sealed.

    Returns:
        (n x 128 bytes, n flags): a flag is 1 where the note is authentic; else 0, and the note is zeros. That is for
        this side's operator alone: telling the partner would tell it of a match.
    """
    return native.open_notes(outputs, rows, context)
