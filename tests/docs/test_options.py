"""Every ``lazyleap`` command of the documents has only options and arguments that there are."""

from __future__ import annotations

import shlex

import pytest
from typer.main import get_command

from pipeline.cli import app
from tests.docs.commands import commands

ANSWERED = ("--help", "--install-completion")  # while it is read
TYPED = [c for c in commands() if c.startswith("lazyleap ") and not {*c.split()} & {*ANSWERED}]


def read(command: str) -> str:
    """The name of what would run."""
    found, name, words = get_command(app), "lazyleap", shlex.split(command)[1:]
    while True:
        context = found.make_context(name, words)
        if not hasattr(found, "resolve_command"):
            return name
        left = [*context._protected_args, *context.args]
        name, found, words = found.resolve_command(context, left)


@pytest.mark.parametrize("command", TYPED)
def test_a_command_is_one_that_there_is(command: str) -> None:
    assert read(command) in command.split()


def test_an_option_that_is_not_there_is_noticed() -> None:
    with pytest.raises(Exception, match="--sedes"):
        read("lazyleap study confirm mine --sedes 1,2")
