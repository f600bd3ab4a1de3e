"""Log lines: an event and facts as key=value, to stderr. Never an identifier, a key, a tag or an element."""

from __future__ import annotations

import logging
import sys
import time
from typing import Final

_NEEDS_QUOTES: Final = frozenset(' "=\\')


def configure(level: int = logging.INFO) -> None:
    """Send this process's log to stderr, one line per event, times in UTC."""
    formatter = logging.Formatter(
        "time=%(asctime)s.%(msecs)03dZ level=%(levelname)s logger=%(name)s %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)


def line(event: str, **facts: object) -> str:
    """Return `event=... key=value ...`; a value that is not one plain word is quoted and escaped."""
    return " ".join(f"{key}={_value(value)}" for key, value in {"event": event, **facts}.items())


def _value(value: object) -> str:
    text = str(value)
    if text and text.isprintable() and not _NEEDS_QUOTES.intersection(text):
        return text
    escaped = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text.replace("\\", "\\\\"))
    return '"' + escaped.replace('"', '\\"') + '"'


def where(error: BaseException) -> str:
    """Return a defect's kind and place, never its text, which could hold a value."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = f" at {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}{place}"
