"""Put a learned field and some pictures beside the page, in bundle/fields/ (not in git).

    python examples/web/bundle_fields.py artifacts/export/fields/exact-k3 \
        data/prepare/fields/drawings/test/images

The pictures are test images, which meta-training has not seen. Needs numpy and Pillow.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent / "bundle" / "fields"
FILES = ("adapt.onnx", "fit.onnx")


def main(exported: Path, data: Path, folder: Path, pictures: int, seed: int) -> None:
    """Write adapt.onnx, fit.onnx, PNG images and pictures.json into `folder`."""
    images = np.load(data / "test_images.npy", mmap_mode="r")
    chosen = np.random.default_rng(seed).choice(len(images), pictures, replace=False)
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        shutil.copyfile(exported / file, folder / file)
    names = [f"{index}.png" for index in chosen]
    for name, index in zip(names, chosen, strict=True):
        pixels = images[index].transpose(1, 2, 0).squeeze()
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / name)
    (folder / "pictures.json").write_text(json.dumps(names) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Put a learned field beside the page.")
    parser.add_argument("exported", type=Path, help="a run's exported folder")
    parser.add_argument("data", type=Path, help="the task's prepared test folder")
    parser.add_argument("--folder", type=Path, default=HERE)
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
