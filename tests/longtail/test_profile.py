"""Which images a long tail keeps, and what is refused before any training."""

from __future__ import annotations

import numpy as np
import pytest

from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError
from lazyleap.longtail.profile import LongTail, choose, profile
from lazyleap.seeding import generator


def images(*counts: int) -> ImageSet:
    labels = generator(0, "order").permutation(np.repeat(np.arange(len(counts)), counts))
    names = tuple("abcdefghijkl"[: len(counts)])
    return ImageSet(np.zeros((len(labels), 1, 8, 8), np.uint8), labels.astype(np.int64), names)


def chance(seed: int = 0) -> np.random.Generator:
    return generator(seed, "test")


@pytest.mark.parametrize(
    ("n", "imbalance", "classes", "total", "last"),
    [
        (5000, 100, 10, 12_406, 50),  # Cao et al.: CIFAR-10-LT
        (5000, 10, 10, 20_431, 500),
        (500, 100, 100, 10_847, 5),  # CIFAR-100-LT
        (500, 10, 100, 19_573, 50),
        (4990, 1, 10, 49_900, 4990),
    ],
)
def test_the_published_profiles(n, imbalance, classes, total, last):
    counts = profile(n, imbalance, classes)
    assert counts[0] == n
    assert counts[-1] == last
    assert counts.sum() == total
    assert (np.diff(counts) <= 0).all()


def test_meta_set_first_and_balanced_then_the_profile():
    source = images(40, 30, 50)
    tail = choose(source, 5, 10, chance())
    assert tail.counts.tolist() == profile(20, 5, 3).tolist() == [20, 8, 4]
    assert np.bincount(source.labels[tail.train]).tolist() == [20, 8, 4]
    assert np.bincount(source.labels[tail.meta]).tolist() == [10, 10, 10]
    assert not set(tail.train) & set(tail.meta)
    assert len(set(tail.train)) == 32


def test_the_meta_set_does_not_depend_on_the_imbalance():
    small, large = (choose(images(40, 40), f, 10, chance()) for f in (1, 20))
    assert small.meta.tolist() == large.meta.tolist()
    assert set(large.train) < set(small.train)


def test_validation_images_are_of_neither_and_the_same_for_every_imbalance():
    source = images(40, 30, 50)
    small, tail = (choose(source, f, 10, chance(), validation_per_class=6) for f in (1, 5))
    assert np.bincount(source.labels[tail.validation]).tolist() == [6, 6, 6]
    assert not set(tail.validation) & {*tail.train, *tail.meta}
    assert tail.counts.tolist() == profile(14, 5, 3).tolist()
    assert small.validation.tolist() == tail.validation.tolist()


def test_without_them_validation_looks_at_the_meta_set(tmp_path):
    tail = choose(images(40, 30, 50), 5, 10, chance())
    tail.save(tmp_path / "tail.npz")
    stored = LongTail.load(tmp_path / "tail.npz")
    assert stored.validation.tolist() == stored.meta.tolist() == tail.meta.tolist()


def test_none_keeps_what_is_imbalanced_already():
    assert choose(images(40, 15, 12), None, 10, chance()).counts.tolist() == [30, 5, 2]


def test_the_order_says_which_classes_keep_the_most():
    source = images(40, 30, 50)
    plain = choose(source, 5, 10, chance())
    tail = choose(source, 5, 10, chance(), order=["c", "a", "b"])
    assert tail.counts.tolist() == [8, 4, 20]
    assert np.bincount(source.labels[tail.train]).tolist() == [8, 4, 20]
    assert tail.meta.tolist() == plain.meta.tolist()
    same = choose(source, 5, 10, chance(), order=["a", "b", "c"])
    assert same.digest == plain.digest


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (["a", "b"], r"^draw\.order: 'c' is missing$"),
        (["a", "b", "d"], r"^draw\.order: 'd' is no class; valid: a, b, c$"),
        (["a", "b", "c", "b"], r"^draw\.order: 'b' stands twice$"),
    ],
)
def test_an_order_of_other_classes_is_refused(order, words):
    with pytest.raises(InputError, match=words):
        choose(images(40, 30, 50), 5, 10, chance(), order=order)


def test_seeded_stored_and_told_by_its_digest(tmp_path):
    one, same, other = (choose(images(40, 40), 4, 5, chance(seed)) for seed in (0, 0, 1))
    assert one.digest == same.digest != other.digest
    one.save(tmp_path / "tail.npz")
    assert LongTail.load(tmp_path / "tail.npz").digest == one.digest
    (tmp_path / "tail.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="not a stored long tail"):
        LongTail.load(tmp_path / "tail.npz")


@pytest.mark.parametrize(
    ("counts", "imbalance", "meta", "words"),
    [
        ((40, 40), 0.5, 10, r"^imbalance 0\.5: .*1 or more$"),
        ((40, 40), float("nan"), 10, "^imbalance nan"),
        ((40, 40), 100, 10, "^class 'b' would be left without .* 30 remain .* imbalance 100$"),
        ((40, 10), None, 10, "^class 'b' would be left without .* as they are$"),
        ((40, 9), 10, 10, "^class 'b' has 9 images, fewer than the 10 that meta_per_class"),
        ((40,), 10, 10, "^1 class: "),
    ],
)
def test_refused_in_one_sentence(counts, imbalance, meta, words):
    with pytest.raises(InputError, match=words):
        choose(images(*counts), imbalance, meta, chance())


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_out_of_range_is_refused_with_its_image(label):
    source = images(20, 20)
    source.labels[7] = label
    with pytest.raises(InputError, match=rf"^image 7 has label {label}, outside 0\.\.1$"):
        choose(source, 2, 5, chance())
