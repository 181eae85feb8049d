"""Library, stages, pipeline: imports go one way, in no circle, and only the library knows names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from lazyleap.registry import TABLES
from tests.conftest import ROOT

LAYERS = ("lazyleap", "stages", "pipeline")  # each may import those before it
NAMES = {name for table in TABLES.values() for name in table} - {"none"}
KNOWING = ("fewshot", "longtail", "attack", "algorithms", "estimators")  # of the library


def module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {module(file): file for top in LAYERS for file in (ROOT / top).rglob("*.py")}


def at_import(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports that run when the module is imported."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            yield from at_import(node.body)


def imported(nodes) -> set[str]:
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & FILES.keys()) or {str(node.module)}
    return found & FILES.keys()


TREES = {name: ast.parse(file.read_text()) for name, file in FILES.items()}
AT_IMPORT = {name: imported(at_import(tree.body)) for name, tree in TREES.items()}


def test_no_layer_imports_a_later_one():
    for name, tree in TREES.items():
        layer = LAYERS.index(name.split(".")[0])
        for other in imported(ast.walk(tree)):
            assert LAYERS.index(other.split(".")[0]) <= layer, f"{name} imports {other}"


def test_no_module_is_imported_in_a_circle():
    open_, done = [], set()

    def visit(name):
        assert name not in open_, " -> ".join([*open_[open_.index(name) :], name])
        if name in done:
            return
        open_.append(name)
        for other in sorted(AT_IMPORT[name]):
            visit(other)
        done.add(open_.pop())

    for name in AT_IMPORT:
        visit(name)


@pytest.mark.parametrize("layer", LAYERS[1:])
def test_stages_and_pipeline_name_no_kind_algorithm_or_estimator(layer):
    for name, tree in TREES.items():
        if name.split(".")[0] != layer:
            continue
        for node in ast.walk(tree):
            word = node.value if isinstance(node, ast.Constant) else None
            assert not isinstance(word, str) or word not in NAMES, f"{name}: '{word}'"
        for other in imported(ast.walk(tree)):
            assert not other.startswith(tuple(f"lazyleap.{part}" for part in KNOWING)), (
                f"{name} imports {other}"
            )
