"""docs/cli.md holds every command with exactly its options."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from kfadapter.cli.main import app

TEXT = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
SECTIONS = {
    found[1]: found[2]
    for found in re.finditer(r"^### `kfadapter ([^`]+)`\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
}
OPTION = re.compile(r"`(--?[a-z][a-z-]*)`")


def commands(group: Any, context: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            if command.invoke_without_command:
                yield " ".join((*words, name)), command
            yield from commands(command, context, (*words, name))
        else:
            arguments = [p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument"]
            yield " ".join((*words, name, *arguments)), command


def known() -> dict[str, Any]:
    root = typer.main.get_command(app)
    return dict(commands(root, typer.Context(root)))


def test_exactly_the_commands_there_are_have_a_section() -> None:
    assert set(SECTIONS) == set(known())


@pytest.mark.parametrize("name", known())
def test_a_section_names_exactly_the_commands_options(name: str) -> None:
    options = {word for p in known()[name].params if p.param_type_name == "option" for word in p.opts}
    assert set(OPTION.findall(SECTIONS[name])) == options - {"--help"}


@pytest.mark.parametrize("name", known())
def test_every_option_and_argument_says_what_it_is_for(name: str) -> None:
    command = known()[name]
    assert command.help
    assert all(p.help for p in command.params if p.name != "help")
