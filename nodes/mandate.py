"""The legal basis of a question, from a file that an authority issued: never typed on a command line.

docs/samples/mandate.toml explains each key, and a test compares it with what is read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nodes.errors import MandateError, MandateTimeError
from nodes.fields import NAME, parse_toml, read_bounded
from protocol.messages import LegalBasis

URGENCIES: Final = ("routine", "urgent", "emergency")
MAX_MANDATE_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class Mandate:
    """A checked mandate: what goes into the envelope, and when it holds."""

    legal_basis: LegalBasis
    not_before_ms: int
    not_after_ms: int

    def check_time(self, now_ms: int) -> None:
        """Verify that the mandate holds now.

        Raises:
            MandateTimeError: not yet, or no more.
        """
        if now_ms < self.not_before_ms:
            raise MandateTimeError("expected a mandate that holds now, got one that holds later")
        if now_ms >= self.not_after_ms:
            raise MandateTimeError("expected a mandate that holds now, got one that has ended")


def load_mandate(path: Path) -> tuple[str, Mandate]:
    """Read a mandate file. Returns: its text, which the node reads again, and what it says. Raises MandateError."""
    data = read_bounded(path, MandateError, "mandate")
    mandate = parse_mandate(data, str(path))
    return data.decode("utf-8"), mandate


def parse_mandate(data: bytes, name: str = "mandate") -> Mandate:
    """Parse a mandate; `name` is that of its file, for messages.

    Raises:
        MandateError: names the key, what was expected and the kind of what was found.
    """
    if len(data) > MAX_MANDATE_BYTES:
        raise MandateError(f"{name}: expected at most {MAX_MANDATE_BYTES} bytes, got {len(data)}")
    with parse_toml(data, MandateError, name) as root, root.table("mandate") as table:
        basis = LegalBasis(
            purpose=table.text("purpose", pattern=NAME, max_bytes=64),
            instrument=table.text("instrument"),
            reference=table.text("reference"),
            case_reference=table.text("case_reference"),
            officer=table.text("officer"),
            offence_category=table.text("offence_category", pattern=NAME, max_bytes=64),
            handling_code=table.text("handling_code", pattern=NAME, max_bytes=64),
            urgency=table.choice("urgency", URGENCIES),
        )
        not_before_ms, not_after_ms = table.instant("not_before"), table.instant("not_after")
        if not_before_ms >= not_after_ms:
            raise table.fail("not_after", "a time after not_before", "one before it")
    return Mandate(basis, not_before_ms, not_after_ms)
