"""A device by its name, or as a block that says how it rounds."""

from __future__ import annotations

import pytest
import yaml

from lazyleap.errors import InputError
from lazyleap.settings import load
from tests.conftest import ROOT

BLOCK = {"name": "cuda", "tf32": False, "deterministic": True}


def given(device, folder):
    params = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"device": device}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return load(folder / "params.yaml")


@pytest.mark.parametrize("device", ["auto", BLOCK])
def test_it_is_as_it_was_given(device, tmp_path):
    assert given(device, tmp_path).device == device


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("gpu", "device: input should be 'auto', 'cpu' or 'cuda', not 'gpu'"),
        ([1], "device: input should be 'auto', 'cpu' or 'cuda', not list"),
        (
            BLOCK | {"name": "gpu"},
            "device.name: input should be 'auto', 'cpu' or 'cuda', not 'gpu'",
        ),
        (BLOCK | {"tf32": 1}, "device.tf32: input should be a valid boolean, not 1"),
        (BLOCK | {"tf23": True}, "device.tf23: unknown key; did you mean 'tf32'?"),
        ({"name": "cuda", "tf32": False}, "device.deterministic: is missing"),
    ],
)
def test_refused_in_one_sentence(device, sentence, tmp_path):
    with pytest.raises(InputError) as refused:
        given(device, tmp_path)
    assert str(refused.value) == f"{tmp_path / 'params.yaml'}: {sentence}"
