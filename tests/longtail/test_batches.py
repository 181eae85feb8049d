"""Mini-batches known by number: the same whenever they are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lazyleap.datasets.pixels import Pixels
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError
from lazyleap.longtail.batches import Examples, MetaStream, Stream, augmented
from lazyleap.seeding import generator

COUNT = 23


def examples(rows=None, **augmentation) -> Examples:
    pixels = np.arange(COUNT, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 8, 8), np.uint8)
    labels = np.arange(COUNT, dtype=np.int64)
    source = ImageSet(pixels, labels, tuple(map(str, labels)))
    options = {"flip": False, "pad": 0} | augmentation
    rows = np.arange(3, COUNT) if rows is None else rows
    return Examples(Pixels(source, [0.2], [0.5], torch.device("cpu")), labels, rows, **options)


def test_an_epoch_shows_each_example_once_but_for_the_remainder():
    stream = Stream(examples(), 6, seed=0, ahead=2)
    seen = [stream[i].targets.tolist() for i in range(6)]
    for epoch in (seen[:3], seen[3:]):
        flat = [label for batch in epoch for label in batch]
        assert len(flat) == len(set(flat)) == 18
        assert set(flat) <= set(range(3, COUNT))
    assert seen[:3] != seen[3:]


def test_a_batch_looked_at_early_is_the_batch_that_comes():
    early, late = (Stream(examples(pad=2, flip=True), 6, seed=0, ahead=2) for _ in range(2))
    last = early[5]
    for i in range(6):
        late[i]
    torch.testing.assert_close(late[5].inputs, last.inputs, rtol=0, atol=0)
    assert late[5].targets.tolist() == last.targets.tolist()
    assert late[0].targets.tolist() != Stream(examples(), 6, seed=1, ahead=2)[0].targets.tolist()


def test_images_are_those_of_their_labels():
    batch = Stream(examples(), 6, seed=0, ahead=2)[0]
    grey = (batch.inputs[:, 0, 0, 0] * 0.5 + 0.2) * 255
    torch.testing.assert_close(grey, batch.targets.float())


def test_labels_are_the_examples_own():
    labels = np.arange(COUNT, dtype=np.int64)
    pixels = examples().pixels
    found = Examples(pixels, labels, np.arange(COUNT), flip=False, pad=0)
    labels[:] = 7
    assert found.batch(np.array([2, 5]), None).targets.tolist() == [2, 5]


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(InputError, match="batch 21: more than the 20 training images"):
        Stream(examples(), 21, seed=0, ahead=0)


def test_the_meta_set_is_drawn_from_and_never_exceeded():
    meta = MetaStream(examples(np.array([0, 1, 2])), 10, seed=0)
    assert sorted(meta[4].targets.tolist()) == [0, 1, 2]
    few = MetaStream(examples(np.array([0, 1, 2])), 2, seed=0)
    assert few[4].targets.tolist() == few[4].targets.tolist()
    assert {tuple(few[i].targets.tolist()) for i in range(9)} > {tuple(few[4].targets.tolist())}


def test_crops_and_flips_are_shifts_of_the_image_on_its_fill():
    pictures = torch.rand(40, 2, 5, 5)
    fill = torch.tensor([-1.0, -2.0]).view(1, 2, 1, 1)
    found = augmented(pictures, generator(0, "a"), flip=True, pad=1, fill=fill)
    framed = torch.nn.functional.pad(pictures - fill, (1, 1, 1, 1)) + fill
    kinds = set()
    for one, image, frame in zip(found, pictures, framed, strict=True):
        options = {
            (mirror, down, right): (frame.flip(2) if mirror else frame)[
                :, down : down + 5, right : right + 5
            ]
            for mirror in (0, 1)
            for down in range(3)
            for right in range(3)
        }
        kinds.update(key for key, option in options.items() if torch.equal(option, one))
        assert any(torch.equal(option, one) for option in options.values()), image
    assert len(kinds) > 10
    plain = augmented(pictures, generator(0, "a"), flip=False, pad=0, fill=fill)
    assert torch.equal(plain, pictures)
