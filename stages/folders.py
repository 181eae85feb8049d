"""Where each stage puts what it makes, from the project's root. All but raw data carry the grid."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def raw(dataset: str) -> Path:
    """Downloaded archives, shared by all grids."""
    return Path("data/raw") / dataset


def validated(grid: str) -> Path:
    """The constant file that says the parameters were checked."""
    return Path("artifacts/validate") / grid


def prepared(grid: str, task: str) -> Path:
    """All of a task; ``train/`` and ``test/`` below it never meet."""
    return Path("data/prepare") / grid / task


def images(grid: str, task: str, side: Literal["train", "test"]) -> Path:
    """Arrays of a task's one side, and what was drawn of them for all settings."""
    return prepared(grid, task) / side / "images"


def surrogate(grid: str, task: str, name: str) -> Path:
    """A classifier that attacks are learned from: on the side of training."""
    return prepared(grid, task) / "train" / "surrogates" / name


def target(grid: str, task: str, name: str) -> Path:
    """A classifier to be attacked: on the side of the test."""
    return prepared(grid, task) / "test" / "targets" / name


def trained(grid: str, run: str) -> Path:
    """Meta-learned parameters: equal bytes for equal settings."""
    return Path("artifacts/train") / grid / run


def record(grid: str, run: str) -> Path:
    """Times, memory, TensorBoard events: different at every run."""
    return Path("artifacts/record") / grid / run


def evaluated(grid: str, run: str) -> Path:
    """Metrics and curves of one run."""
    return Path("artifacts/evaluate") / grid / run


def exported(grid: str, run: str) -> Path:
    """ONNX model, its card and its parity."""
    return Path("artifacts/export") / grid / run


def fidelity(grid: str, run: str) -> Path:
    """Estimators beside the exact gradient at one run's theta; asked for, or made on demand."""
    return record(grid, f"{run}.fidelity.json")


def results(grid: str) -> Path:
    """The report; in git for the recorded grids."""
    return Path("results") / grid


def scratch(grid: str, run: str, fingerprint: str) -> Path:
    """Checkpoints and live events of a run in progress; git-ignored, gone when it ends well."""
    return Path(".scratch") / grid / run / fingerprint
