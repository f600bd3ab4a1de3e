"""How far a query has come, on stderr: one line that renews itself on a terminal, a line per phase elsewhere."""

from __future__ import annotations

import sys
from typing import Any

import click


class ProgressLine:
    """Shows the events `progress` of a query."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._renews = sys.stderr.isatty()
        self._phase = ""
        self._phase_began = 0.0
        self._width = 0

    def show(self, moment: dict[str, Any]) -> None:
        """Show one moment: phase, share done, rate and remaining time."""
        if self._quiet:
            return
        changed = moment["phase"] != self._phase
        if changed:
            self._phase, self._phase_began = moment["phase"], moment["seconds"]
        if self._renews:
            text = _describe(moment, moment["seconds"] - self._phase_began)
            click.echo("\r" + text.ljust(self._width), nl=False, err=True)
            self._width = len(text)
        elif changed:
            click.echo(f"{moment['seconds']:8.1f} s  {self._phase}", err=True)

    def end(self) -> None:
        """Leave the line."""
        if self._renews and self._width:
            click.echo(err=True)
            self._width = 0


def _describe(moment: dict[str, Any], phase_seconds: float) -> str:
    text = f"{moment['phase']}"
    done, total = moment["done"], moment["total"]
    if total:
        text += f" {done:,} of {total:,} ({100 * done // total} %)"
    if done and phase_seconds > 0:
        rate = done / phase_seconds
        text += f", {rate:,.0f}/s, {_duration((total - done) / rate)} left"
    if moment["waiting_for"]:
        text += f", waiting for {', '.join(moment['waiting_for'])}"
    mebibytes = (moment["sent_bytes"] + moment["received_bytes"]) / 2**20
    return f"{text}, {mebibytes:.1f} MiB, {_duration(moment['seconds'])}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
