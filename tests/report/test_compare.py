"""Seeds taken together, ties and budgets: against numbers worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from scipy import stats

from lazyleap.settings import load
from stages.reporting import compare
from stages.reporting.compare import Group
from stages.reporting.inputs import collect
from stages.reporting.verdict import caveats, judge
from tests.report import grid


def groups(root: Path, **accuracy_and_cpu: tuple[float, float]) -> list[Group]:
    """Settings maml exact k = 1, 2, ... in the order given."""
    names = list(accuracy_and_cpu)
    grid.write_params(root, {n: grid.run("exact", k) for k, n in enumerate(names, start=1)})
    for name, (accuracy, cpu) in accuracy_and_cpu.items():
        grid.write_run(root, name, accuracy, cpu)
    return compare.grouped(collect(load(root / "params.yaml"))[0])


def test_t_interval_by_hand() -> None:
    # mean .8, standard deviation .01, t(.975, 2) = 4.302653
    assert compare.t_half_width([0.79, 0.80, 0.81]) == pytest.approx(4.302653 * 0.01 / 3**0.5)
    assert compare.t_half_width([0.8]) is None


def test_t_interval_is_scipys() -> None:
    values = [0.712, 0.734, 0.729, 0.75]
    low, high = stats.t.interval(0.95, 3, loc=sum(values) / 4, scale=stats.sem(values))
    assert compare.t_half_width(values) == pytest.approx((high - low) / 2)


def test_seeds_make_one_group_with_the_mean_and_both_variances(root: Path) -> None:
    grid.write_params(root, {f"s{s}": grid.run("exact", 5, seed=s) for s in range(3)})
    for seed, accuracy in enumerate((0.79, 0.80, 0.81)):
        grid.write_run(root, f"s{seed}", accuracy, cpu=40.0 + seed)
    (group,) = compare.grouped(collect(load(root / "params.yaml"))[0])
    assert (group.value, group.ci95) == (pytest.approx(0.8), pytest.approx(0.006))
    assert group.cpu_seconds == pytest.approx(41)
    assert group.spread is not None
    assert group.half == pytest.approx(math.hypot(0.006, group.spread))


def test_a_run_with_another_rate_is_another_setting(root: Path) -> None:
    runs = {"a": grid.run("exact", 5), "b": grid.run("exact", 5, seed=1, inner_lr=0.05)}
    grid.write_params(root, runs)
    for name in runs:
        grid.write_run(root, name, 0.8)
    labels = [g.label for g in compare.grouped(collect(load(root / "params.yaml"))[0])]
    assert labels == ["maml exact k=5", "maml exact k=5, inner_lr=0.05"]


def test_a_difference_within_the_summed_variances_is_a_tie(root: Path) -> None:
    # each +- .006, so the difference +- .00849
    found = compare.standings(groups(root, a=(0.792, 9), b=(0.8, 9), c=(0.791, 9)))
    assert [s.verdict for s in found] == ["best", "tie", "behind"]
    assert found[1].gap == pytest.approx(-0.008)
    assert found[1].half == pytest.approx(0.006 * 2**0.5)


def test_lower_may_be_better(root: Path) -> None:
    found = compare.standings(groups(root, a=(0.2, 9), b=(0.1, 9)), higher=False)
    assert [(s.group.label, s.verdict) for s in found] == [
        ("maml exact k=2", "best"),
        ("maml exact k=1", "behind"),
    ]
    assert found[1].gap == pytest.approx(-0.1)


def test_budgets_name_the_best_affordable_and_what_ties_with_it(root: Path) -> None:
    steps = compare.budgets(groups(root, a=(0.7, 10), b=(0.69, 20), c=(0.8, 30), d=(0.805, 60)))
    assert [(s.cpu_seconds, s.best.label) for s in steps] == [
        (10, "maml exact k=1"),
        (30, "maml exact k=3"),
        (60, "maml exact k=4"),
    ]
    assert [[g.label for g in s.ties] for s in steps] == [[], [], ["maml exact k=3"]]


def test_beaten_only_by_what_costs_no_more_and_is_clearly_better(root: Path) -> None:
    cheap, tied, dear = found = groups(root, a=(0.8, 10), b=(0.795, 20), c=(0.7, 30))
    assert compare.beaten_by(cheap, found) is None
    assert compare.beaten_by(tied, found) is None
    assert compare.beaten_by(dear, found) is cheap


def test_settings_of_other_budgets_are_not_ranked_together(root: Path) -> None:
    runs = {"a": grid.run("exact", 5), "b": grid.run("exact", 1, meta_iterations=900)}
    grid.write_params(root, runs)
    for name, accuracy in (("a", 0.7), ("b", 0.9)):
        grid.write_run(root, name, accuracy)
    verdict = judge(collect(load(root / "params.yaml"))[0], higher=True)
    assert [(f.meta_iterations, f.standings[0].verdict) for f in verdict.fields] == [
        (300, "best"),
        (900, "best"),
    ]
    assert verdict.same_steps == ()


def test_caveats_say_only_what_applies(root: Path) -> None:
    grid.write_params(root, {"a": grid.run("exact", 5), "b": grid.run("exact", 1)})
    grid.write_run(root, "a", 0.8)
    grid.write_run(root, "b", 0.8, dirty=True, hardware="another processor")
    (seed, machine, dirty) = caveats(collect(load(root / "params.yaml"))[0])
    assert seed.startswith("One seed")
    assert "do not compare" in machine
    assert dirty.endswith("changes: b.")
