"""What is drawn once for all settings, and what is refused before any work."""

from __future__ import annotations

import numpy as np
import pytest

from lazyleap.datasets import store
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError
from neural_fields import kind, prepare
from neural_fields.images import FILE, Chosen
from neural_fields.train import trained_on
from tests.examples.neural_fields import small

TRAIN, TEST = f"train/images/{FILE}", f"test/images/{FILE}"


def options(tmp_path, **draw):
    given = small.params()
    given["tasks"]["drawings"]["draw"].update(draw)
    return small.setting(tmp_path, given).task


def test_each_held_out_image_is_there_once_and_of_its_own_split(tmp_path):
    task = options(tmp_path, validation_images=5, test_images=6)
    sets = {"train": small.images(0, 9), "val": small.images(1, 5), "test": small.images(2, 8)}
    drawn = prepare.draw(sets, task)
    assert list(drawn) == [TRAIN, TEST]
    assert drawn[TRAIN].images.tolist() == [0, 1, 2, 3, 4]
    assert len(set(drawn[TEST].images.tolist())) == 6
    other = prepare.draw(sets, options(tmp_path, validation_images=5, test_images=6, seed=2))
    assert other[TEST].digest != drawn[TEST].digest
    data = small.prepared(tmp_path / "data", **sets)
    drawn[TEST].save(data.folder / FILE)
    assert Chosen.load(data, "test").digest == drawn[TEST].digest
    fewer = small.prepared(tmp_path / "fewer", test=small.images(2, 4))
    drawn[TEST].save(fewer.folder / FILE)
    with pytest.raises(InputError, match="images holds"):
        Chosen.load(fewer, "test")


def test_without_a_validation_split_training_leaves_its_images_out(tmp_path):
    sets = {"train": small.images(0, 9), "test": small.images(2, 4)}
    drawn = prepare.draw(sets, options(tmp_path, validation_images=4))
    data = small.prepared(tmp_path / "data", train=sets["train"])
    drawn[TRAIN].save(data.folder / FILE)
    left = trained_on(data).tolist()
    assert sorted([*left, *drawn[TRAIN].images.tolist()]) == list(range(9))
    assert len(left) == 5
    with_val = small.prepared(tmp_path / "more", train=sets["train"], val=sets["test"])
    drawn[TRAIN].save(with_val.folder / FILE)
    assert trained_on(with_val).tolist() == list(range(9))


def blank(colour: int) -> ImageSet:
    source = small.images(0, 9)
    pixels = source.images.copy()
    pixels[6] = np.array([colour, 9, 0])[:, None, None]
    return ImageSet(pixels, source.labels, source.classes)


REFUSED = {
    "no images": (lambda s: s.clear(), "^dataset.reader: 'glyphs' has no images to fit$"),
    "no test images": (lambda s: s.pop("test"), "^dataset: has no test split, only train, val$"),
    "too few": (
        lambda s: s.update(test=small.images(0, 3)),
        "^draw.test_images: 4 images of the test split, which has 3$",
    ),
    "none left to train on": (
        lambda s: (s.pop("val"), s.update(train=small.images(0, 3))),
        "^draw.validation_images: 3 images of the train split, which has 3$",
    ),
    "an empty image": (
        lambda s: s.update(train=blank(200)),
        r"^dataset: image 6 of the train split \(class 'one'\) is of one colour: there is nothing",
    ),
    "two channels": (
        lambda s: s.update(test=small.images(0, 9, channels=2)),
        "^dataset: images of the test split have 2 channels: 1 .grey. or 3",
    ),
}


@pytest.mark.parametrize("piece", [1, store.PIECE], ids=["one by one", "together"])
@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_fitted_is_refused(change, words, piece, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "PIECE", piece)
    sets = {part: small.images(i, 9) for i, part in enumerate(("train", "val", "test"))}
    task = options(tmp_path)
    prepare.draw(sets, task)
    change(sets)
    with pytest.raises(InputError, match=words):
        prepare.draw(sets, task)


PARAMETERS = {
    "no pixels": (
        lambda t: t["training"].update(pixels=0.0),
        "tasks.drawings.training.pixels: input should be greater than 0, not 0.0",
    ),
    "more than all": (
        lambda t: t["training"].update(pixels=1.5),
        "tasks.drawings.training.pixels: input should be less than or equal to 1, not 1.5",
    ),
    "no layer": (lambda t: t["model"].update(layers=0), "tasks.drawings.model.layers: "),
    "no frequency": (lambda t: t["model"].update(w0=-1.0), "tasks.drawings.model.w0: "),
    "a typo": (
        lambda t: t["model"].update(widht=3),
        "tasks.drawings.model.widht: unknown key; did you mean 'width'?",
    ),
}


@pytest.mark.parametrize(("change", "words"), PARAMETERS.values(), ids=PARAMETERS)
def test_a_wrong_parameter_is_a_sentence(change, words, tmp_path):
    given = small.params()
    change(given["tasks"]["drawings"])
    with pytest.raises(InputError) as refusal:
        small.setting(tmp_path, given)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "run",
    [{"estimator": "implicit"}, {"estimator": "lazy", "placement": "start", "rest": "secants"}],
)
def test_an_estimator_of_one_batch_does_not_go_with_sampled_pixels(run, tmp_path):
    given = small.params(**run)
    given["estimators"]["implicit"] = {"rho": 2.0, "cg_steps": 2}
    small.setting(tmp_path, given)
    given["tasks"]["drawings"]["training"]["pixels"] = 0.5
    words = f"estimator '{run['estimator']}' wants one batch at all inner steps"
    with pytest.raises(InputError, match=words):
        small.setting(tmp_path, given)


def test_the_identity_in_place_of_skipped_steps_goes_with_sampled_pixels(tmp_path):
    given = small.params(estimator="lazy", placement="start")
    given["tasks"]["drawings"]["training"]["pixels"] = 0.5
    assert small.setting(tmp_path, given).task.training.pixels == 0.5


def test_it_takes_what_adapts_a_network():
    from lazyleap import ANIL, MAML, MetaAttack, MetaSGD, Reweight

    assert [kind.takes(a) for a in (MAML, ANIL, MetaSGD, MetaAttack, Reweight)] == [
        *[True] * 3,
        *[False] * 2,
    ]
