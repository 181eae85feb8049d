"""What a training that diverges says to lower: the rates it had, wherever they were set."""

from __future__ import annotations

import pytest

from stages.train import _knobs
from tests.handmade import setting

LONG_TAIL = {"task": "glyphs-lt", "estimator": "exact", "horizon": 1}


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (
            {**LONG_TAIL, "algorithm": "weight_net", "inner_lr": 0.7, "lr": 0.3},
            "inner_lr (0.7), the run's own or that of algorithms.weight_net or "
            "outer.lr (0.001), the run's own or that of algorithms.weight_net or "
            "lr (0.3), the run's own or that of tasks.glyphs-lt.training",
        ),
        (
            {"task": "glyphs", "algorithm": "maml", "estimator": "exact", "horizon": 1},
            "inner_lr (0.1), the run's own or that of algorithms.maml or "
            "outer.lr (0.003), the run's own or that of algorithms.maml",
        ),
    ],
)
def test_each_rate_as_it_was(run, said, tmp_path):
    assert _knobs(setting(tmp_path, run["task"], run, lambda params: None)) == said
