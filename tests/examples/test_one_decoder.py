"""The data readers, the predictor and the lone example see the same bytes of every image file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lazyleap.datasets import images
from lazyleap.errors import InputError
from tests.test_examples import ROOT, load

example = load(ROOT / "examples" / "adapt.py")
HEIGHT, WIDTH = 20, 30


def colours() -> np.ndarray:
    """No symmetry, no two channels alike: a turn, a mirror or a swap shows."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([8 * x, 12 * y, 4 * x + 4 * y], 2).astype(np.uint8)


def rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter
    Image.fromarray(colours()).save(path, exif=exif, quality=95)


def animated(path: Path) -> None:
    second = Image.new("RGB", (WIDTH, HEIGHT), "white")
    Image.fromarray(colours()).save(path, save_all=True, append_images=[second])


def palette(path: Path) -> None:
    flat = Image.fromarray(colours()).quantize(16)
    flat.save(path, transparency=3)


def alpha(path: Path) -> None:
    opaque = (255 * (np.mgrid[:HEIGHT, :WIDTH][1] > 9)).astype(np.uint8)
    Image.fromarray(np.dstack([colours(), opaque])).save(path)


def deep(path: Path, **options) -> None:
    Image.fromarray(257 * colours()[..., 0].astype(np.uint16)).save(path, **options)


FILES = {
    "colour.png": lambda p: Image.fromarray(colours()).save(p),
    "grey.png": lambda p: Image.fromarray(colours()[..., 0]).save(p),
    "rotated.jpg": rotated,
    "cmyk.jpg": lambda p: Image.fromarray(colours()).convert("CMYK").save(p),
    "cmyk.tiff": lambda p: Image.fromarray(colours()).convert("CMYK").save(p),
    "bits.png": lambda p: Image.fromarray(colours()[..., 0]).convert("1").save(p),
    "palette.png": palette,
    "alpha.png": alpha,
    "grey-alpha.png": lambda p: Image.fromarray(colours()[..., :2]).save(p),
    "deep.png": deep,
    "deep-transparent.png": lambda p: deep(p, transparency=257 * 8),
    "deep.tiff": deep,
    "deep.pgm": lambda p: Image.fromarray(257 * colours()[..., 0].astype(np.int32)).save(p),
    "animated.gif": animated,
    "animated.webp": animated,
    "colour.bmp": lambda p: Image.fromarray(colours()).save(p),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", FILES)
def test_the_example_sees_what_the_readers_see(tmp_path, name, channels):
    path = tmp_path / name
    FILES[name](path)
    for size in (HEIGHT, 7, 33):
        seen = images.decode(path, size, channels, crop=False)
        found = example.read(path, {"channels": channels, "height": size, "width": size}, False)
        assert seen.dtype == np.uint8
        np.testing.assert_array_equal(found, seen.astype(np.float32) / np.float32(255))


def test_both_take_the_same_files_in_a_folder(tmp_path):
    for name in (*FILES, ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert images.files(tmp_path) == example.images_in(tmp_path)
    left_out = set(FILES) - {path.name for path in images.files(tmp_path)}
    assert left_out == {"deep.pgm"}


def decoded(tmp_path: Path, name: str, size: int = WIDTH) -> np.ndarray:
    FILES[name](tmp_path / name)
    return images.decode(tmp_path / name, size, 3, crop=False).transpose(1, 2, 0).astype(int)


def test_what_they_see_is_right(tmp_path):
    """By hand, in the size of the file where nothing is resized (one side is stretched)."""
    plain = decoded(tmp_path, "colour.png")
    turned = decoded(tmp_path, "rotated.jpg")
    assert np.abs(turned - np.rot90(plain, -1)).max() < 24  # JPEG, and stretched the other way
    assert np.abs(turned - plain).max() > 100
    np.testing.assert_allclose(decoded(tmp_path, "animated.webp"), plain, atol=24)  # not white
    assert (decoded(tmp_path, "alpha.png")[:, :9] == 255).all()
    np.testing.assert_array_equal(decoded(tmp_path, "alpha.png")[:, 12:], plain[:, 12:])
    for name in ("deep.png", "deep.tiff", "deep.pgm"):
        np.testing.assert_array_equal(decoded(tmp_path, name)[..., 0], plain[..., 0])
    clear = decoded(tmp_path, "deep-transparent.png")
    assert (clear[:, 1] == 255).all()
    np.testing.assert_array_equal(clear[:, 3:, 0], plain[:, 3:, 0])


REFUSED = {
    "real.tiff": (np.full((4, 4), np.nan, np.float32), "it holds real numbers, of unknown range"),
    "wide.tiff": (np.full((4, 4), 65536, np.int32), "it holds numbers from 65536 to 65536"),
    "negative.tiff": (np.full((4, 4), -1, np.int32), "it holds numbers from -1 to -1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse_what_has_no_black_and_white(tmp_path, name):
    pixels, words = REFUSED[name]
    path = tmp_path / name
    Image.fromarray(pixels).save(path)
    said = []
    with pytest.raises(InputError, match=words) as refusal:
        images.decode(path, 8, 1, crop=False)
    said.append(str(refusal.value))
    with pytest.raises(example.RefusedError, match=words) as refusal:
        example.read(path, {"channels": 1, "height": 8, "width": 8}, False)
    assert said == [str(refusal.value)]
