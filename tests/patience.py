"""How long a test waits for what must come. Only what hangs takes so long: a machine may be busy."""

from __future__ import annotations

from typing import Final

PATIENCE_SECONDS: Final = 180.0
