"""The files and parameters of docs/extending.md, as they stand there, make a setting."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from lazyleap import Batch, Task, functional
from lazyleap.datasets import read
from lazyleap.fewshot.network import build
from lazyleap.settings import load, resolve
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "extending.md").read_text()
FILES = dict(re.findall(r"```python\n# extensions/(\w+)\.py\n(.*?)```", TEXT, re.DOTALL))


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A params.yaml with the document's blocks, and its files in a folder beside it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "extensions").mkdir()
    for name, text in FILES.items():
        (tmp_path / "extensions" / f"{name}.py").write_text(text)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    given = yaml.safe_load(block)
    task = given["tasks"]["bars"]
    task |= {key: params["tasks"]["glyphs"][key] for key in ("draw", "training", "test")}
    given |= {"surrogates": {}, "targets": {}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params | given))
    yield tmp_path
    for name in FILES:
        sys.modules.pop(name, None)


def test_its_extension_takes_a_meta_step(written):
    setting = resolve(load(written / "params.yaml"), "boil-every-k6")
    assert setting.make_estimator().stride == 3
    images = read(setting.task.dataset, written)["train"]
    network = build(setting.task.model, 5, {"channels": 1, "height": 16, "width": 16})
    problem = setting.make_problem(functional(network))
    theta = problem.theta(network)
    assert set(problem.init(theta)) == {"body.weight", "body.bias"}
    batch = Batch(torch.from_numpy(images.images[::20] / 255).float()[:5], torch.arange(5))
    task = Task(inner=[batch] * setting.horizon, outer=batch)
    meta = setting.make_estimator()(problem, theta, [task])
    meta.apply_to(theta)
    assert all(float(p.grad.abs().sum()) > 0 for p in theta.values())


def test_the_paths_that_it_names_are_there():
    paths = set(re.findall(r"`((?:lazyleap|tests|data|docs)/[\w/.-]+)`", TEXT))
    assert {p for p in paths if not (ROOT / p).exists()} == set()
    assert paths
