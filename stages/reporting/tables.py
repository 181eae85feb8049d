"""The tables of a grid: one row a setting and metric as CSV, and a Markdown twin for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from stages.reporting import naming
from stages.reporting.compare import Group, grouped
from stages.reporting.inputs import Finished, Missing

DEFINITIONS: dict[str, str] = {
    "run": "the setting's name in params.yaml",
    "grid": "the set of settings, one params.yaml",
    "task": "the task of params.yaml: data, ways and shots or imbalance, network, budget",
    "dataset": "the data set's name",
    "algorithm": (
        "what is meta-learned: maml a start, meta_sgd a start and rates, anil a body, reweight and "
        "weight_net the weights of examples, meta_attack a predictor of gradients; the baselines "
        "nothing"
    ),
    "estimator": "how the meta-gradient is had: which of the inner steps are differentiated",
    "horizon": "k, the inner steps of meta-training; 1 for a baseline, which has none",
    "leaps": "m, the steps that lazy differentiates; empty for other estimators",
    "placement": "where lazy differentiates: start, end, tail or the steps' own numbers",
    "weighted_step": "which inner step's weights are learned, last or first; of weightings alone",
    "seed": "of everything random in training; what is tested on is the same for all seeds",
    "metric": (
        "accuracy@S: after S inner steps at test time; error, error@GROUP: by class size; of "
        "attacks success, queries_mean and _median and l2 of successes, queries_mean_all (a "
        "failure counts as the budget), each over all targets and as METRIC@TARGET"
    ),
    "value": "mean over the test episodes or images: a fraction of 1; queries; pixels of 0..1 (l2)",
    "ci95": "half-width of the 95% interval of that mean over them, in the same unit",
    "meta_iterations": "updates of the meta-parameters that training made",
    "train_cpu_seconds": "CPU seconds of meta-training, all threads, without validation and logs",
    "peak_memory_mib": "largest memory of training before it validates, MiB (on a GPU: its own)",
    "device": "what training ran on",
    "commit": "the project's git commit that trained it",
}
COLUMNS = list(DEFINITIONS)


def metrics_table(runs: Sequence[Finished]) -> pd.DataFrame:
    """Every metric of every run: fractions, seconds, MiB; columns :data:`COLUMNS`."""
    rows = [_row(run, metric) for run in runs for metric in run.metrics.metrics]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"leaps": "Int64"})


def summary_table(runs: Sequence[Finished]) -> pd.DataFrame:
    """One row a run: its primary metric; same columns."""
    rows = [_row(run, run.metrics.primary) for run in runs]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"leaps": "Int64"})


def _row(run: Finished, metric: str) -> dict[str, Any]:
    setting, score = run.setting, run.metrics.metrics[metric]
    return {
        "run": run.name,
        "grid": setting.grid,
        "task": setting.task_name,
        "dataset": run.metrics.dataset,
        "algorithm": setting.algorithm,
        "estimator": setting.estimator,
        "horizon": setting.horizon,
        "leaps": setting.leaps,
        "placement": naming.words(setting.placement),
        "weighted_step": setting.weighted_step,
        "seed": setting.seed,
        "metric": metric,
        "value": score.value,
        "ci95": score.ci95,
        "meta_iterations": run.record.meta_iterations,
        "train_cpu_seconds": run.record.train_cpu_seconds,
        "peak_memory_mib": run.record.peak_memory_mib,
        "device": run.record.device,
        "commit": run.record.commit,
    }


def markdown(grid: str, runs: Sequence[Finished], missing: Sequence[Missing]) -> str:
    """The Markdown twin of summary.csv, with the seeds taken together where there are several."""
    parts = [f"# Grid `{grid}`: {len(runs)} of {len(runs) + len(missing)} settings finished"]
    if runs:
        parts += ["Percent +- the half-width of the 95% interval over test episodes or images."]
        parts += [_table([_human(run) for run in runs])]
    if seeds := [_seeds(group) for group in grouped(runs) if len(group.runs) > 1]:
        parts += ["## Rows that differ by seed alone, together"]
        parts += ["Mean +- the half-width of the 95% t-interval over seeds.", _table(seeds)]
    if missing:
        parts += ["## Missing", _table([{"run": m.name, "why": m.reason} for m in missing])]
    return "\n\n".join(parts) + "\n"


def percent(value: float, half: float) -> str:
    """Fractions as percent with their half-width."""
    return f"{100 * value:.1f} ± {100 * half:.1f} %"


def seconds(value: float) -> str:
    """Seconds with as many digits as mean something."""
    return f"{value:,.1f} s" if value < 100 else f"{value:,.0f} s"


def mib(value: float) -> str:
    """Mebibytes, whole."""
    return f"{value:,.0f} MiB"


def shown(metric: str, value: float, half: float) -> str:
    """A metric's value with its half-width, in its own unit."""
    name = metric.partition("@")[0]
    if name == "l2":
        return f"{value:.3f} ± {half:.3f}"
    return queries(value, half) if name.startswith("queries") else percent(value, half)


def queries(value: float, half: float) -> str:
    """Numbers of queries with their half-width, with as many digits as mean something."""
    return f"{value:,.0f} ± {half:,.0f}" if value >= 100 else f"{value:.1f} ± {half:.1f}"


ATTACK = {
    "success": "success rate",
    "queries_mean": "mean queries of successes",
    "queries_median": "median queries of successes",
    "queries_mean_all": "mean queries, a failure counted as the whole budget",
    "l2": "mean L2 distance of successes",
}


def metric_words(metric: str) -> str:
    """``accuracy@5`` is ``accuracy after 5 steps``; ``error@few``, ``error, few-shot classes``.

    Of attacks: ``success@NAME`` is ``success rate, target NAME``.
    """
    name, _, step = metric.partition("@")
    if name in ATTACK:
        return ATTACK[name] + (f", target {step}" if step else "")
    if not step:
        return name
    if not step.isdigit():
        return f"{name}, {step}-shot classes"
    return f"{name} after {step} step{'' if step == '1' else 's'}"


def _human(run: Finished) -> dict[str, str]:
    return {
        "run": run.name,
        "task": run.setting.task_name,
        "setting": naming.label(run.setting),
        "seed": str(run.setting.seed),
        "metric": metric_words(run.metrics.primary),
        "value": percent(run.primary.value, run.primary.ci95),
        "meta-iterations": f"{run.record.meta_iterations:,}",
        "training CPU": seconds(run.record.train_cpu_seconds),
        "peak memory": mib(run.record.peak_memory_mib),
        "device": run.record.device,
        "commit": (run.record.commit or "-")[:10],
    }


def _seeds(group: Group) -> dict[str, str]:
    return {
        "task": group.first.setting.task_name,
        "setting": group.label,
        "metric": metric_words(group.metric),
        "mean": percent(group.value, group.spread or 0.0),
        "seeds": str(len(group.runs)),
        "training CPU": seconds(group.cpu_seconds),
        "peak memory": mib(group.memory_mib),
    }


def _table(rows: list[dict[str, str]]) -> str:
    return str(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))
