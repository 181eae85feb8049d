"""Which source files a program imports, on packages made for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from stages.imports import Sources

FILES = {
    "app.py": "import top\nfrom pkg import Lazy, sub\nfrom pkg.deep.leaf import thing\n",
    "top.py": "def f():\n    import inside\n",
    "inside.py": "import json, numpy\n",
    "pkg/__init__.py": (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from pkg.lazy import Lazy as Lazy\n    from pkg.other import Other\n"
        "def __getattr__(name):\n    from importlib import import_module\n"
        "    return getattr(import_module('pkg.lazy'), name)\n"
    ),
    "pkg/lazy.py": (
        "import typing\nif typing.TYPE_CHECKING:\n    import unused\nelse:\n    import used\n"
        "class Lazy: pass\n"
    ),
    "pkg/other.py": "class Other: pass\n",
    "pkg/sub.py": "from . import sibling\nfrom .deep import *\n",
    "pkg/sibling.py": "",
    "pkg/deep/__init__.py": "from .. import parent\n",
    "pkg/deep/leaf.py": "thing = 1\n",
    "pkg/parent.py": "",
    "used.py": "",
    "unused.py": "",
}
LOADED = {"app.py", "top.py", "used.py", *(f for f in FILES if f.startswith("pkg/"))} - {
    "pkg/other.py"
}


def made(folder: Path) -> Path:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_it_finds_what_python_loads_and_what_functions_may(tmp_path: Path) -> None:
    folder = made(tmp_path / "code")
    found = {p.relative_to(folder).as_posix() for p in Sources([folder]).closure("app")}
    assert found == LOADED | {"inside.py"}  # which a function that was not called imports
    files = "str(getattr(m, '__file__', '')) for m in [*sys.modules.values()]"
    listing = f"import sys, app; print(*({files}))"
    done = subprocess.run(
        [sys.executable, "-c", listing], cwd=folder, capture_output=True, text=True, check=True
    )
    loaded = {Path(word) for word in done.stdout.split() if word.startswith(str(folder))}
    assert {path.relative_to(folder).as_posix() for path in loaded} == LOADED


def test_the_first_root_that_has_a_module_is_the_one_used(tmp_path: Path) -> None:
    mine, ours = made(tmp_path / "mine"), made(tmp_path / "ours")
    (mine / "app.py").write_text("import top\nimport only\n")
    (ours / "only.py").write_text("")
    found = Sources([mine, ours]).closure("app", "no_such_module")
    assert found == {mine / "app.py", mine / "top.py", mine / "inside.py", ours / "only.py"}
