"""The library by itself, as a user would write it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
SINUSOID = ROOT / "examples" / "sinusoid.py"


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sinusoid_prints_a_row_a_setting(capsys):
    load(SINUSOID).main(iterations=2, tests=3, seed=0)
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split()[:2] for row in rows] == [
        ["exact", "1"],
        ["first_order", "10"],
        ["lazy", "10"],
    ]
    assert all(len(re.findall(r"\d+\.\d{3} ± *\d+\.\d{3}", row)) == 3 for row in rows)


def test_sinusoid_meta_learns():
    sinusoid = load(SINUSOID)
    _, estimator, horizon = sinusoid.SETTINGS[-1]

    def error(iterations):
        torch.manual_seed(0)
        draw = torch.Generator().manual_seed(0)
        problem, theta = sinusoid.meta_train(estimator, horizon, iterations, draw)
        draw = torch.Generator().manual_seed(1)
        tests = [sinusoid.errors(problem, theta, sinusoid.sinusoid(10, draw)) for _ in range(50)]
        return torch.tensor(tests).mean(0)[-1]

    assert error(100) < 0.8 * error(0)


def test_the_library_needs_neither_dvc_nor_prefect():
    program = f"""
import runpy, sys
runpy.run_path({str(SINUSOID)!r})
sys.exit(any(name in sys.modules for name in ("dvc", "prefect", "pandas", "tensorboard")))
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
