"""Projects and grids begin here: ``lazyleap grid new`` and ``lazyleap grid list``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lazyleap.errors import InputError
from pipeline import project
from pipeline.commands.answers import Answer
from pipeline.plan import plan

RUN = "lazyleap run"


def new(name: str | None, begin_with: Callable[[], str] | None = None) -> Answer:
    """Lay out a project where there is none, and in it the grid ``name``, if one is given.

    A grid begins as a copy of the top params.yaml, or with what ``begin_with`` answers; one that is
    there is kept.

    Raises:
        InputError: for a name that cannot be one, or without a name in a project.
    """
    content: dict[str, object] = {"project": None, "grid": name, "params": None}
    shown: list[str] = []
    if project.root() is None:
        content["project"] = str(begin())
        shown.append(_begun())
    elif name is None:
        raise InputError("grid new: needs a name here, in a project: lazyleap grid new NAME")
    else:
        project.enter()
    if name is not None:
        parameters = begin_with() if begin_with else Path("params.yaml").read_text()
        path = project.new_grid(name, parameters)
        plan(name)  # checked whole
        content["params"] = path.as_posix()
        shown.append(f"{path}: edit it, then: {RUN} --grid {name}")
    return Answer(content, shown)


def begin() -> Path:
    """Lay out a project in the current folder; its root."""
    project.lay_out(Path())
    return project.enter()


def _begun() -> str:
    return f"a project in {Path.cwd()}: edit params.yaml, then: {RUN}"


def listed() -> Answer:
    """The top grid and those of grids/, each with the number of its settings."""
    names = [None, *sorted(path.parent.name for path in Path("grids").glob("*/params.yaml"))]
    rows = [{"grid": (p := plan(name)).grid, "settings": len(p.runs)} for name in names]
    return Answer(rows, [f"{row['grid']}: {row['settings']} settings" for row in rows])
