"""What a setting is called and which colour and shape it has: the same in every table and chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lazyleap.compatibility import ALGORITHMS
from lazyleap.settings import Setting


@dataclass(frozen=True)
class Hue:
    """A colour on white and its twin on black; both at least 3:1 there."""

    light: str
    dark: str


# Warm hues are the lazy family, cool ones the rivals; told apart with red-green blindness too.
HUES: dict[str, Hue] = {
    "lazy, start": Hue("#d55e00", "#ff8a3c"),
    "lazy, start, several leaps": Hue("#8c2d04", "#e8674a"),
    "lazy, end": Hue("#b07a00", "#f0c04a"),
    "lazy, other placement": Hue("#a8497c", "#e58fbd"),
    "exact": Hue("#0072b2", "#4db2ec"),
    "unrolled": Hue("#3d8fbf", "#8fd0f2"),
    "first_order": Hue("#00805c", "#2fc79b"),
    "reptile": Hue("#6a4c93", "#b79be0"),
    "implicit": Hue("#5f6368", "#b0b5bb"),
    "baseline": Hue("#7a6f45", "#c9bd8a"),
}
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3])


def family(setting: Setting) -> str:
    """The key of :data:`HUES` that a setting is drawn in."""
    if setting.estimator != "lazy":
        return "baseline" if setting.estimator == "none" else setting.estimator
    if setting.placement == "start":
        return "lazy, start, several leaps" if (setting.leaps or 1) > 1 else "lazy, start"
    return "lazy, end" if setting.placement == "end" else "lazy, other placement"


def colour(setting: Setting) -> str:
    """A setting's colour on white."""
    return HUES[family(setting)].light


def shape(setting: Setting) -> str:
    """A setting's marker: one an algorithm."""
    return SHAPES[rank(setting.algorithm)]


def dash(algorithm: str) -> list[int]:
    """The line of a curve: one pattern an algorithm."""
    return DASHES[rank(algorithm)]


def rank(algorithm: str) -> int:
    """An algorithm's place among :data:`SHAPES` and :data:`DASHES`, the same in every chart."""
    return ALGORITHMS.index(algorithm) % len(SHAPES)


def words(placement: str | Sequence[int] | None) -> str | None:
    """A placement as one CSV cell: its word, or its steps with spaces between."""
    if placement is None or isinstance(placement, str):
        return placement
    return " ".join(str(step) for step in placement)


def series(setting: Setting) -> str:
    """A setting's name without its horizon: what one line of a chart joins."""
    return ", ".join([_head(setting), *_lazy(setting), *_overrides(setting)])


def label(setting: Setting) -> str:
    """A setting's name without its seed: ``maml lazy k=20, start, 3 leaps``."""
    head = _head(setting)
    if setting.estimator == "none":  # a baseline, which has no inner steps
        return series(setting)
    return series(setting).replace(head, f"{head} k={setting.horizon}", 1)


def short(setting: Setting) -> str:
    """The same where only attacks are, without what all learned ones have in common."""
    return label(setting).removeprefix("meta_attack ")


def _head(setting: Setting) -> str:
    if setting.estimator == "none":
        return setting.algorithm
    return f"{setting.algorithm} {setting.estimator}"


def _lazy(setting: Setting) -> list[str]:
    if setting.estimator != "lazy":
        return []
    placement = words(setting.placement)
    named = isinstance(setting.placement, str)
    parts = [str(placement) if named else f"steps {placement}"]
    if named and (setting.leaps or 1) > 1:
        parts.append(f"{setting.leaps} leaps")
    return parts if setting.lam in (None, 1.0) else [*parts, f"lam={setting.lam:g}"]


def _overrides(setting: Setting) -> list[str]:
    """What the run sets against its algorithm's and task's own values."""
    parts = []
    own_step = getattr(setting.algorithm_options, "weighted_step", None)
    if setting.weighted_step != own_step:
        parts.append(f"weighted {setting.weighted_step}")
    if setting.inner_lr != getattr(setting.algorithm_options, "inner_lr", None):
        parts.append(f"inner_lr={setting.inner_lr:g}")
    if setting.meta_iterations not in (0, setting.task.training.meta_iterations):
        parts.append(f"{setting.meta_iterations} iterations")
    return parts
