"""A user's code under the real DVC: it runs, and an edit of it runs again just what uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import commit, edit
from tests.extensions.test_extensions import elsewhere, extend  # noqa: F401
from tests.pipeline.test_experiments import dvc, ran

pytestmark = [pytest.mark.system, pytest.mark.slow]
OF_BARS = {"bars": {"boil", "neumann"}, "waves": {"waves"}}


def small(params: dict) -> None:
    extend(params)
    params["tasks"] = {name: params["tasks"][name] for name in OF_BARS}


def test_an_edit_runs_just_what_uses_it(elsewhere: Path, project: Path) -> None:  # noqa: F811
    edit(project / "params.yaml", small)
    commit(project)
    everything = ran(dvc("repro"))
    assert {f"train@{run}" for runs in OF_BARS.values() for run in runs} < everything
    assert ran(dvc("repro")) == set()

    def after(file: str) -> set[str]:
        with (elsewhere / file).open("a") as opened:
            opened.write("# an edit\n")
        return {stage for stage in ran(dvc("repro")) if stage.startswith(("prepare", "train"))}

    assert after("neumann.py") == {"train@neumann"}
    assert after("boil.py") == {"train@boil"}
    assert after("shapes.py") == {"prepare@bars"}  # which draws the same images again
    assert after("nets.py") == {"train@boil", "train@neumann"}
