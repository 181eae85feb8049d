"""Which tests reach which lines of the library, and how long each takes: a pytest plugin."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest


class Reach:
    """Watches the lines of ``lazyleap`` while each test runs, its fixtures with it.

    What is run at import, before any test, is no test's: it counts for all that reach the file.
    """

    def __init__(self, root: Path, out: Path) -> None:
        self.prefix, self.out = f"{root}/lazyleap/", out
        self.lines: set[tuple[str, int]] = set()
        self.found: dict[str, dict[str, Any]] = {}
        self.passed: set[str] = set()

    def trace(self, frame: FrameType, event: str, value: object) -> Any:
        """For ``sys.settrace``: only the library's frames are looked into."""
        return self._line if frame.f_code.co_filename.startswith(self.prefix) else None

    def _line(self, frame: FrameType, event: str, value: object) -> Any:
        self.lines.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """One test with its fixtures."""
        self.lines, started = set(), time.process_time()
        threading.settrace(self.trace)
        sys.settrace(self.trace)
        yield
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        files: dict[str, list[int]] = {}
        for name, line in sorted(self.lines):
            files.setdefault(name.removeprefix(self.prefix), []).append(line)
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


def killers(
    reach: dict[str, dict[str, Any]], file: str, lines: tuple[int, int], seconds: float
) -> list[str]:
    """Tests that reach the lines, of many files in turn, the quickest first; ``seconds`` in all.

    Where no test reaches them (they ran at import), those that reach the file.
    """
    name = file.removeprefix("lazyleap/")
    near = {test: one for test, one in reach.items() if name in one["files"]}
    wanted = set(range(lines[0], lines[1] + 1))
    there = {t: one for t, one in near.items() if not wanted.isdisjoint(one["files"][name])}
    by_file: dict[str, list[str]] = {}
    for test in sorted(there or near, key=lambda t: near[t]["seconds"]):
        by_file.setdefault(test.split("::")[0], []).append(test)
    rounds = [
        (place, near[test]["seconds"], test)
        for tests in by_file.values()
        for place, test in enumerate(tests)
    ]
    found, spent = [], 0.0
    for _, cost, test in sorted(rounds):
        if spent + cost > seconds and found:
            continue
        found.append(test)
        spent += cost
    return found
