from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from lazyleap.datasets import fonts, glyphs, options, read
from lazyleap.errors import InputError

STRONG = options.Distortion(
    rotation=15.0, shear=0.15, scale=0.2, shift=0.05, stroke=0.5, noise=0.15
)
STILL = options.Distortion(rotation=0.0, shear=0.0, scale=0.0, shift=0.0, stroke=0.0, noise=0.0)
MANY = options.ClassCounts(train=400, val=80, test=140)
FEW = options.ClassCounts(train=8, val=4, test=40)


def make(classes=FEW, images_per_class=5, seed=0, distortion=STRONG, size=28):
    return options.Glyphs(
        reader="glyphs",
        source="lazyleap/datasets/glyphs.py",
        size=size,
        classes=classes,
        images_per_class=images_per_class,
        distortion=distortion,
        seed=seed,
    )


@pytest.fixture(scope="module")
def chosen():
    return glyphs.characters(make(MANY))


def test_there_are_enough_classes(chosen):
    assert {split: len(names) for split, names in chosen.items()} == MANY.model_dump()
    assert MANY.train + MANY.val + MANY.test >= 600


def test_splits_share_no_script(chosen):
    scripts = {
        split: {unicodedata.name(name).split(" ")[0] for name in names}
        for split, names in chosen.items()
    }
    assert not scripts["train"] & scripts["val"]
    assert not scripts["train"] & scripts["test"]
    assert not scripts["val"] & scripts["test"]


def test_no_two_classes_are_drawn_alike(chosen):
    names = [name for part in chosen.values() for name in part]
    assert len(set(names)) == len(names)
    for face in ("DejaVuSans.ttf", "DejaVuSerif.ttf"):
        drawn = [
            glyphs.render(fonts.cutout(name, face), 28, STILL, np.random.default_rng(0)).tobytes()
            for name in names
            if face in fonts.coverage()[name]
        ]
        assert len(set(drawn)) == len(drawn) > 300


@pytest.mark.parametrize("alike", ["AΑА", "oOοо", "IΙІ", "xх", "XХΧ", "HΗН"])
def test_letters_that_look_alike_are_kept_once(alike):
    assert fonts.distinct(list(alike), glyphs.LIKENESS) == [alike[0]]


def test_letters_that_differ_are_all_kept():
    assert fonts.distinct(list("AbgΨЖქ"), glyphs.LIKENESS) == list("AbgΨЖქ")


def test_blank_characters_are_dropped():
    assert fonts.distinct([" ", "A", "\u00a0"], glyphs.LIKENESS) == ["A"]


def test_every_class_has_several_faces_and_no_blank_or_full_image(chosen):
    for name in chosen["test"]:
        faces = fonts.coverage()[name]
        assert len(faces) >= fonts.LEAST_FACES
        assert all(fonts.cutout(name, face).any() for face in faces)


def test_shapes_labels_and_ink():
    part = read(make(), Path())["test"]
    assert part.images.shape == (200, 1, 28, 28)
    assert part.images.dtype == np.uint8
    np.testing.assert_array_equal(part.labels, np.repeat(np.arange(40), 5))
    ink = (part.images > 128).mean((1, 2, 3))
    assert ink.min() > 0.002  # never an empty image
    assert ink.max() < 0.6


def test_equal_options_give_equal_arrays_and_another_seed_others():
    first, again, other = (read(make(seed=seed), Path())["val"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.images, again.images)
    assert first.classes == again.classes
    assert not np.array_equal(first.images, other.images)


def test_an_image_does_not_depend_on_the_others_drawn():
    whole = glyphs.draw("Ж", range(4), 28, STRONG, seed=3)
    alone = glyphs.draw("Ж", [2], 28, STRONG, seed=3)
    np.testing.assert_array_equal(whole[2], alone[0])


def test_images_of_a_class_differ_even_undistorted():
    """Different faces draw them."""
    images = glyphs.draw("g", range(20), 28, STILL, seed=0)
    assert len({image.tobytes() for image in images}) >= 5


def test_an_undistorted_glyph_is_centred_and_fills_its_share():
    image = glyphs.draw("Ж", [0], 64, STILL, seed=0)[0, 0] > 128
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    for found in (rows, columns):
        assert abs((found[0] + found[-1]) / 2 - 31.5) <= 1.5
    assert abs(max(np.ptp(rows), np.ptp(columns)) + 1 - glyphs.FILL * 64) <= 3


@pytest.mark.parametrize("change", ["rotation", "shear", "scale", "shift", "stroke", "noise"])
def test_each_distortion_changes_the_image(change):
    one = STILL.model_copy(update={change: getattr(STRONG, change)})
    ink = fonts.cutout("Ж", "DejaVuSans.ttf")

    def images(distortion):
        rngs = [np.random.default_rng(seed) for seed in range(6)]
        return np.stack([glyphs.render(ink, 28, distortion, rng) for rng in rngs])

    assert not np.array_equal(images(one), images(STILL))


def test_more_classes_than_letters_are_refused():
    classes = FEW.model_copy(update={"val": 5000})
    with pytest.raises(InputError, match=r"classes\.val is 5000, its scripts have \d+"):
        glyphs.characters(make(classes))


def nearest_neighbour_accuracy(part, episodes=200):
    """5-way 1-shot by pixels."""
    rng = np.random.default_rng(0)
    images = part.images.reshape(len(part.classes), -1, 28 * 28).astype(np.float32)
    right = []
    for _ in range(episodes):
        classes = rng.choice(len(images), 5, replace=False)
        shots = np.stack([images[c, rng.permutation(images.shape[1])[:2]] for c in classes])
        distances = ((shots[:, 1, None] - shots[None, :, 0]) ** 2).sum(-1)
        right.append((distances.argmin(1) == np.arange(5)).mean())
    return float(np.mean(right))


def test_pixels_alone_neither_solve_it_nor_fail():
    """The task must leave room for methods to differ; chance is 0.2."""
    part = read(make(FEW.model_copy(update={"test": 100}), images_per_class=8), Path())["test"]
    assert 0.4 < nearest_neighbour_accuracy(part) < 0.7
