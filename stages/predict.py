"""Labels of images by an exported classifier: ``python -m stages.predict MODEL.onnx IMAGES...``.

Needs onnxruntime, numpy and Pillow, and no stage before it. Images are made grey or coloured and
stretched to the size that the model's metadata say, as in training. An image that cannot be read,
or that the model answers with what is not a number, is named on stderr; the others are answered all
the same, and the exit code is 3. Where nothing can be answered it is 2, and nothing is printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lazyleap import onnxfile
from lazyleap.datasets.images import SUFFIXES, decode, files
from lazyleap.errors import InputError

LARGEST = 1024  # pixels a side, as params.yaml has it
BATCH = 64  # images a call: bounds the memory
BAD_INPUT, UNANSWERED = 2, 3
Shares = NDArray[np.float64]
Rows = Sequence[Shares]


class Answers(NamedTuple):
    """The probabilities ``[classes]`` of each image that has some, a sentence on each other one."""

    paths: list[Path]
    shares: list[Shares]
    refused: list[str]

    def add(self, path: Path, shares: Shares) -> None:
        """What the model answered."""
        if np.isfinite(shares).all():
            self.paths.append(path)
            self.shares.append(shares)
        else:
            self.refused.append(f"image {path}: the model's answer is not a number")


class Classifier:
    """A ``model.onnx`` that the export stage wrote of a long-tailed run.

    Raises InputError for a file that is missing, no ONNX model, or without the metadata that say
    which classes it knows.
    """

    def __init__(self, path: Path) -> None:
        self.session = onnxfile.opened(path, threads=0)
        self.path, facts = path, _metadata(path, self.session)
        if "adaptation_steps" in facts:
            raise InputError(f"{path}: has learned no classes yet; see examples/adapt.py")
        try:
            self.classes: list[str] = json.loads(facts["class_names"])
            image = json.loads(facts["image"])
            self.size, self.channels = int(image["height"]), image["channels"]
            if not 0 < self.size <= LARGEST or self.channels not in (1, 3):
                raise ValueError(f"images of {self.channels} x {self.size} pixels a side")
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}: its metadata name no classes or no image size ({error!r}): it is no "
                "classifier that python -m stages.export wrote"
            ) from error

    def answer(self, paths: Sequence[Path], invert: bool = False) -> Answers:
        """Of image files; ``invert`` swaps bright and dark."""
        found = Answers([], [], [])
        for i in range(0, len(paths), BATCH):
            images = _read(paths[i : i + BATCH], self.size, self.channels, found.refused)
            if images:
                shares = self._probabilities(np.stack([pixels for _, pixels in images]), invert)
                for (path, _), row in zip(images, shares, strict=True):
                    found.add(path, row)
        return found

    def _probabilities(self, images: NDArray[np.uint8], invert: bool) -> Shares:
        pixels = images.astype(np.float32) / np.float32(255)
        feed = {"images": 1 - pixels if invert else pixels}
        try:
            found = np.asarray(self.session.run(["probabilities"], feed)[0], np.float64)
        except Exception as error:  # its exceptions have no common base but this one
            raise InputError(
                f"{self.path}: gives no probabilities of images ({onnxfile.reason(error)})"
            ) from error
        if found.shape != (len(images), len(self.classes)):
            raise InputError(
                f"{self.path}: gives probabilities of shape {list(found.shape)} for {len(images)} "
                f"images and {len(self.classes)} classes"
            )
        return found


def _read(
    paths: Sequence[Path], size: int, channels: Literal[1, 3], refused: list[str]
) -> list[tuple[Path, NDArray[np.uint8]]]:
    """The pixels of what can be read; of what cannot, a sentence goes to ``refused``."""
    found = []
    for path in paths:
        try:
            found.append((path, decode(path, size, channels, crop=False)))
        except InputError as error:
            refused.append(str(error))
    return found


def _metadata(path: Path, session: onnxruntime.InferenceSession) -> dict[str, str]:
    try:
        found: dict[str, str] = session.get_modelmeta().custom_metadata_map
    except UnicodeError as error:
        raise InputError(f"{path}: its metadata are not UTF-8") from error
    return found


def images_in(places: Iterable[Path]) -> list[Path]:
    """Files as given, and the images directly in each folder, by name."""
    found: list[Path] = []
    for place in places:
        inside = files(place) if place.is_dir() else [place]
        if not inside:
            raise InputError(f"folder {place} has no images ({', '.join(SUFFIXES)})")
        found += inside
    return found


def write_table(out: TextIO, paths: Sequence[Path], classes: Sequence[str], shares: Rows) -> None:
    """A line an image: its label, then the three likeliest classes."""
    width = max(len(str(path)) for path in paths)
    named = max(len(name) for name in classes)
    for path, row in zip(paths, shares, strict=True):
        best = np.argsort(-row, kind="stable")[:3]
        likeliest = "  ".join(f"{classes[i]} {row[i]:.3f}" for i in best)
        out.write(f"{path!s:<{width}}  {classes[best[0]]:<{named}}  {likeliest}\n")


def write_csv(out: TextIO, paths: Sequence[Path], classes: Sequence[str], shares: Rows) -> None:
    """``image,label,probability``, then the probability of each class."""
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["image", "label", "probability", *classes])
    for path, row in zip(paths, shares, strict=True):
        best = int(row.argmax())
        rows.writerow([path, classes[best], f"{row[best]:.6f}", *(f"{p:.6f}" for p in row)])


def write_json(out: TextIO, paths: Sequence[Path], classes: Sequence[str], shares: Rows) -> None:
    """A list of ``{image, label, probability, probabilities: {class: share}}``."""
    found: list[dict[str, Any]] = [
        {
            "image": str(path),
            "label": classes[int(row.argmax())],
            "probability": float(row.max()),
            "probabilities": dict(zip(classes, map(float, row), strict=True)),
        }
        for path, row in zip(paths, shares, strict=True)
    ]
    out.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


WRITERS = {"table": write_table, "csv": write_csv, "json": write_json}


def main(words: list[str] | None = None) -> int:
    """Print what each image is; the exit code."""
    asked = _parse(words)
    classifier, paths = Classifier(asked.model), images_in(asked.images)
    paths, shares, refused = classifier.answer(paths, asked.invert)
    if paths:
        form = asked.format or ("table" if sys.stdout.isatty() else "csv")
        WRITERS[form](sys.stdout, paths, classifier.classes, shares)
    for sentence in refused:
        print(f"error: {sentence}", file=sys.stderr)
    return (UNANSWERED if paths else BAD_INPUT) if refused else 0


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stages.predict", description="Labels of images.")
    parser.add_argument("model", type=Path, help="model.onnx of a long-tailed run")
    parser.add_argument("images", type=Path, nargs="+", help="image files, or folders of them")
    parser.add_argument(
        "--format", choices=WRITERS, help="default: a table on a terminal, else csv"
    )
    parser.add_argument("--invert", action="store_true", help="swap bright and dark, as for ink")
    parser.add_argument("--traceback", action="store_true", help="show where an error was raised")
    return parser.parse_args(words)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        if "--traceback" in sys.argv:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
