"""The tables of an attack: a row a method and target, seeds taken together; and who is who."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from stages import folders
from stages.reporting.compare import Group
from stages.reporting.inputs import Finished, parse
from stages.reporting.naming import words
from stages.reporting.schema import AttackMetrics, Share, Surrogate
from stages.reporting.tables import mib, percent, queries, seconds, shown

ALL = "all targets"
COLUMNS = (
    *("algorithm", "estimator", "k", "placement", "seeds", "success %", "n"),
    *("mean queries", "median queries", "with failures", "mean L2", "CPU", "memory"),
)


def metrics(run: Finished) -> AttackMetrics:
    """A run's metrics, which are those of an attack."""
    assert isinstance(run.metrics, AttackMetrics)
    return run.metrics


@dataclass(frozen=True)
class Classifier:
    """A surrogate or a target in words."""

    name: str
    role: str
    architecture: str
    accuracy: str
    images: str


def by_target(groups: Sequence[Group]) -> dict[str, list[tuple[Group, dict[str, str]]]]:
    """Rows of all targets together, and of each where there are several; :data:`COLUMNS`."""
    targets = list(metrics(groups[0].first).targets)
    found = {ALL if len(targets) > 1 else targets[0]: [(g, _row(g, "")) for g in groups]}
    if len(targets) > 1:
        found |= {target: [(g, _row(g, f"@{target}")) for g in groups] for target in targets}
    return found


def table(found: dict[str, list[tuple[Group, dict[str, str]]]]) -> str:
    """All of them as Markdown; columns that are empty everywhere are left out."""
    rows = [{"target": target} | row for target, own in found.items() for _, row in own]
    frame = pd.DataFrame(rows)
    return str(frame.loc[:, (frame != "").any()].to_markdown(index=False, disable_numparse=True))


def classifiers(group: Group) -> list[Classifier]:
    """The task's surrogates, then its targets, with their accuracies."""
    run = group.first
    return [*(_surrogate(run, name) for name in run.setting.surrogates), *_targets(run)]


def _row(group: Group, at: str) -> dict[str, str]:
    setting = group.first.setting
    plain = setting.estimator == "none"
    leaps = f", {setting.leaps} leaps" if (setting.leaps or 1) > 1 else ""
    success = metrics(group.first).metrics[f"success{at}"]
    trained = group.first.record.meta_iterations > 0
    return {
        "algorithm": setting.algorithm,
        "estimator": "" if plain else setting.estimator,
        "k": "" if plain else str(setting.horizon),
        "placement": f"{words(setting.placement) or ''}{leaps}",
        "seeds": str(len(group.runs)),
        "success %": _cell(group, f"success{at}").removesuffix(" %"),
        "n": f"{success.n:,}",
        "mean queries": _cell(group, f"queries_mean{at}"),
        "median queries": _median(group, f"queries_median{at}"),
        "with failures": _cell(group, f"queries_mean_all{at}"),
        "mean L2": _cell(group, f"l2{at}"),
        "CPU": seconds(group.cpu_seconds) if trained else "",
        "memory": mib(group.memory_mib) if trained else "",
    }


def _cell(group: Group, metric: str) -> str:
    """A dash where a seed has no such score: no success, or one alone, which has no interval."""
    found = group.under(metric)
    return shown(metric, found.value, found.half) if found else "-"


def _median(group: Group, metric: str) -> str:
    """With the interval's ends for one seed, as it is not symmetric."""
    found = group.under(metric)
    if found is None:
        return "-"
    score = metrics(group.first).metrics[metric]
    if len(group.runs) > 1 or score.low is None or score.high is None:
        return queries(found.value, found.half)
    return f"{score.value:,.0f} [{score.low:,.0f}, {score.high:,.0f}]"


def _surrogate(run: Finished, name: str) -> Classifier:
    path = folders.surrogate(run.setting.grid, run.setting.task_name, name) / "classifier.json"
    if not path.is_file():
        return Classifier(name, "surrogate", "-", "not at hand", "")
    found = parse(path, Surrogate)
    return Classifier(
        name, "surrogate", found.architecture, _share(found.accuracy), found.accuracy_of
    )


def _targets(run: Finished) -> list[Classifier]:
    return [
        Classifier(
            name,
            "target",
            found.architecture or "own ONNX file",
            _share(found.accuracy),
            "all test images",
        )
        for name, found in metrics(run).targets.items()
    ]


def _share(share: Share) -> str:
    return f"{percent(share.value, share.ci95)} of {share.n:,}"
