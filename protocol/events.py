"""What whoever runs a session tells it; `protocol.effects` says how the two speak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protocol.errors import ProtocolError
from psi import PsiError


@dataclass(frozen=True, slots=True)
class Started:
    """Sent once, first."""


@dataclass(frozen=True, slots=True)
class Received:
    """One packet's exact bytes from the partner, and the host's time when it arrived."""

    packet: bytes
    now_ms: int


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer to the effect with this token."""

    token: int
    result: Any = None


@dataclass(frozen=True, slots=True)
class JobFailed:
    """A job raised: bytes that the partner sent were not what they must be."""

    token: int
    error: PsiError


@dataclass(frozen=True, slots=True)
class Ended:
    """The session must stop for a reason of the host's: cancelled, timed out, connection lost, an effect that failed.

    `tell_partner` is False where the connection is gone.
    """

    error: ProtocolError
    tell_partner: bool = True


@dataclass(frozen=True, slots=True)
class ReceivedFrom:
    """For who coordinates a total: one packet's exact bytes from that participant."""

    agency: str
    packet: bytes
    now_ms: int


@dataclass(frozen=True, slots=True)
class LinkEnded:
    """For who coordinates a total: no more is to come from that participant.

    Args:
        why: a code.
    """

    agency: str
    why: str


Event = Started | Received | ReceivedFrom | Completed | JobFailed | LinkEnded | Ended
