"""The parameters of docs/own/fields.md, as they stand there, make a setting."""

from __future__ import annotations

import re

import yaml

from lazyleap.settings import load, resolve
from tests.conftest import ROOT


def test_its_task_is_one(tmp_path):
    text = (ROOT / "docs" / "own" / "fields.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    params = yaml.safe_load((ROOT / "grids" / "fields" / "params.yaml").read_text())
    params["tasks"]["drawings"] |= yaml.safe_load(block)
    params |= {"root": ".", "here": "", "extensions": str(ROOT / "examples")}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    for run in params["runs"]:
        task = resolve(load(tmp_path / "params.yaml"), run).task
        assert (task.dataset.reader, task.model.width) == ("image-folder", 64)
