from __future__ import annotations

from tests.vectors.backends import backend

__all__ = ["backend"]
