"""Where a project is and how one begins: a checkout, or a folder for the installed package.

Imports little: it is asked before anything else.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from lazyleap.blocks import NAME
from lazyleap.errors import InputError

HERE = Path(__file__).resolve().parent
HOME = HERE.parent  # of the code
PACKED = HERE / "template"  # where a wheel has what a checkout has at its top
FILES = (
    *("params.yaml", "dvc.yaml", "prefect.toml", ".dvcignore", ".gitignore", ".dvc/.gitignore"),
    *("data/dvc.yaml", "data/datasets.yaml", "data/splits/**/*", "extensions/README.md"),
    "grids/*/params.yaml",
)
OWN = re.compile(r"^extensions: extensions\b", re.M)  # of a grid that needs no code of elsewhere
CONFIG = "[core]\n    analytics = false\n    autostage = false\n"
LOCK = "lazyleap.lock"


def template() -> Path:
    """The folder of the files that a new project begins with."""
    return HOME if (HOME / "dvc.yaml").is_file() else PACKED


def root(start: Path | None = None) -> Path | None:
    """The project that holds the current folder (or ``start``); None outside of any."""
    here = (start or Path.cwd()).resolve()
    return next((path for path in (here, *here.parents) if _is_project(path)), None)


def enter() -> Path:
    """Go to the project's root.

    Raises:
        InputError: outside of any project.
    """
    found = root()
    if found is None:
        raise InputError(
            f"{Path.cwd()}: is in no project; 'lazyleap grid new' lays one out in this folder"
        )
    os.chdir(found)
    return found


def is_empty(folder: Path) -> bool:
    """Whether there is nothing to see in it but a virtual environment."""
    seen = (path for path in folder.iterdir() if not path.name.startswith("."))
    return all((path / "pyvenv.cfg").is_file() for path in seen)


def lay_out(folder: Path) -> list[str]:
    """Write the files of a new project, the default grid, into ``folder``; their names.

    Its stages depend on ``lazyleap.lock`` where a checkout's depend on the source files.

    Raises:
        InputError: if one of them is there already; nothing is written then.
    """
    source = template()
    names = sorted({found.relative_to(source).as_posix() for found in _files(source)})
    for name in (*names, ".dvc/config"):
        if (folder / name).exists():
            raise InputError(f"{folder / name}: is there already; a project begins without it")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        content = (source / name).read_bytes()
        (folder / name).write_bytes(_apart(content.decode()) if name.endswith(".yaml") else content)
    without = "" if _in_git(folder) else "    no_scm = True\n"
    (folder / ".dvc" / "config").write_text(CONFIG + without)
    return names


def new_grid(name: str, parameters: str) -> Path:
    """Write grids/NAME/params.yaml, unless there is one, with ``parameters``, a whole file's text.

    Its folder's place and name are put in.

    Raises:
        InputError: for a name of other signs.
    """
    if not re.fullmatch(NAME, name):
        raise InputError(f"grid '{name}': a name is of a-z, 0-9 and -, and does not begin with -")
    path = Path("grids") / name / "params.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    places = {"root": "../..", "here": f"grids/{name}/", "grid": name}
    for key, value in places.items():
        parameters = re.sub(rf"^{key}: [^ \n]*", f"{key}: {value}", parameters, flags=re.M)
    if not path.exists():
        path.write_text(parameters)
    return path


def _is_project(folder: Path) -> bool:
    return (folder / ".dvc").is_dir() and (folder / "dvc.yaml").is_file()


def _files(source: Path) -> list[Path]:
    found = (path for pattern in FILES for path in source.glob(pattern) if path.is_file())
    return [path for path in found if path.parts[-3] != "grids" or OWN.search(path.read_text())]


def _apart(text: str) -> bytes:
    """The parameters or stages with lazyleap.lock in place of source files as dependencies."""
    text = re.sub(r"(\bsource: )lazyleap/[\w/.]+", rf"\1{LOCK}", text)
    text = re.sub(r"^( +- )lazyleap\n +- stages\n", rf"\1{LOCK}\n", text, flags=re.M)
    return text.encode()


def _in_git(folder: Path) -> bool:
    return any((path / ".git").exists() for path in (folder.resolve(), *folder.resolve().parents))


def seen_from_root(path: Path, root: Path) -> Path:
    """A path as the files of a project name it: from its root, or whole if it is elsewhere."""
    whole = path.resolve()
    return whole.relative_to(root) if whole.is_relative_to(root) else whole
