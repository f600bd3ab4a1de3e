"""What can go wrong with epochs, given and held."""

from __future__ import annotations

from nodes.errors import NodeError
from protocol.errors import Reason


class EpochUnknownError(NodeError):
    """No epoch of that id, or none for this partner, data set and kinds, or it has ended."""

    code = "unknown-epoch"
    reason = Reason.OUTDATED


class EpochOutdatedError(NodeError):
    """A release of an epoch that is not its newest."""

    code = "epoch-outdated"
    reason = Reason.OUTDATED


class EpochExistsError(NodeError):
    """An epoch for the same partner, data set and kinds is open."""

    code = "epoch-exists"


class EpochBusyError(NodeError):
    """Another process or session changes this epoch."""

    code = "epoch-busy"
    reason = Reason.BUSY


class EpochDamagedError(NodeError):
    """What this node keeps of an epoch does not fit together."""

    code = "epoch-damaged"
    reason = Reason.STORAGE
