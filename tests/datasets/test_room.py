"""Images gathered in memory and in files: the same arrays."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from lazyleap.datasets import room, store
from lazyleap.datasets.store import ImageSet

ROWS = np.random.default_rng(0).integers(0, 256, (7, 3, 4, 5), np.uint8)


@pytest.fixture
def told(tmp_path):
    """What was told of arrays that are gathered in files of this folder."""
    told: list[tuple[int, int]] = []
    with room.files(tmp_path, tmp_path, lambda done, total: told.append((done, total))):
        yield told


def test_a_file_is_as_numpy_writes_it(tmp_path, told):
    found = room.gather(iter(ROWS), ROWS.shape)
    np.testing.assert_array_equal(found, ROWS)
    assert not found.flags.writeable
    assert told == [(done, 7) for done in range(1, 8)]
    assert room.moved(found, tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", ROWS)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_a_file_is_moved_once_and_only_a_whole_one(tmp_path, told):
    found, other = (room.gather(iter(ROWS), ROWS.shape) for _ in range(2))
    assert not room.moved(found[1:], tmp_path / "a.npy")
    assert not room.moved(ROWS, tmp_path / "a.npy")
    assert room.moved(found, tmp_path / "a.npy")
    assert not room.moved(found, tmp_path / "b.npy")
    assert room.moved(other, tmp_path / "c.npy")


def test_outside_of_files_it_is_memory(tmp_path):
    with room.files(tmp_path, tmp_path, print):
        pass
    found = room.gather(iter(ROWS), ROWS.shape)
    np.testing.assert_array_equal(found, ROWS)
    assert found.flags.writeable
    assert not room.moved(found, tmp_path / "a.npy")
    assert not list(tmp_path.iterdir())


WRONG = {
    "fewer": ROWS[:6],
    "more": np.concatenate([ROWS, ROWS[:1]]),
    "another shape": ROWS[:, :1],
    "another type": ROWS.astype(np.float32),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("mapped", [False, True])
def test_other_images_than_said_are_an_error(case, mapped, request):
    if mapped:
        request.getfixturevalue("told")
    with pytest.raises(ValueError, match=r"shorter|longer|an image is"):
        room.gather(iter(WRONG[case]), ROWS.shape)


def test_the_same_array_for_two_splits_is_stored_twice(tmp_path, told):
    same = ImageSet(room.gather(iter(ROWS), ROWS.shape), np.zeros(7, np.int64), ("a",))
    store.save(tmp_path / "set", {"train": same, "test": same}, {})
    whole = ImageSet(ROWS, same.labels, same.classes)
    assert store.load(tmp_path / "set").info["digest"] == store.digest(
        {"train": whole, "test": whole}
    )
    for name in ("train", "test"):
        images = store.load(tmp_path / "set").split(name).images
        np.testing.assert_array_equal(images, ROWS)


def resident() -> int:
    """Bytes of this process that lie in memory, maps of files among them."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_no_more_of_a_map_is_held_than_a_piece(tmp_path, told):
    row = np.arange(3 * 256 * 256, dtype=np.uint8).reshape(3, 256, 256)
    tracemalloc.start()
    found = room.gather((row for _ in range(200)), (200, *row.shape))
    assert tracemalloc.get_traced_memory()[1] < found.nbytes / 10
    tracemalloc.stop()
    before, most = resident(), 0
    for piece in store.pieces(found):
        assert piece.max() == 255
        most = max(most, resident() - before)
    assert most < 3 * store.PIECE < found.nbytes / 3
    assert store.moments(found) == store.moments(np.stack([row] * 200))
