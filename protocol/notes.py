"""The plain form of a note: a short text for whoever asked for that identifier, or filler, 128 bytes either way.

Two bytes of length, big-endian, the text in UTF-8, zeros. Length 0 is filler: every row has a note, so that nobody can
tell from sizes which rows say something.
"""

from __future__ import annotations

from typing import Final

from psi import NOTE_BYTES

MAX_NOTE_TEXT_BYTES: Final = NOTE_BYTES - 2
FILLER: Final = bytes(NOTE_BYTES)


def encode_note(text: str) -> bytes:
    """Returns 128 bytes. A text that is too long is cut between characters."""
    raw = text.encode()[:MAX_NOTE_TEXT_BYTES].decode("utf-8", "ignore").encode()
    return len(raw).to_bytes(2, "big") + raw.ljust(MAX_NOTE_TEXT_BYTES, b"\0")


def decode_note(note: bytes) -> str | None:
    """Returns the text, or None for filler, for a note that was not authentic (zeros), and for anything malformed."""
    length = int.from_bytes(note[:2], "big")
    raw, rest = note[2 : 2 + length], note[2 + length :]
    if len(note) != NOTE_BYTES or not 0 < length <= MAX_NOTE_TEXT_BYTES or any(rest):
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None
