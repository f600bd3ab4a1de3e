"""The inputs that fuzzing has found worth keeping: one archive for each target, in tests/corpus."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[1] / "corpus"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # of a ZIP archive: the same inputs are the same bytes


def kept(target: str) -> list[bytes]:
    """All inputs of a target; none where nothing was kept."""
    path = FOLDER / f"{target}.zip"
    if not path.exists():
        return []
    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in archive.namelist()]


def keep(target: str, inputs: Iterable[bytes]) -> None:
    """Replace a target's archive."""
    named = sorted((hashlib.sha256(data).hexdigest()[:16], data) for data in set(inputs))
    FOLDER.mkdir(exist_ok=True)
    with zipfile.ZipFile(FOLDER / f"{target}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in named:
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
