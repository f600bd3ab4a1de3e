"""What can go wrong between a command and its own node."""

from __future__ import annotations

from nodes.errors import NodeError


class NotRunningError(NodeError):
    """No process serves this home, so there is nobody to ask."""

    code = "not-running"


class ControlError(NodeError):
    """Command and node do not understand each other."""

    code = "bad-control-message"
