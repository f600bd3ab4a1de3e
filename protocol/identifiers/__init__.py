"""Canonical identifiers: the same document, account, ship or wallet gives the same bytes at every agency."""

from __future__ import annotations

from protocol.identifiers.errors import IdentifierError
from protocol.identifiers.kinds import KINDS, Kind, Strength, split_canonical
from protocol.identifiers.mrz import MRZ, read_mrz
from protocol.identifiers.profile import PROFILE_VERSION, profile_hash

__all__ = [
    "KINDS",
    "MRZ",
    "PROFILE_VERSION",
    "IdentifierError",
    "Kind",
    "Strength",
    "profile_hash",
    "read_mrz",
    "split_canonical",
]
