"""What each stage reads of a setting: all it is given, and all that makes it run again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lazyleap import registry
from lazyleap.blocks import Block, TaskOptions
from lazyleap.places import place
from lazyleap.setting import PLAIN, Setting

MORE = {  # of a setting, besides what all stages read
    "train": ("device", "surrogates"),
    "evaluate": ("device", "targets", "overrides"),
    "export": ("surrogates",),
}
NAMED = {"dataset": "reader", "model": "backbone"}  # keys of a task's blocks that may name code


def view(setting: Setting, stage: str) -> dict[str, Any]:
    """As plain numbers and words, for JSON; :meth:`Setting.of` reads it.

    Training is not told the options that its algorithm's ``AT_TEST`` names (all, if it is not
    ``TRAINED``), and no other stage how the estimator works.
    """
    algorithm, options = setting.algorithm_class, setting.algorithm_options.model_dump(mode="json")
    found = {
        **{key: plain(getattr(setting, key)) for key in PLAIN},
        **{key: plain(getattr(setting, key)) for key in MORE[stage]},
        **_of_run(setting, task_view(setting.task, stage)),
        "algorithm_class": place(algorithm),
        "algorithm_options": options,
        "estimator_options": setting.estimator_options.model_dump(mode="json"),
    }
    if stage != "train":
        return found
    later = getattr(algorithm, "AT_TEST", ()) if getattr(algorithm, "TRAINED", True) else options
    options = {key: option for key, option in options.items() if key not in later}
    estimator = place(setting.estimator_class)
    return found | {"algorithm_options": options, "estimator_class": estimator}


def _of_run(setting: Setting, seen: dict[str, Any]) -> dict[str, Any]:
    """The task's budget as the run has it, so that one with a budget of its own knows no other."""
    training = seen["task"].get("training", {})
    if "meta_iterations" in training:
        training["meta_iterations"] = setting.meta_iterations
    return seen


def plain(value: Any) -> Any:
    """A tuple as a list, in it too; any other mapping as a dict."""
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return dict(value) if isinstance(value, Mapping) else value


def task_view(task: TaskOptions, stage: str) -> dict[str, Any]:
    """What a stage reads of a task's block, and the classes that it is read by."""
    seen = picked(task.model_dump(mode="json"), registry.reads(task.kind, stage))
    blocks = {key: part for key, part in task if key in seen and isinstance(part, Block)}
    return {
        "task": seen,
        "task_class": place(type(task)),
        "task_blocks": {key: place(type(part)) for key, part in blocks.items()},
    }


def users(view: Mapping[str, Any]) -> list[str]:
    """Places of a user's code that the task of a :func:`view` names."""
    words = [view["task"].get(block, {}).get(key) for block, key in NAMED.items()]
    return [word for word in words if word and ":" in word]


def picked(block: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Of a block the kind and some ``keys``; ``training.way`` is one of a block in it."""
    found: dict[str, Any] = {"kind": block["kind"]}
    for key in keys:
        first, _, rest = key.partition(".")
        inner = {rest: block[first][rest]} if rest else block[first]
        found[first] = found.get(first, {}) | inner if isinstance(inner, dict) else inner
    return found
