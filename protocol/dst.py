"""Domain separation tags of the protocol room. `psi` lists those of the mathematics; docs/protocol.md lists all."""

from __future__ import annotations

from typing import Final

COMMIT_SEED: Final = "accord/v1/commit-seed"
COMMIT_COIN: Final = "accord/v1/commit-coin"
COMMIT_SNAPSHOT: Final = "accord/v1/commit-snapshot"
SESSION_SALT: Final = "accord/v1/session-salt"
SESSION_CTX: Final = "accord/v1/session-ctx"
TRANSCRIPT: Final = "accord/v1/transcript"
TAGS_COMMITMENT: Final = "accord/v1/tags-commitment"
EPOCH_SALT: Final = "accord/v1/epoch-salt"
PLEDGE: Final = "accord/v1/totals-pledge"
VIEW: Final = "accord/v1/totals-view"
POSSESSION_OF_SHARE: Final = "accord/v1/totals-share"
CONTRIBUTION: Final = "accord/v1/totals-contribution"
SHARES: Final = "accord/v1/totals-shares"
CIPHERTEXT: Final = "accord/v1/totals-ciphertext"
DECRYPTION: Final = "accord/v1/totals-decryption"
COUNT_ELEMENTS: Final = "accord/v1/count-elements"
SUM_ELEMENTS: Final = "accord/v1/sum-elements"
