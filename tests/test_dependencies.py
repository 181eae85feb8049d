"""Every import is declared where it is needed, and what is declared is needed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {"lazyleap", "stages", "pipeline", "tests", "benchmarks", "examples"}
OUTSIDE = ("tests/extensions/outside/", "examples/web/node_modules/")
WITH_ONNX = (
    "lazyleap/onnxfile.py",
    "lazyleap/classifiers/files.py",
    "lazyleap/classifiers/look.py",
)
PART_OF = {"pydantic-core": "pydantic", "ruamel-yaml-clib": "ruamel-yaml"}
RUN = {  # asked for without an import
    "onnxscript": "torch.onnx.export",
    "fastapi": "Prefect, pinned",
    "sqlalchemy": "Prefect, pinned",
    "dvc": "a program",
    "dvc-s3": "dvc",
    "flask": "moto.server",
    "flask-cors": "moto.server",
    "ruff": "a program",
    "mypy": "a program",
    "pytest-xdist": "pytest -n",
    "pytest-timeout": "pytest",
    "types-pyyaml": "mypy",
    "pandas-stubs": "mypy",
}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def named(lines: list[str]) -> set[str]:
    """Distributions of requirement lines; those of an extra of ours are added."""
    found: set[str] = set()
    for line in lines:
        name, extras = re.match(r"([\w.-]+)(?:\[([^]]*)\])?", line).groups()
        if plain(name) == "lazyleap":
            found |= set.union(*(extra(one) for one in extras.split(",")))
        else:
            found.add(plain(name))
    return found


def extra(name: str) -> set[str]:
    return named(PROJECT["optional-dependencies"][name])


def asked() -> set[str]:
    """What requirements.in names."""
    lines = (ROOT / "requirements.in").read_text().splitlines()
    return named([line for line in lines if line and not line.startswith("#")])


@cache
def _homes() -> dict[str, list[str]]:
    """The distributions of each package; reads the list of files of every one, so once."""
    return dict(packages_distributions())


def imported(path: Path) -> set[str]:
    """Distributions that a file imports, wherever in it, but for what it tries and goes without."""
    homes, found = _homes(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("importorskip"):
            names = [ast.literal_eval(node.args[0])]
        else:
            continue
        for top in {name.split(".")[0] for name in names} - OURS - sys.stdlib_module_names:
            found |= {plain(home) for home in homes.get(top, [top])}
    return {PART_OF.get(name, name) for name in found}


def files(folder: str) -> list[Path]:
    paths = (ROOT / folder).rglob("*.py")
    return [p for p in paths if not p.relative_to(ROOT).as_posix().startswith(OUTSIDE)]


def allowed(path: Path) -> set[str]:
    """What an installation must have where this file is used."""
    place, found = path.relative_to(ROOT), named(PROJECT["dependencies"])
    exports = place.parent.name == "onnx" or place.name == "export.py"
    if exports or place.as_posix() in WITH_ONNX:
        found |= extra("export")
    if place.name == "fonts.py":
        found |= extra("glyphs")
    return found | {"stages": extra("stages"), "pipeline": extra("pipeline")}.get(
        place.parts[0], set()
    )


@pytest.mark.parametrize("folder", ["lazyleap", "stages", "pipeline"])
def test_what_is_imported_is_a_dependency_of_its_extra(folder):
    missing = {
        str(path.relative_to(ROOT)): more
        for path in files(folder)
        if (more := imported(path) - allowed(path))
    }
    assert missing == {}


def test_what_is_imported_anywhere_is_asked_for():
    every = {path: imported(path) for folder in sorted(OURS) for path in files(folder)}
    outside = {"neumann", "nets", "sinusoids", "neural-fields"}  # modules of users, and as theirs
    used = set.union(*every.values()) - outside
    assert used - asked() == set()
    assert asked() - used - RUN.keys() == set()
    declared = named(PROJECT["dependencies"]) | extra("pipeline")
    assert declared - asked() == set()
    assert RUN.keys() - asked() == set()


def test_what_is_asked_for_is_pinned():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = {plain(line.split("==")[0].split("[")[0]) for line in lines if "==" in line}
    assert asked() - pins == set()
