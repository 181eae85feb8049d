"""The study of neural fields: its grids, the tables of its page, and where memory ends."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import fields_grid, fields_study
from lazyleap.errors import InputError
from lazyleap.items import FILE, Items
from lazyleap.settings import load, resolve
from stages import folders
from tests.conftest import ROOT


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A project with the study's grids alone; ``finish(grid, run, psnr)`` makes a run's results."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    known = ["exact-k3-r03", "lazy-k10-r02"]
    fields_grid.tuning()
    fields_grid.confirmation(known, seeds="1-3")

    def finish(grid: str, run: str, psnr: float) -> None:
        seed = resolve(load(Path("grids") / grid / "params.yaml"), run).seed
        for folder in (folders.evaluated(grid, run), folders.record(grid, run)):
            folder.mkdir(parents=True)
        both = {metric: {"value": psnr, "ci95": 0.1} for metric in fields_study.METRICS}
        (folders.evaluated(grid, run) / "metrics.json").write_text(
            json.dumps({"seed": seed, "validation": both})
        )
        noise = np.random.default_rng(seed).normal(0, 0.1, 50)
        items = Items(dict.fromkeys(fields_study.METRICS, psnr + noise + 0.01 * seed))
        items.save(folders.evaluated(grid, run) / FILE)
        cost = {"meta_iterations": 1234, "train_cpu_seconds": 100.0, "commit": "c0"}
        (folders.record(grid, run) / "record.json").write_text(json.dumps(cost))

    return finish


def test_the_study_of_fields_has_every_setting_at_every_rate_and_reads_as_params(study):
    params = load(Path("grids") / fields_grid.TUNING / "params.yaml")
    assert len(params.runs) == 3 * sum(map(len, fields_grid.HORIZONS.values()))
    for name in params.runs:
        setting = resolve(params, name)
        setting.make_estimator()
        assert name.endswith(f"k{setting.horizon}-{name[-3:]}")
        assert setting.algorithm_options.inner_lr == fields_grid.RATES[name[-3:]]
    seeds = [r.seed for r in load(Path("grids/neural-fields/params.yaml")).runs.values()]
    assert seeds == [1, 1, 2, 2, 3, 3]
    with pytest.raises(InputError, match=r"^exact-k4-r03: no setting of the grid"):
        fields_grid.confirmation(["exact-k4-r03"])


def test_the_study_of_fields_keeps_what_a_budget_bought(study):
    path = Path("grids") / fields_grid.TUNING / "params.yaml"
    path.write_text(path.read_text().replace("meta_iterations: 1}", "meta_iterations: 77}"))
    fields_grid.tuning()
    fields_grid.confirmation(["exact-k3-r03"], seeds="4-4", times=6)
    counts = {run.meta_iterations for run in load(path).runs.values()}
    assert counts == {77}
    (run,) = load(Path("grids/neural-fields-6/params.yaml")).runs.values()
    assert (run.meta_iterations, run.seed) == (6 * 77, 4)


def test_the_page_of_the_study_gets_its_tables_and_keeps_its_text(study):
    page = Path("docs/results/neural-fields.md")
    page.parent.mkdir(parents=True)
    with pytest.raises(InputError, match="no run of the grid neural-fields-tuning is finished"):
        fields_study.main()
    for run, psnr in (("exact-k3-r03", 34.0), ("exact-k3-r02", 33.0), ("lazy-k10-r02", 28.0)):
        study(fields_grid.TUNING, run, psnr)
    with pytest.raises(InputError, match="has no place for the tables"):
        fields_study.main()
    page.write_text(f"before\n{fields_study.BEGIN}\nold\n{fields_study.END}\nafter\n")
    fields_study.main()
    for seed in (1, 2, 3):
        study("neural-fields", f"exact-k3-r03-s{seed}", 34.0)
        study("neural-fields", f"lazy-k10-r02-s{seed}", 30.0)
    fields_study.main()
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| exact-k3 | 1,234 | not run | 33.00 / 33.00 | **34.00 / 34.00** |" in text
    assert text.count("### Chosen") == 1
    row = next(line for line in text.splitlines() if line.startswith("| lazy-k10-r02 | psnr@10 "))
    assert "-4.00 (-4.00 .. -4.00)" in row
    assert row.endswith("| 3 | 2e-12 | worse |")
    table = pd.read_csv("docs/results/neural-fields/neural-fields.csv")
    assert set(table["second"]) == {"exact-k3-r03"}
