"""Notes one by one, as docs/protocol.md says; the product makes them in batches."""

from __future__ import annotations


def encode_note(text: str) -> bytes:
    """Length, text and zeros: 128 bytes. A text that is too long is cut between characters."""
    raw = text.encode()[:126].decode(errors="ignore").encode()
    return len(raw).to_bytes(2, "big") + raw + bytes(126 - len(raw))
