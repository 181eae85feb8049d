"""What is drawn once for all settings comes from the task's seed by name, as in recorded results.

A stream NAME of SEED is PCG64 of sha256("SEED/NAME"): another rule would change every result.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from lazyleap import registry
from lazyleap.attack import prepare as attack
from lazyleap.attack.chosen import choose
from lazyleap.fewshot import prepare as fewshot
from lazyleap.fewshot.episodes import Sampler
from lazyleap.longtail import prepare as longtail
from lazyleap.longtail import profile
from tests.handmade import images, setting

SEED = 5
SETS = {"train": images(1, [9, 8, 7]), "val": images(2, [6, 7, 6]), "test": images(3, [8, 6, 9])}
OWN = {"fewshot": "maml", "longtail": "reweight", "attack": "square"}
ZOO = {"algorithm": "zoo", "estimator": "none", "horizon": 1}
RULE = {"algorithm": "cross_entropy", "estimator": "none", "horizon": 1}
EXACT = {"algorithm": "maml", "estimator": "exact", "horizon": 1}


def stream(*name: object) -> np.random.Generator:
    key = hashlib.sha256("/".join(map(str, (SEED, *name))).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key, "little")))


def options(folder, task, run, **draw):
    def change(params):
        params["tasks"][task]["draw"] |= draw | {"seed": SEED}
        params["tasks"][task]["training"] |= {"way": draw["way"]} if "way" in draw else {}

    return setting(folder, task, run, change).task


def same(found, expected) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_the_images_of_an_attack_and_those_held_out(tmp_path):
    found = attack.draw(SETS, options(tmp_path, "glyphs-attack", ZOO, held_out=7, images=11))
    held_out, attacked = found[attack.HELD_OUT], found[attack.ATTACKED]
    assert held_out.digest == choose(SETS["train"], 7, stream("held_out")).digest
    assert attacked.digest == choose(SETS["test"], 11, stream("attacked")).digest


def test_episodes_for_validation_and_test(tmp_path):
    sizes = {"way": 2, "shot": 2, "query": 3}
    counts = {"validation_episodes": 4, "test_episodes": 6}
    found = fewshot.draw(SETS, options(tmp_path, "glyphs", EXACT, **sizes, **counts))
    for file, part, count in ((fewshot.VALIDATION, "val", 4), (fewshot.TEST, "test", 6)):
        expected = Sampler(SETS[part], 2, 2, 3).draw(count, stream(part))
        assert np.array_equal(found[file].support, expected.support)
        assert np.array_equal(found[file].query, expected.query)


def test_the_images_of_a_long_tail(tmp_path):
    chosen = {"imbalance": 2.0, "meta_per_class": 2, "validation_per_class": 1}
    found = longtail.draw(SETS, options(tmp_path, "glyphs-lt", RULE, **chosen))
    expected = profile.choose(SETS["train"], 2.0, 2, stream("longtail"), None, 1)
    assert {one.digest for one in found.values()} == {expected.digest}
    looked_at = {tuple(one.validation) for one in found.values()}
    assert looked_at == {tuple(expected.validation)}


@pytest.mark.parametrize(("name", "own"), OWN.items())
def test_attacks_alone_have_classifiers_besides(name, own):
    kind = registry.kind(name)
    assert kind.CLASSIFIERS is (name == "attack")
    assert kind.takes(registry.find("algorithm", own))
    assert not any(
        kind.takes(registry.find("algorithm", other)) for other in {*OWN.values()} - {own}
    )
