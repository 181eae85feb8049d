"""The GPU benchmark, tried on the CPU: what it lists, measures, goes on from and refuses."""

from __future__ import annotations

import csv
from functools import partial

import pytest
import torch

from benchmarks import gpu
from benchmarks.contest import SMALL
from lazyleap.errors import InputError, OutOfTimeError

CPU = torch.device("cpu")
tiny = partial(gpu.main, device="cpu", horizons="1,2", rounds=1, width=2)


def rows(folder):
    with (folder / "gpu.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_stops_at_its_budget_and_goes_on_from_there(tmp_path, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(gpu.time, "monotonic", lambda: next(clock))
    with pytest.raises(OutOfTimeError, match=r"11 cells of .*gpu\.csv to go"):
        tiny(str(tmp_path), max_seconds=5)
    before = rows(tmp_path)
    assert len(before) == 5
    tiny(str(tmp_path), max_seconds=99)
    after = rows(tmp_path)
    assert after[:5] == before
    measured = [(row["who"], row["how"], int(row["horizon"])) for row in after]
    assert measured == [cell[:3] for cell in gpu.every([1, 2], CPU)]
    assert all(float(row["least"]) > 0 for row in after)
    assert all(float(row["gap"]) < 1e-4 for row in after)  # float32, side by side or not


def test_rows_of_other_settings_are_not_gone_on_from(tmp_path):
    with pytest.raises(OutOfTimeError):
        tiny(str(tmp_path), max_seconds=0)
    gpu.append(tmp_path / "gpu.csv", gpu.Cell("lazy", "loop", 1, False), {"ms": "1"})
    with pytest.raises(InputError, match="name another --out"):
        tiny(str(tmp_path), width=3)


def test_a_gpu_is_also_asked_for_graphs_and_tf32():
    cells = list(gpu.every([1, 5], torch.device("cuda")))
    assert len(cells) == len(set(cells)) == 2 * 2 * (4 * 2 + 2)
    assert gpu.Cell("student", "graph", 5, True) in cells
    assert {cell.how for cell in cells if cell.who == "exact"} == {"loop", "together"}


def test_what_a_device_cannot_do_is_said_in_its_row():
    cell = gpu.Cell("student", "graph", 1, False)
    found = gpu.measured(cell, 1, SMALL._replace(width=2), CPU)
    assert found["ms"] == ""
    assert "Error" in found["failed"]


def test_without_a_gpu_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="torch sees no GPU here"):
        gpu.main(str(tmp_path))
    assert not list(tmp_path.iterdir())
