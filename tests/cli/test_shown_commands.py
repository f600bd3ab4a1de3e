"""Whatever a document, an example or an advice shows as a command is one: it exists, and takes these options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from nodes.cli.main import root
from nodes.error_table import ERRORS

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = sorted([*ROOT.glob("[A-S]*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "docs/samples").iterdir()])
_BLOCK: Final = re.compile(r"^```.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CALL: Final = re.compile(r"(?:^|[\s;&|(])accord [a-z-]")
_SPAN: Final = re.compile(r"`accord ([a-z-][^`]*)`")
_OPERATORS: Final = frozenset("|<>&;()")


def leaves(group: click.Group = root, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            assert command is not None
            yield (*path, name), command


LEAVES: Final = dict(leaves())
OPTIONS: Final = [(path, p) for path, leaf in LEAVES.items() for p in leaf.params if isinstance(p, click.Option)]


def calls(text: str) -> Iterator[list[str]]:
    """The arguments of each call of accord in lines of a shell."""
    for line in filter(_CALL.search, text.replace("\\\n", " ").splitlines()):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
        while "accord" in words:
            words = words[words.index("accord") + 1 :]
            if words and words[0] != "--" and words[0][0] not in "/:":  # else the name of a Unix user
                yield words[: next((place for place, word in enumerate(words) if set(word) <= _OPERATORS), len(words))]


def split(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words name, and what is left for it."""
    command: click.Command = root
    left = words[2:] if words[:1] == ["--home"] else words
    while isinstance(command, click.Group) and left and not left[0].startswith("-"):
        _, found, left = command.resolve_command(click.Context(command), left)
        assert found is not None
        command = found
    return command, left


def check_options(words: list[str]) -> None:
    """See that the command and its options exist; values may be left out."""
    command, left = split(words)
    if command.context_settings.get("ignore_unknown_options"):
        return  # a benchmark, which reads its own
    known = {name for parameter in command.params for name in parameter.opts} | {"--help", "--home", "--version"}
    assert {word.partition("=")[0] for word in left if word.startswith("--")} <= known, words
    assert not left or left[0].startswith("-") or not isinstance(command, click.Group), words


def check(words: list[str]) -> None:
    """Raises UsageError where the command would not be understood; of values that a shell fills in, nobody knows."""
    check_options(words)
    command, left = split(words)
    if not isinstance(command, click.Group) and not any("$" in word for word in words):
        command.make_context(" ".join(words), left)


def check_mention(text: str) -> None:
    """A mention in a sentence may leave options and arguments out, or name several by `|`."""
    check_options(shlex.split(text.partition("|")[0].partition(" ...")[0]))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_document_is_understood(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = path.read_text()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").touch()  # an option that opens its file at once
    for block in _BLOCK.findall(text):
        for words in calls(block):
            check(words)
    for named in _SPAN.findall(_BLOCK.sub("", text)):
        check_mention(named)


def test_every_example_is_of_its_own_command_and_understood() -> None:
    examples = [(path, words) for path, leaf in LEAVES.items() for words in calls(leaf.epilog or "")]
    assert len(examples) >= 14
    for path, words in examples:
        assert tuple(words[: len(path)]) == path
        check(words)


def test_what_needs_options_has_an_example() -> None:
    assert {path for path, option in OPTIONS if option.required and not LEAVES[path].epilog} == set()


def test_every_option_says_what_it_is() -> None:
    assert [(path, option.name) for path, option in OPTIONS if not option.help] == []


def test_an_option_is_called_alike_everywhere() -> None:
    """One name, one kind of value: whoever learned an option with one command knows it with all."""
    shown: dict[str, set[str]] = {}
    for _, option in OPTIONS:
        kind = "a flag" if option.is_flag else option.metavar or option.type.name
        shown.setdefault(option.opts[0], set()).add(kind)
    assert {name: kinds for name, kinds in shown.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_advice_names_commands_that_exist(code: str) -> None:
    for named in _SPAN.findall(ERRORS[code].advice):
        check_mention(named)
