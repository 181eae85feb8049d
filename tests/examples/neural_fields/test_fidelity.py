"""Estimators beside the exact gradient on held-out images, against plain torch in float64."""

from __future__ import annotations

import pytest
import torch

from neural_fields import train
from stages.fidelity import at_theta
from tests.examples.neural_fields.test_training import gradient, project
from tests.handmade import CPU, float64
from tests.reference import flatten

HORIZON = 4


def test_held_out_images_are_compared_on(tmp_path):
    ours, data, source = project(tmp_path, {"horizon": HORIZON})
    with float64():
        made = train.learner(ours, data, CPU)
        rows = {row.estimator: row for row in at_theta(ours, made, made.theta, 2)}
    kept = source.images[[1, 4]]
    assert rows["one leap, start, secants"].min_factor is not None
    for name, estimator in (("first order", "first_order"), ("one leap, start", "lazy")):
        cosines = []
        for image in kept:
            both = (gradient(made.theta, image[None], HORIZON, e) for e in (estimator, "exact"))
            cosines.append(torch.cosine_similarity(*map(flatten, both), dim=0))
        assert rows[name].cosine == pytest.approx(float(sum(cosines)) / 2, abs=1e-9)
        assert rows[name].cosine < 1 - 1e-5
