"""show and compare, on results made up for every run of the default grid."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from lazyleap.errors import InputError
from pipeline.cli import app
from stages import folders
from tests.report import grid

RUN, OTHER = "maml-lazy-k5-s0", "maml-exact-k1-s0"
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    grid.write(folder, grid.params(), maml_lazy_k5=0.2)
    (folder / ".dvc").mkdir()
    shutil.copy(grid.DEFAULT.parent / "dvc.yaml", folder)
    return folder


@pytest.fixture
def ask(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    monkeypatch.chdir(project)

    def call(*words: str) -> Any:
        done = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    return call


def test_show_has_what_the_files_have(ask: Ask, project: Path) -> None:
    found = ask("show", RUN)
    written = json.loads((project / folders.evaluated("toy", RUN) / "metrics.json").read_text())
    assert found["metrics"] == written
    assert found["record"]["train_cpu_seconds"] == 40 + 7 * 4
    assert found["label"] == "maml lazy k=5 (placement start)"
    files = {Path(name) for name in found["files"]}
    assert folders.exported("toy", RUN) / "parity.json" in files
    assert all((project / path).is_file() for path in files)
    assert {"ok": True, "what": "committed code"} in found["checks"]


def test_it_works_from_any_folder_of_the_project(ask: Ask, project: Path, monkeypatch) -> None:
    monkeypatch.chdir(project / "artifacts" / "record")
    assert ask("show", RUN)["run"] == RUN


def test_code_of_no_commit_is_said_to_be_so(ask: Ask, project: Path) -> None:
    record = project / folders.record("toy", "anil-lazy-k10-s0") / "record.json"
    grid.edit(record, commit="unknown", lazyleap="0.2.0")
    checks = ask("show", "anil-lazy-k10-s0")["checks"]
    assert checks[0] == {"ok": False, "what": "of no commit (lazyleap 0.2.0)"}


def test_compare_is_the_t_interval_over_seeds_widened_by_items(ask: Ask, project: Path) -> None:
    found = ask("compare", RUN, OTHER)
    row = found["measures"][0]
    values = {
        name: [accuracies(project, name[:-1] + str(seed)) for seed in range(3)]
        for name in (RUN, OTHER)
    }
    each = np.mean(values[RUN], 1) - np.mean(values[OTHER], 1)
    pair = row["comparison"]
    assert row["metric"] == "accuracy"
    assert pair["difference"] == pytest.approx(each.mean())
    half = stats.t.ppf(0.975, 2) * each.std(ddof=1) / 3**0.5
    assert (pair["high"] - pair["low"]) / 2 >= half
    assert (pair["verdict"], pair["seeds"]) == ("better", 3)
    assert row["scores"][0]["value"] == pytest.approx(np.mean(values[RUN]))
    back = ask("compare", OTHER, RUN)["measures"][0]["comparison"]
    assert (back["verdict"], back["difference"]) == ("worse", pytest.approx(-each.mean()))


def accuracies(project: Path, run: str) -> np.ndarray:
    with np.load(project / folders.evaluated("toy", run) / "items.npz") as items:
        return np.asarray(items["value:accuracy"])


def test_in_words_a_measure_is_a_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    said = CliRunner().invoke(app, ["compare", RUN, OTHER]).output.splitlines()
    assert said[0] == "maml lazy k=5 (placement start) against maml exact k=1"
    assert "the first is better (3 seeds in common, p " in said[1]
    assert said[1].endswith("training took 68 and 40 CPU s")  # 0.5 s more a seed, the mean rounded
    grid.edit(folders.record("toy", OTHER) / "record.json", instruction_set="x86_64 AVX2")
    said = CliRunner().invoke(app, ["compare", RUN, OTHER]).output.splitlines()
    assert said[1].endswith("training took 68 and 40 CPU s, of different machines")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("compare", RUN, "lt-cross-entropy-s0"), "of task 'glyphs' and 'lt-cross-entropy-s0' of"),
        (("compare", RUN, RUN[:-1] + "1"), "are of one setting, maml lazy k=5"),
        (("show", "maml-lasy-k5-s0"), "run 'maml-lasy-k5-s0': did you mean 'maml-lazy-k5-s0'?"),
        (("show", "maml-lazy-k20-s1"), "run 'maml-lazy-k20-s1': trained, not evaluated: no "),
        (("show", RUN, "--grid", "ty"), "--grid ty: no such grid; did you mean 'toy'?"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(project, monkeypatch, words, sentence) -> None:
    monkeypatch.chdir(project)
    (project / folders.evaluated("toy", "maml-lazy-k20-s1") / "metrics.json").unlink(
        missing_ok=True
    )
    with pytest.raises(InputError) as refused:
        CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert sentence in str(refused.value)
