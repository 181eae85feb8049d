"""An interrupt, which may come while a program still loads, is one sentence; an error is not."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT


def ended(program: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", program]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", ["stages", "pipeline"])
def test_an_interrupt_is_a_sentence(package):
    done = ended(f"import {package}; raise KeyboardInterrupt")
    assert (done.stderr, done.returncode) == ("error: interrupted\n", -signal.SIGINT)


@pytest.mark.parametrize("package", ["stages", "pipeline"])
def test_what_nobody_foresaw_is_shown_where_it_was_raised(package):
    done = ended(f"import {package}; raise KeyError('nobody foresaw this')")
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("KeyError: 'nobody foresaw this'\n")
    assert done.returncode == 1
