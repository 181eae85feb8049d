"""study: the grids it writes, and what it says of made-up results."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from lazyleap.errors import InputError
from lazyleap.settings import load, resolve
from lazyleap.statistics import holm
from pipeline.cli import app
from stages import folders
from tests.conftest import ROOT
from tests.report import grid


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".dvc").mkdir()
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    for folder in ("data", "lazyleap", "stages", "extensions"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(*words: str) -> Any:
    done = CliRunner().invoke(app, ["study", *words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def base(folder: Path) -> None:
    text = (folder / "params.yaml").read_text()
    text = text.replace("root: .", "root: ../..").replace("grid: quick", "grid: mine")
    place = folder / "grids" / "mine" / "params.yaml"
    place.parent.mkdir(parents=True)
    lines = text.replace('here: ""', "here: grids/mine/").partition("\nruns:")[0]
    place.write_text(
        f"{lines}\nruns:\n"
        "  exact: {task: glyphs, algorithm: maml, estimator: exact, horizon: 1, seed: 0}\n"
        "  lazy: {task: glyphs, algorithm: maml, estimator: lazy, horizon: 5, placement: start,"
        " seed: 0}\n"
    )


def finish(run: str, best: float | None, **validation: float) -> None:
    """What a finished run of grids/mine-tuning leaves that is asked for."""
    scores = {name: {"value": value} for name, value in validation.items()}
    said = {"metrics": {"accuracy": {"value": 0.5}}, "primary": "accuracy", "validation": scores}
    said |= {"run": run, "grid": "mine-tuning", "dataset": "glyphs", "test_digest": "ab" * 32}
    grid.save(folders.evaluated("mine-tuning", run) / "metrics.json", said)
    made = grid.record({"algorithm": "maml", "horizon": 1, "seed": 0}) | {"best_validation": best}
    grid.save(folders.record("mine-tuning", run) / "record.json", made)
    (folders.evaluated("mine-tuning", run) / "curve.csv").write_text("step,accuracy\n0,0.2\n")


def test_tuned_by_validation_then_confirmed(project: Path) -> None:
    base(project)
    tuned = ask("tune", "mine", "--outer", ".001,.003")
    assert tuned["runs"] == ["exact-t1", "exact-t2", "lazy-t1", "lazy-t2"]
    with pytest.raises(InputError, match=r"grids/mine-tuning/params\.yaml: is there already"):
        ask("tune", "mine", "--outer", ".001")
    with pytest.raises(InputError, match=r"^exact-t1: not trained: .*; 3 more$"):
        ask("confirm", "mine", "--seeds", "1,2")
    for run, one, five in (
        ("exact-t1", 0.9, 0.2),
        ("exact-t2", 0.3, 0.85),
        ("lazy-t1", 0.2, 0.3),
        ("lazy-t2", 0.6, 0.1),
    ):
        finish(run, 0.0, **{"accuracy@1": one, "accuracy@5": five})
    with pytest.raises(InputError, match="--by accuracy@7: run 'exact-t1' has no such"):
        ask("confirm", "mine", "--seeds", "1,2", "--by", "accuracy@7")
    found = ask("confirm", "mine", "--seeds", "1,2", "--by", "accuracy@5")
    assert found["chosen"] == {"exact": "exact-t2", "lazy": "lazy-t1"}
    runs = load(Path("grids/mine-confirmation/params.yaml")).runs
    assert list(runs) == found["runs"] == ["exact-s1", "exact-s2", "lazy-s1", "lazy-s2"]
    assert [run.seed for run in runs.values()] == [1, 2, 1, 2]
    assert [run.overrides["outer"]["lr"] for run in runs.values()] == [0.003] * 2 + [0.001] * 2
    shutil.rmtree("grids/mine-confirmation")
    found = ask("confirm", "mine", "--seeds", "1,2", "--by", "accuracy@5, accuracy@1")
    assert found["chosen"] == {"exact": "exact-t2", "lazy": "lazy-t2"}  # by the mean
    shutil.rmtree("grids/mine-confirmation")
    assert ask("confirm", "mine", "--seeds", "1")["chosen"] == {
        "exact": "exact-t1", "lazy": "lazy-t2"
    }  # fmt: skip


def test_some_settings_go_on_alone_and_longer(project: Path) -> None:
    base(project)
    ask("tune", "mine", "--inner", ".1,.2")
    finish("lazy-t1", 0.0, **{"accuracy@1": 0.3})
    with pytest.raises(InputError, match=r"^lazy-t2: not trained: [^;]*$"):
        ask("confirm", "mine", "--seeds", "1", "--only", "lazy-*")
    finish("lazy-t2", 0.0, **{"accuracy@1": 0.4})
    ask("confirm", "mine", "--seeds", "1", "--only", "lazy-t2,lazy-t1", "--times", "3")
    once, thrice = (
        load(Path(f"grids/{name}/params.yaml")) for name in ("mine", "mine-confirmation-3")
    )
    assert list(thrice.runs) == ["lazy-s1"]
    longer = resolve(thrice, "lazy-s1").meta_iterations
    assert longer == 3 * resolve(once, "lazy").meta_iterations


def test_what_was_tried_is_a_table_with_the_best_setting_first(project: Path) -> None:
    base(project)
    ask("tune", "mine", "--inner", ".1,.2")
    with pytest.raises(InputError, match=r"^study tuned mine: exact-t1: not trained: .*; 3 more$"):
        ask("tuned", "mine")
    for run, one, five in (("exact-t2", 0.3, 0.2), ("lazy-t1", 0.6, 0.1), ("lazy-t2", 0.2, 0.9)):
        finish(run, 0.0, **{"accuracy@1": one, "accuracy@5": five})
    found = ask("tuned", "mine", "--by", "accuracy@1", "--to", "made/table.md")
    rows = [(row["setting"], row["inner rate"], row["chosen"]) for row in found["rows"]]
    assert rows == [("lazy", 0.1, True), ("lazy", 0.2, False), ("exact", 0.2, True)]
    assert found["missing"] == ["exact-t1"]
    assert [row["accuracy@5"] for row in found["rows"]] == [0.1, 0.9, 0.2]
    lines = Path("made/table.md").read_text().splitlines()
    assert lines[0].startswith("| setting | inner rate | outer rate | accuracy@1 | accuracy@5 | it")
    assert lines[2].startswith("| lazy | 0.1 | ")
    assert [line.endswith(" | yes |") for line in lines[2:]] == [True, False, True]


def test_what_is_not_trained_has_no_score_and_goes_on(project: Path) -> None:
    base(project)
    ask("tune", "mine", "--inner", ".1,.2")
    for run, best in (("exact-t1", None), ("exact-t2", None), ("lazy-t1", 0.4), ("lazy-t2", 0.3)):
        finish(run, best)
    rows = [(row["setting"], row["best"]) for row in ask("tuned", "mine")["rows"]]
    assert rows == [("lazy", 0.4), ("lazy", 0.3), ("exact", None), ("exact", None)]
    found = ask("confirm", "mine", "--seeds", "1")
    assert found["chosen"] == {"exact": "exact-t1", "lazy": "lazy-t1"}
    assert found["scores"]["exact-t1"] is None


def test_without_scores_by_name_the_best_validation_counts(project: Path) -> None:
    base(project)
    ask("tune", "mine", "--inner", ".1,.2")
    for run, best in (("exact-t1", 0.4), ("exact-t2", 0.5), ("lazy-t1", 0.4), ("lazy-t2", 0.3)):
        finish(run, best)
    assert ask("confirm", "mine", "--seeds", "1")["chosen"] == {
        "exact": "exact-t2", "lazy": "lazy-t1"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("tune", "mine"), "nothing to tune"),
        (("tune", "mine", "--outer", "high"), "--outer high: wants numbers"),
        (("tune", "yours", "--outer", ".1"), "--grid yours: no such grid"),
        (("confirm", "mine", "--seeds", "1,b"), "--seeds 1,b: wants whole numbers"),
        (("confirm", "mine", "--seeds", "1"), "--grid mine-tuning: no such grid"),
        (("judge", "mine", "--against", "exact"), "--against exact: no such finished run"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_one_sentence(project: Path, words, sentence: str) -> None:
    base(project)
    with pytest.raises(InputError, match=sentence):
        ask(*words)


def test_each_setting_is_held_against_one_and_corrected(project: Path) -> None:
    grid.write(project, grid.params(), maml_lazy_k5=0.2)
    found = ask("judge", "toy", "--against", "maml-exact-k5-s0", "--to", "made/page.md")
    rows = [row for row in found["rows"] if row["metric"] == "accuracy@1"]
    assert {row["metric"] for row in found["rows"]} == {"accuracy", "accuracy@1", "accuracy@5"}
    own = {row["setting"]: row for row in rows}
    control = own[found["against"]]
    assert own["maml-lazy-k5"]["label"] == "maml lazy k=5 (placement start)"
    assert (control["verdict"], control["difference"]) == ("control", None)
    lazy = own["maml-lazy-k5"]
    each = np.array([
        _mean(f"maml-lazy-k5-s{seed}") - _mean(f"maml-exact-k5-s{seed}") for seed in range(3)
    ])  # fmt: skip
    assert lazy["difference"] == pytest.approx(each.mean())
    assert (lazy["high"] - lazy["low"]) / 2 >= stats.t.ppf(0.975, 2) * stats.sem(each)
    assert (lazy["verdict"], lazy["seeds"]) == ("pays", 3)
    others = [row for row in rows if row is not control]
    assert [row["adjusted"] for row in others] == pytest.approx(holm([r["p"] for r in others]))
    assert len(others) == 9  # of the ten few-shot settings, and of no other task
    assert (
        lazy["inner_steps"]
        == 5 * load(Path("params.yaml")).tasks["glyphs"].training.meta_iterations
    )
    told = {row["setting"]: row["words"][-1] for row in others}
    assert told["maml-exact-k1"] == f"{own['maml-exact-k1']['verdict']} (unequal CPU time)"
    page = Path("made/page.md").read_text()
    assert page.startswith("# toy: each setting against maml-exact-k5\n\n    lazyleap run")
    assert "Commit 0123456789abcdef0123456789abcdef01234567; an invented processor. " in page
    for row in found["rows"]:
        assert f"| {' | '.join(row['words'])} |\n" in page
    assert page.count("\n## ") == 3
    figure = Path("made/page-accuracy-1.svg")
    assert f"({figure.name})" in page
    assert "difference from maml-exact-k5 (%)" in figure.read_text()
    with Path("made/page.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["setting"] for row in written] == [row["setting"] for row in found["rows"]]
    differences = {(r["metric"], r["setting"]): r["difference"] for r in written}
    assert differences["accuracy@1", control["setting"]] == ""
    assert float(differences["accuracy@1", lazy["setting"]]) == lazy["difference"]
    values = {(r["metric"], r["setting"]): r for r in written}["accuracy@1", lazy["setting"]]
    assert float(values["value_low"]) < float(values["value"]) < float(values["value_high"])
    Path("made/other.csv").write_text("mine")
    with pytest.raises(InputError, match=r"other\.csv: is there already"):
        ask("judge", "toy", "--against", "maml-exact-k5-s0", "--to", "made/other.md")
    assert not Path("made/other.md").exists()
    with pytest.raises(InputError, match=r"page\.md: is there already"):
        ask("judge", "toy", "--against", "maml-exact-k5-s0", "--to", "made/page.md")
    back = ask("judge", "toy", "--against", "maml-lazy-k5-s0")["rows"]
    words = {row["setting"]: row["verdict"] for row in back if row["metric"] == "accuracy@1"}
    assert words["maml-exact-k5"] == "does not"


def test_cpu_times_of_machines_of_several_kinds_are_neither_equal_nor_unequal(
    project: Path,
) -> None:
    grid.write(project, grid.params(), maml_lazy_k5=0.2)
    another = folders.record("toy", "maml-lazy-k5-s1") / "record.json"
    grid.edit(another, instruction_set="x86_64 AVX2")
    found = ask("judge", "toy", "--against", "maml-exact-k5-s0", "--to", "made/page.md")
    own = {row["setting"]: row for row in found["rows"] if row["metric"] == "accuracy@1"}
    lazy, other = own["maml-lazy-k5"], own["maml-exact-k1"]
    assert (lazy["equal_compute"], lazy["words"][-1]) == (
        None,
        "pays (CPU times of different machines)",
    )
    assert other["equal_compute"] is False
    head = "; an invented processor, an invented processor (x86_64 AVX2). "
    assert head in Path("made/page.md").read_text()


def _mean(run: str) -> float:
    with np.load(folders.evaluated("toy", run) / "items.npz") as items:
        return float(items["value:accuracy@1"].mean())
