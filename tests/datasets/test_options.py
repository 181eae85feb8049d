from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from lazyleap.datasets.options import DatasetOptions
from lazyleap.registry import READERS

DISTORTION = ("rotation", "shear", "scale", "shift", "stroke", "noise")
GOOD = {
    "none": {},
    "omniglot": {"splits": "lists", "size": 28},
    "cifar-fs": {"splits": "lists"},
    "fc100": {"splits": "lists"},
    "cifar-10": {},
    "cifar-100": {},
    "mnist": {},
    "miniimagenet": {"splits": "lists", "size": 84, "images_per_class": 600},
    "tieredimagenet": {"splits": "lists", "size": 84, "images_per_class": 600},
    "image-folder": {"size": 32, "channels": 3, "min_images": 2},
    "characters": {
        "size": 28,
        "characters": "ceo",
        "images_per_class": {"train": 3, "test": 2},
        "distortion": dict.fromkeys(DISTORTION, 0.1),
        "seed": 0,
    },
    "glyphs": {
        "size": 28,
        "classes": {"train": 8, "val": 4, "test": 4},
        "images_per_class": 3,
        "distortion": {
            "rotation": 15.0,
            "shear": 0.1,
            "scale": 0.1,
            "shift": 0.05,
            "stroke": 0.5,
            "noise": 0.1,
        },
        "seed": 0,
    },
}


def parse(block):
    return TypeAdapter(DatasetOptions).validate_python(block)


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_has_options(reader):
    options = parse({"reader": reader, "source": "somewhere", **GOOD[reader]})
    assert options.reader == reader


@pytest.mark.parametrize("reader", READERS)
def test_unknown_keys_are_refused(reader):
    with pytest.raises(ValidationError, match="Extra inputs"):
        parse({"reader": reader, "source": "somewhere", **GOOD[reader], "sise": 28})


@pytest.mark.parametrize("key", ["source", "splits", "size"])
def test_nothing_has_a_default(key):
    block = {"reader": "omniglot", "source": "somewhere", **GOOD["omniglot"]}
    del block[key]
    with pytest.raises(ValidationError, match=key):
        parse(block)


@pytest.mark.parametrize(
    ("key", "value"), [("size", 4), ("size", "28"), ("channels", 2), ("min_images", 0)]
)
def test_values_out_of_range_are_refused(key, value):
    block = {"reader": "image-folder", "source": "somewhere", **GOOD["image-folder"], key: value}
    with pytest.raises(ValidationError, match=key):
        parse(block)


def test_fractions_must_sum_to_one():
    fractions = {"train": 0.5, "val": 0.2, "test": 0.2, "seed": 0}
    block = {
        "reader": "image-folder",
        "source": "x",
        **GOOD["image-folder"],
        "fractions": fractions,
    }
    with pytest.raises(ValidationError, match=r"must be 1, not 0\.9"):
        parse(block)


def test_importing_options_does_not_import_torch():
    code = "import sys, lazyleap.datasets.options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
