"""How much memory and time the stage `prepare` takes for a folder of many images.

    python -m benchmarks.prepare --images 60000 --out docs/results/prepare

Makes class folders of 84x84 colour images (JPEG or PNG) in a temporary folder, prepares a quarter
of them, then all, each in a process of its own, and draws a straight line through the two for more.
The images have just been written, so they are read from the page cache, not from a disk.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import typer
from PIL import Image

from benchmarks.before import children
from lazyleap import yamlfile
from stages import machine
from stages.program import run

ROOT = Path(__file__).parents[1]
TASK = "glyphs"  # of params.yaml; its images are replaced
SIDE = 84  # pixels
KINDS = 200  # different images; each is written as often as it takes
TALLY = """
import atexit, pathlib, runpy
atexit.register(lambda: print(pathlib.Path("/proc/self/status").read_text()))
runpy.run_module("stages.prepare", run_name="__main__")
"""


def main(
    images: Annotated[int, typer.Option(help="images of the larger folder")] = 60_000,
    classes: Annotated[int, typer.Option(help="class folders")] = 100,
    form: Annotated[str, typer.Option(help="jpeg or png")] = "jpeg",
    more: Annotated[int, typer.Option(help="images to reckon for")] = 600_000,
    out: Annotated[str, typer.Option(help="folder of the numbers; none: only shown")] = "",
) -> None:
    """Measure two folders and reckon for a larger one."""
    made = machine.describe(torch.device("cpu"), 1)
    kind: Literal["jpeg", "png"] = "png" if form == "png" else "jpeg"
    few = images // 4
    with tempfile.TemporaryDirectory() as folder:
        rows = [prepared(Path(folder), count // classes, classes, kind) for count in (few, images)]
    facts = {
        **made,
        "cores": os.cpu_count(),
        "form": kind,
        "bytes_decoded_an_image": 3 * SIDE * SIDE,
    }
    content = json.dumps({**facts, "measured": rows, "reckoned": line(rows, more)}, indent=1)
    print(content)
    if out:
        Path(out).mkdir(parents=True, exist_ok=True)
        (Path(out) / "prepare.json").write_text(content + "\n")


def prepared(folder: Path, each: int, classes: int, form: Literal["jpeg", "png"]) -> dict[str, Any]:
    """Prepare a folder of so many images a class; what it took."""
    place = folder / str(each)
    fill(place / "mine", each, classes, form)
    (place / "params.yaml").write_text(json.dumps(params()))
    command = [sys.executable, "-c", TALLY, "--params", "params.yaml", TASK]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LAZYLEAP_PROGRESS_SECONDS": "5"}
    before, start = children(), time.monotonic()
    done = subprocess.run(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    seconds = time.monotonic() - start
    (high,) = (line for line in done.stdout.splitlines() if line.startswith("VmHWM"))
    return {
        "images": each * classes,
        "peak_memory_mib": round(int(high.split()[1]) / 2**10, 1),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(children() - before, 1),
    }


def line(rows: list[dict[str, Any]], images: int) -> dict[str, Any]:
    """Each measure on the straight line through two sizes."""
    few, many = rows
    ahead = (images - many["images"]) / (many["images"] - few["images"])
    named = ("peak_memory_mib", "cpu_seconds")  # the clock's seconds are also of other work
    return {"images": images} | {k: round(many[k] + ahead * (many[k] - few[k]), 1) for k in named}


def fill(folder: Path, each: int, classes: int, form: str) -> None:
    """Class folders of smooth random colours with some noise, as photographs are."""
    chance = np.random.default_rng(0)
    known = [encoded(chance, form) for _ in range(KINDS)]
    for label in range(classes):
        place = folder / f"class{label:03}"
        place.mkdir(parents=True)
        for number in range(each):
            content = known[chance.integers(KINDS)]
            (place / f"{number:05}.{form}").write_bytes(content)


def encoded(chance: np.random.Generator, form: str) -> bytes:
    """One image as a file."""
    coarse = Image.fromarray(chance.integers(0, 256, (6, 6, 3), np.uint8))
    smooth = np.asarray(coarse.resize((SIDE, SIDE)), np.int64)
    noisy = np.clip(smooth + chance.integers(-12, 13, smooth.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, form)
    return file.getvalue()


def params() -> Mapping[str, Any]:
    """The project's own with one task, of these images."""
    content: dict[str, Any] = yamlfile.read(ROOT / "params.yaml")
    task = content["tasks"][TASK]
    task["dataset"] = {
        "reader": "image-folder",
        "source": "mine",
        "size": SIDE,
        "channels": 3,
        "min_images": 1,
        "fractions": {"train": 0.64, "val": 0.16, "test": 0.2, "seed": 0},
    }
    runs = {name: r for name, r in content["runs"].items() if r["task"] == TASK}
    return content | {"tasks": {TASK: task}, "runs": runs, "surrogates": {}, "targets": {}}


if __name__ == "__main__":
    run(main)
