"""Put a model and some images beside the page, in bundle/ (not in git).

    python examples/web/bundle.py artifacts/export/quick/maml-lazy-k10/adapt.onnx \
        data/prepare/quick/glyphs/test/images

The images are of test classes, which meta-training has not seen: some to teach, one of each class
held back to ask about. Needs numpy and Pillow.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent / "bundle"


def main(model: Path, data: Path, folder: Path, classes: int, examples: int, seed: int) -> None:
    """Write adapt.onnx, PNG images and examples.json into `folder`."""
    images = np.load(data / "test_images.npy", mmap_mode="r")
    labels = np.load(data / "test_labels.npy")
    names = json.loads((data / "dataset.json").read_text())["splits"]["test"]["classes"]
    chance = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model, folder / "adapt.onnx")
    taught, asked = [], []
    for label in chance.choice(len(names), classes, replace=False):
        chosen = chance.choice(np.flatnonzero(labels == label), examples + 1, replace=False)
        files = [f"{label}-{i}.png" for i in range(examples + 1)]
        for file, index in zip(files, chosen, strict=True):
            pixels = images[index].transpose(1, 2, 0).squeeze()
            Image.fromarray(np.ascontiguousarray(pixels)).save(folder / file)
        taught.append({"name": plain(names[label]), "examples": files[:-1]})
        asked.append(files[-1])
    content = {"classes": taught, "queries": asked}
    (folder / "examples.json").write_text(json.dumps(content, indent=1) + "\n")


def plain(name: str) -> str:
    """A class's name for people: `Old_Church_Slavonic/character29/rot000` is shorter so."""
    return name.removesuffix("/rot000").replace("/character", " ").replace("_", " ")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Put a model and images beside the page.")
    parser.add_argument("model", type=Path, help="adapt.onnx of a few-shot run")
    parser.add_argument("data", type=Path, help="the task's prepared test folder")
    parser.add_argument("--folder", type=Path, default=HERE)
    parser.add_argument("--classes", type=int, default=4)
    parser.add_argument("--examples", type=int, default=2, help="images a class to teach")
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
