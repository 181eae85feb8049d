"""Each number of params.yaml at the edges of its range: the last good one and the first bad."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from lazyleap.errors import InputError
from lazyleap.settings import load
from tests.conftest import ROOT

GLYPHS, LONGTAIL, ATTACK = (f"tasks.{name}" for name in ("glyphs", "glyphs-lt", "glyphs-attack"))
SEARCH = "algorithms.meta_attack.search"
NAN, INF, TINY = float("nan"), float("inf"), 1e-12
EDGES: dict[str, tuple[list[Any], list[Any]]] = {  # good ones, bad ones
    "threads": ([1], [0, 1.0, True, "1"]),
    f"{GLYPHS}.draw.query": ([1], [0, -1]),
    f"{GLYPHS}.draw.seed": ([0], [-1]),
    f"{GLYPHS}.training.validate_every": ([1], [0]),
    f"{GLYPHS}.test.steps": ([[0]], [[], [-1]]),
    "algorithms.maml.inner_lr": ([TINY, 1e9], [0.0, -0.1, NAN, INF]),
    "algorithms.maml.momentum": ([0.0, 0.999], [-TINY, 1.0, NAN]),
    "algorithms.maml.outer.clip_norm": ([TINY, None], [0.0]),
    "algorithms.maml.outer.schedule": (["step"], ["linear"]),
    f"{LONGTAIL}.draw.imbalance": ([1.0, None], [0.999, NAN, INF]),
    f"{LONGTAIL}.training.weight_decay": ([0.0], [-TINY, INF]),
    f"{LONGTAIL}.training.warmup": ([0.0, 1.0], [-TINY, 1 + 1e-9]),
    f"{LONGTAIL}.training.milestones": ([[], [TINY, 0.999]], [[0.0], [1.0]]),
    f"{LONGTAIL}.training.decay": ([TINY, 1.0], [0.0, 1 + 1e-9]),
    f"{LONGTAIL}.training.augment.pad": ([0], [-1]),
    f"{LONGTAIL}.test.few": ([1, 100], [0, 101]),  # many is 100
    "algorithms.reweight.mean_decay": ([TINY, 0.999], [0.0, 1.0]),
    "algorithms.ldam_drw.deferred": ([0.0, 1.0], [-TINY, 1 + 1e-9]),
    f"{ATTACK}.test.curve_points": ([2], [1]),
    f"{ATTACK}.test.epsilon": ([TINY], [0.0, INF]),
    f"{SEARCH}.width": ([TINY, 0.5], [0.0, 0.5 + 1e-9]),
    f"{SEARCH}.finetune_steps": ([0], [-1]),
    f"{SEARCH}.follow": ([1, None], [0]),
    "algorithms.square.share": ([TINY, 0.999], [0.0, 1.0]),
    "targets.glyphs-resnet8.batch": ([2], [1]),
}


def put(folder, key: str, value: Any):
    """A params.yaml with one value changed."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    *above, last = key.split(".")
    block = params
    for name in above:
        block = block[name]
    assert last in block
    block[last] = value
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    return path


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, (good, _) in EDGES.items() for v in good])
def test_the_last_good_value(key, value, tmp_path):
    load(put(tmp_path, key, value))


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, (_, bad) in EDGES.items() for v in bad])
def test_the_first_bad_value_is_refused_by_its_key(key, value, tmp_path):
    with pytest.raises(InputError) as refused:
        load(put(tmp_path, key, value))
    words = str(refused.value)
    assert key in words or "test.few" in words
    assert "\n" not in words
