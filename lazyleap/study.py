"""A study in two grids: rates chosen on validation with one seed, confirmed with others.

Settings are compared fairly if each was tuned as much as the others. From a base grid, a run a
setting, come a tuning grid, each setting at every one of the same few rates, and, once that has
run, a confirmation grid: each setting at the rates that did best in validation, with fresh seeds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from lazyleap.errors import InputError
from lazyleap.setting import RATE, Setting
from lazyleap.settings import Settings, resolve
from lazyleap.yamledit import flow

Run = dict[str, Any]
TUNED, SEEDED = "-t", "-s"  # between the name of a setting and a number


def tuning(
    settings: Settings,
    runs: Mapping[str, Run],
    outer: Sequence[float],
    inner: Sequence[float],
    plain: Sequence[float] = (),
) -> dict[str, Run]:
    """Each run at every choice of the rates that it has: ``NAME-t1``, ``NAME-t2``, ...

    Args:
        settings: the base grid, checked.
        runs: its runs as its file has them.
        outer: of the meta-parameters' optimiser; empty: as it is, also where there is none.
        inner: the same of the inner loop.
        plain: the same of a classifier in training, as of a long tail.

    Raises:
        InputError: if two runs are one setting with two seeds, or no rate is given.
    """
    if not (outer or inner or plain):
        raise InputError("study: nothing to tune: give some rates")
    _check_one_seed(runs)
    found = {}
    for name, run in runs.items():
        own = resolve(settings, name)
        outers = outer if _has(own, "outer") else ()
        inners = inner if _has(own, "inner_lr") else ()
        plains = plain if hasattr(own.task.training, RATE) else ()
        choices = product(outers or (None,), inners or (None,), plains or (None,))
        for number, rates in enumerate(choices, start=1):
            found[f"{name}{TUNED}{number}"] = _at(run, *rates)
    return found


def _has(setting: Setting, rate: str) -> bool:
    """Whether it is trained with it: a control that is not trained is the same at any rate."""
    return setting.meta_iterations > 0 and setting.option(rate) is not None


def _check_one_seed(runs: Mapping[str, Run]) -> None:
    seen: dict[str, str] = {}
    for name, run in runs.items():
        core = repr(sorted((key, value) for key, value in run.items() if key != "seed"))
        if core in seen:
            raise InputError(
                f"study: runs '{seen[core]}' and '{name}' differ by seed alone: a base grid has "
                "one run a setting"
            )
        seen[core] = name


def _at(run: Run, outer: float | None, inner: float | None, plain: float | None) -> Run:
    nested = None if outer is None else run.get("outer", {}) | {"lr": outer}
    changed = {"outer": nested, "inner_lr": inner, RATE: plain}
    return run | {key: value for key, value in changed.items() if value is not None}


def confirmation(
    runs: Mapping[str, Run], scores: Mapping[str, float | None], seeds: Sequence[int]
) -> dict[str, Run]:
    """Of the runs of a tuning grid the best a setting, with each of ``seeds``: ``NAME-s1``, ...

    Args:
        runs: of the tuning grid, as its file has them.
        scores: what validation said of each, larger is better; of equals the first is taken.
            None: it has no score.
        seeds: those that nothing was chosen with.

    Raises:
        InputError: if one is missing, twice, or that of the tuning.
    """
    if missing := [name for name in runs if name not in scores]:
        raise InputError(f"study: run '{missing[0]}' of the tuning has no result yet")
    used = {run["seed"] for run in runs.values()}
    if not seeds or len(set(seeds)) < len(seeds) or used & set(seeds):
        raise InputError(
            f"study: seeds {list(seeds)}: want some, each once, and none that rates were chosen "
            f"with ({', '.join(map(str, sorted(used)))})"
        )
    best = chosen(scores)
    return {
        f"{setting}{SEEDED}{seed}": runs[name] | {"seed": seed}
        for setting, name in best.items()
        for seed in seeds
    }


def chosen(scores: Mapping[str, float | None]) -> dict[str, str]:
    """Of each setting the run of the tuning with the best score."""
    found: dict[str, str] = {}
    for name, score in scores.items():
        setting = setting_of(name)
        if setting not in found or rank(score) > rank(scores[found[setting]]):
            found[setting] = name
    return found


def rank(score: float | None) -> float:
    """By which scores are compared; one that is missing is below all others."""
    return -math.inf if score is None else score


def setting_of(run: str) -> str:
    """What a run of the tuning is of."""
    return run.rpartition(TUNED)[0]


def shared_name(seeds: Mapping[str, int]) -> str | None:
    """What runs of a confirmation have in common: of ``NAME-s1``, ``NAME-s2`` it is ``NAME``.

    Args:
        seeds: the seed of each run, by its name.
    """
    names = {
        run.removesuffix(f"{SEEDED}{seed}") if run.endswith(f"{SEEDED}{seed}") else None
        for run, seed in seeds.items()
    }
    return names.pop() if len(names) == 1 else None


def with_runs(text: str, runs: Mapping[str, Run]) -> str:
    """A params.yaml with other runs, a line each; all else of ``text`` stays, comments too."""
    block = "".join(f"  {name}: {flow(run)}\n" for name, run in runs.items())
    found = re.sub(r"(?ms)^runs:.*?(?=^[^\s#]|\Z)", lambda _: f"runs:\n{block}", text, count=1)
    return found.rstrip("\n") + "\n"
