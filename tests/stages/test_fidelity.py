"""The comparison of estimators at a run's theta: what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from lazyleap import InputError, tensorfile
from stages import fidelity, folders, prepare, validate
from tests.conftest import RUNS, edit


@pytest.fixture
def trained(project: Path) -> str:
    """A run with a theta where training leaves one: that which it would start from."""
    del project
    from lazyleap.datasets.store import load as load_data
    from lazyleap.fewshot.network import problem_of
    from lazyleap.settings import load, resolve

    prepare.main("glyphs", "params.yaml")
    setting = resolve(load(Path("params.yaml")), RUNS[0])
    data = load_data(folders.images(setting.grid, "glyphs", "train"))
    _, theta = problem_of(setting, data, torch.device("cpu"))
    folder = folders.trained(setting.grid, RUNS[0])
    folder.mkdir(parents=True)
    (folder / "theta.safetensors").write_bytes(tensorfile.dump(theta))
    return setting.grid


def test_a_table_is_written_of_validation_tasks(trained: str) -> None:
    found = fidelity.measure("params.yaml", RUNS[0], 2)
    written = json.loads(folders.fidelity(trained, RUNS[0]).read_text())
    assert written["run"] == RUNS[0]
    assert written["tasks"] == 2
    assert [row["estimator"] for row in written["rows"]] == [row.estimator for row in found]
    assert written["rows"][0]["cosine"] == pytest.approx(1, abs=1e-5)
    assert all(-1 <= row["cosine"] < 1 - 1e-4 for row in written["rows"][1:])
    again = fidelity.measure("params.yaml", RUNS[0], 2)
    assert [row.cosine for row in again] == [row.cosine for row in found]


def test_a_run_that_is_not_there_or_not_trained_is_refused(trained: str) -> None:
    del trained
    with pytest.raises(InputError, match="'maml-lasy-k5' is not in runs; did you mean"):
        fidelity.measure("params.yaml", "maml-lasy-k5", 2)
    with pytest.raises(InputError, match="train the run first"):
        fidelity.measure("params.yaml", RUNS[1], 2)


def test_params_yaml_says_on_how_many_tasks(trained: str) -> None:
    asked = {RUNS[0]: {"task": "glyphs", "tasks": 3}}
    edit(Path("params.yaml"), lambda params: params.update(fidelity=asked))
    validate.main()
    fidelity.main(RUNS[0], f"artifacts/validate/quick/fidelity/{RUNS[0]}.json")
    assert json.loads(folders.fidelity(trained, RUNS[0]).read_text())["tasks"] == 3
    fidelity.main(RUNS[0], tasks=1)
    assert json.loads(folders.fidelity(trained, RUNS[0]).read_text())["tasks"] == 1


@pytest.mark.parametrize(
    ("run", "task", "sentence"),
    [
        ("maml-lasy-k5", "glyphs", "fidelity.maml-lasy-k5: 'maml-lasy-k5' is not in runs; did"),
        (RUNS[0], "glyphs-lt", f"fidelity.{RUNS[0]}: task: is 'glyphs-lt', and run '{RUNS[0]}' is"),
    ],
)
def test_a_run_that_is_none_or_of_another_task_is_refused_before_any_work(
    project: Path, run: str, task: str, sentence: str
) -> None:
    del project
    asked = {run: {"task": task, "tasks": 3}}
    edit(Path("params.yaml"), lambda params: params.update(fidelity=asked))
    with pytest.raises(InputError, match=f"^params.yaml: {sentence}"):
        validate.main()
