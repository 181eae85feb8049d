"""Tables of the command line: nothing of them is cut off."""

from __future__ import annotations

import sys

import pytest

from pipeline.commands import answers

LONG = "maml lazy k=10 (growth 3 until 0.69, placement 0 1 2, rest secants)" + " and more" * 9
ROW = (LONG, "34.47 (33.06 .. 35.87)", "-0.20", "undecided")


def shown(capsys):
    answers.give(
        answers.Answer(None, (answers.table(("setting", "score", "gap", "v"), [ROW]),)), False
    )
    return capsys.readouterr().out


def test_a_file_gets_each_row_on_a_line_of_its_own(capsys):
    _, row = shown(capsys).splitlines()
    assert row.split("  ")[0] == LONG
    assert [cell for cell in ROW if cell not in row] == []


def test_a_narrow_terminal_gets_all_of_it_wrapped(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")  # no colours
    monkeypatch.setenv("COLUMNS", "80")
    lines = shown(capsys).splitlines()
    assert max(map(len, lines)) <= 80
    letters = "".join(sorted("".join(lines[1:]).replace(" ", "")))
    assert letters == "".join(sorted("".join(ROW).replace(" ", "")))


@pytest.mark.parametrize("head", ["setting", ""])
def test_a_short_table_is_as_narrow_as_it_is(capsys, head):
    answers.give(answers.Answer(None, (answers.table((head, ""), [("a", "b")]),)), False)
    assert all(len(line) < 20 for line in capsys.readouterr().out.splitlines())
