"""Which tests reach which lines of the library, and how long each takes: a pytest plugin."""

from __future__ import annotations

import ast
import builtins
import json
import time
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

OPENED = 0.5  # CPU seconds that importing a file of tests costs
NOTE = "__reached__"  # among the builtins: where every statement of a function writes its line


class Reach:
    """Watches the lines of ``lazyleap`` while each test runs, its fixtures with it.

    Every statement in a function of the library first notes its line. What is run at import,
    before any test, is no test's: it counts for all that reach the file.
    """

    def __init__(self, root: Path, out: Path) -> None:
        self.prefix, self.out = f"{root}/lazyleap/", out
        self.noted: set[tuple[str, int]] = set()
        self.found: dict[str, dict[str, Any]] = {}
        self.passed: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self) -> None:
        """From now on, before a conftest imports it, the library is compiled with notes in it."""
        setattr(builtins, NOTE, self.noted.add)
        plain, prefix = SourceFileLoader.source_to_code, self.prefix

        def source_to_code(loader: Any, data: Any, path: Any, **options: Any) -> CodeType:
            if not str(path).startswith(prefix):
                code: CodeType = plain(loader, data, path, **options)
                return code
            tree = Notes(str(path).removeprefix(prefix)).visit(ast.parse(data))
            return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)

        SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """One test with its fixtures."""
        self.noted.clear()
        started = time.process_time()
        yield
        files: dict[str, list[int]] = {}
        for name, line in sorted(self.noted):
            files.setdefault(name, []).append(line)
        self.found[item.nodeid] = {"seconds": time.process_time() - started, "files": files}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tests that are skipped or fail kill nothing."""
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)
        elif report.failed:
            self.passed.discard(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write what was found."""
        kept = {name: one for name, one in self.found.items() if name in self.passed}
        self.out.write_text(json.dumps(kept))


class Notes(ast.NodeTransformer):
    """Before each statement of a function a note of the file and the line."""

    def __init__(self, file: str) -> None:
        self.file = file

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """The docstring stays the first statement."""
        words = node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
        node.body = [*words, *self._noted(node.body[len(words) :])]
        return node

    def _noted(self, body: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in body:
            found += ast.parse(f"{NOTE}(({self.file!r}, {statement.lineno}))").body
            found.append(self._inside(statement))
        return found

    def _inside(self, statement: ast.stmt) -> ast.stmt:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            visited: ast.stmt = self.visit(statement)
            return visited
        for name in ("body", "orelse", "finalbody"):
            if part := getattr(statement, name, None):
                setattr(statement, name, self._noted(part))
        for handler in getattr(statement, "handlers", []):
            handler.body = self._noted(handler.body)
        return statement


def killers(
    reach: dict[str, dict[str, Any]], file: str, lines: tuple[int, int], seconds: float
) -> list[str]:
    """Tests that reach the lines, the likeliest first; ``seconds`` in all.

    Likely to notice a fault soon is a quick test, one that reaches little else, and one that is
    named after the file. Where no test reaches the lines, they ran at import: then any test may,
    and those that reach the file come first.
    """
    name = file.removeprefix("lazyleap/")
    wanted = set(range(lines[0], lines[1] + 1))
    there = {t: one for t, one in reach.items() if wanted & set(one["files"].get(name, ()))}
    found, spent, opened = [], 0.0, set[str]()
    for test, one in sorted((there or reach).items(), key=lambda item: _price(*item, name)):
        place = test.split("::")[0]
        cost = one["seconds"] + (0.0 if place in opened else OPENED)
        if spent + cost > seconds and found:
            continue
        found.append(test)
        opened.add(place)
        spent += cost
    return found


def _price(test: str, one: dict[str, Any], name: str) -> tuple[bool, float, str]:
    broad = 1 + sum(map(len, one["files"].values())) / 300
    its_own = test.split("::")[0].endswith(f"/test_{Path(name).name}")
    return name not in one["files"], one["seconds"] * broad * (0.15 if its_own else 1), test
