"""Log lines can be read by machines, and one event is one line."""

from __future__ import annotations

from nodes.logs import line


def test_facts_are_key_and_value() -> None:
    assert line("session-ended", partner="north", seconds=1.5) == "event=session-ended partner=north seconds=1.5"


def test_odd_values_are_quoted_and_stay_on_the_line() -> None:
    assert line("x", a="two words", b="", c='"', d="a\nb", e="back\\slash", f="k=v") == (
        'event=x a="two words" b="" c="\\"" d="a\\u000ab" e="back\\\\slash" f="k=v"'
    )
