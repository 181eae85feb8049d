"""Images chosen once, with a wrong class for each."""

from __future__ import annotations

import numpy as np
import pytest

from lazyleap.attack.chosen import Chosen, choose, others
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError

IMAGES = ImageSet(np.zeros((30, 1, 2, 2), np.uint8), np.arange(30) % 3, ("a", "b", "c"))


def test_no_image_twice_and_never_its_own_class(tmp_path):
    chosen = choose(IMAGES, 30, np.random.default_rng(0))
    assert sorted(chosen.rows) == list(range(30))
    assert (chosen.wished != IMAGES.labels[chosen.rows]).all()
    assert set(chosen.wished) == {0, 1, 2}
    chosen.save(tmp_path / "a.npz")
    again = Chosen.load(tmp_path / "a.npz", IMAGES)
    assert again.digest == chosen.digest != chosen.only(np.arange(29)).digest
    assert choose(IMAGES, 30, np.random.default_rng(1)).digest != chosen.digest


def test_every_other_class_is_as_likely():
    found = others(np.zeros(30_000, np.int64), 4, np.random.default_rng(0))
    np.testing.assert_allclose(
        np.bincount(found, minlength=4) / 30_000, [0, *[1 / 3] * 3], atol=0.01
    )


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="31 images of 30"):
        choose(IMAGES, 31, np.random.default_rng(0))
    with pytest.raises(InputError, match="at least 2"):
        others(np.zeros(3, np.int64), 1, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"none\.npz: are not chosen images"):
        Chosen.load(tmp_path / "none.npz", IMAGES)
