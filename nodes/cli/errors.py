"""What only a command can find wrong."""

from __future__ import annotations

from nodes.errors import NodeError


class OptionError(NodeError):
    """An option of `accord init` is not what accord.toml can hold."""

    code = "bad-option"


class PlotMissingError(NodeError):
    """A plot, which needs an extra that is not installed."""

    code = "plot-missing"


class DoctorError(NodeError):
    """`doctor` found something that must be repaired."""

    code = "unhealthy"


class DemoError(NodeError):
    """The demonstration did not find what it should have found."""

    code = "demo-failed"
