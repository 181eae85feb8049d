"""Learn new classes from a few images, with onnxruntime, numpy and Pillow alone.

    python examples/adapt.py artifacts/export/quick/maml-lazy-k10/adapt.onnx SUPPORT QUERIES

SUPPORT has a folder a class with some images each; QUERIES is a folder of images. Printed: a line a
query with its label and the probability of each class. `--invert` is for dark ink on light paper:
the models of glyphs and Omniglot learned bright ink on black. Images are decoded as in training:
turned as their EXIF orientation says, transparency laid on white, of 16 bits the upper eight, of an
animation the first frame.

What is refused, in one sentence and with exit code 2, because the graph itself would answer with
meaningless numbers: no support images; more classes than the model has; a label out of 0..N-1; a
support image that cannot be read; negative steps; a negative rate or one that is not a number; a
rate at which learning diverges. A query that cannot be read is named, the others are answered, and
the exit code is 3. Zero steps are allowed and answer with the meta-learned start, which knows no
class yet: near chance. With fewer classes than the model has, the outputs without examples are left
out: their probability is 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageOps

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
UNANSWERED = 3  # the exit code when some queries could not be read
Pixels = NDArray[np.float32]


class RefusedError(ValueError):
    """An input that has no meaningful answer; the message says which and why."""


class Answer(NamedTuple):
    """A query, its likeliest class, and the probability of each."""

    image: str
    label: str
    probabilities: dict[str, float]


class Learner:
    """A file that `python -m stages.export` wrote, and what it recommends."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise RefusedError(f"{path} does not exist")
        providers = ["CPUExecutionProvider"]
        try:
            self.session = onnxruntime.InferenceSession(str(path), providers=providers)
        except Exception as error:  # its exceptions have no common base but this one
            reason = str(error).splitlines()[0]
            raise RefusedError(f"{path} is not an ONNX model ({reason})") from error
        facts = self.session.get_modelmeta().custom_metadata_map
        try:
            self.classes, self.image = int(facts["classes"]), json.loads(facts["image"])
            self.steps, self.rate = int(facts["adaptation_steps"]), float(facts["inner_lr"])
        except (KeyError, ValueError) as error:
            raise RefusedError(
                f"{path} learns no classes: it is no adapt.onnx ({error})"
            ) from error

    def learn(
        self,
        support: Pixels,
        labels: NDArray[np.int64],
        queries: Pixels,
        steps: int | None = None,
        rate: float | None = None,
    ) -> NDArray[np.float64]:
        """Probabilities `[Q, n]` of the n classes that `labels` [S] name, 0..n-1.

        `support` [S, C, H, W] and `queries` [Q, C, H, W] hold pixels in 0..1.
        """
        steps = self.steps if steps is None else steps
        rate = self.rate if rate is None else rate
        self._check(support, labels, queries, steps, rate)
        feeds = {
            "support_images": support,
            "support_labels": labels,
            "query_images": queries,
            "adaptation_steps": np.array(steps, np.int64),
            "inner_lr": np.array(rate, np.float32),
        }
        logits = self.session.run(["query_logits"], feeds)[0].astype(np.float64)
        if not np.isfinite(logits).all():
            raise RefusedError(
                f"learning diverged at rate {rate:g} in {steps} steps: take a lower rate"
            )
        unseen = np.setdiff1d(np.arange(self.classes), labels)
        logits[:, unseen] = -np.inf  # no examples, no answer
        powers = np.exp(logits - logits.max(1, keepdims=True))
        shares: NDArray[np.float64] = powers / powers.sum(1, keepdims=True)
        return shares[:, : labels.max() + 1]

    def _check(
        self, support: Pixels, labels: NDArray[np.int64], queries: Pixels, steps: int, rate: float
    ) -> None:
        if not len(support) or not len(queries):
            raise RefusedError("there must be a support image and a query at least")
        if len(support) != len(labels):
            raise RefusedError(f"{len(support)} support images, but {len(labels)} labels")
        if not 0 <= labels.min() <= labels.max() < self.classes:
            wrong = labels[(labels < 0) | (labels >= self.classes)][0]
            raise RefusedError(f"label {wrong} is not in 0..{self.classes - 1}")
        for name, images in (("support", support), ("query", queries)):
            if not np.isfinite(images).all():
                raise RefusedError(f"a {name} image holds a value that is not a number")
        if steps < 0:
            raise RefusedError(f"{steps} steps: there must be none or more")
        if not (rate >= 0 and np.isfinite(rate)):
            raise RefusedError(f"rate {rate}: it must be a number that is not negative")


def read(path: Path, image: dict[str, int], invert: bool) -> Pixels:
    """Pixels [C, H, W] in 0..1, decoded as in training."""
    try:
        with Image.open(path) as opened:
            picture = flatten(
                ImageOps.exif_transpose(opened), "L" if image["channels"] == 1 else "RGB"
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RefusedError(f"image {path} cannot be read: {error}") from error
    picture = picture.resize((image["width"], image["height"]))
    shape = (image["height"], image["width"], image["channels"])
    pixels = np.asarray(picture, np.float32).reshape(shape).transpose(2, 0, 1) / np.float32(255)
    return 1 - pixels if invert else pixels


def flatten(picture: Image.Image, mode: str) -> Image.Image:
    """Grey or colour of 8 bits a pixel, transparency laid on white."""
    if picture.mode == "F":
        raise ValueError("it holds real numbers, of unknown range: save it with 8 or 16 bits")
    if picture.mode.startswith("I"):
        values, clear = np.asarray(picture).astype(np.int64), picture.info.get("transparency")
        if values.min() < 0 or values.max() > 0xFFFF:
            span = f"{values.min()} to {values.max()}"
            raise ValueError(f"it holds numbers from {span}: 16 bits at most")
        picture = Image.fromarray((values >> 8).astype(np.uint8))
        if clear is not None:  # one value stands for transparent
            picture.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    if not picture.has_transparency_data:
        return picture.convert(mode)
    solid = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", solid.size, "white"), solid).convert(mode)


def images_in(folder: Path) -> list[Path]:
    """The images of a folder, by name."""
    if not folder.is_dir():
        raise RefusedError(f"{folder} is not a folder")
    return sorted(
        p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
    )


def support_in(folder: Path, classes: int) -> dict[str, list[Path]]:
    """The images of each class folder; a folder without any is refused."""
    if not folder.is_dir():
        raise RefusedError(f"{folder} is not a folder")
    found = {p.name: images_in(p) for p in sorted(folder.iterdir()) if p.is_dir()}
    if not found:
        raise RefusedError(f"{folder} has no class folders")
    for name, paths in found.items():
        if not paths:
            raise RefusedError(f"{folder / name} has no images")
    if len(found) > classes:
        raise RefusedError(
            f"{folder} has {len(found)} classes, but the model learns {classes} at most"
        )
    return found


def readable(
    paths: list[Path], image: dict[str, int], invert: bool
) -> tuple[dict[Path, Pixels], list[str]]:
    """The pixels of what can be read, and a sentence on each of what cannot."""
    found, refused = {}, []
    for path in paths:
        try:
            found[path] = read(path, image, invert)
        except RefusedError as error:
            refused.append(str(error))
    return found, refused


def line(answer: Answer) -> str:
    """The same for people."""
    each = "  ".join(f"{name} {p:.3f}" for name, p in answer.probabilities.items())
    return f"{Path(answer.image).name}: {answer.label}  ({each})"


def main(arguments: argparse.Namespace) -> int:
    """Print what each query is; the exit code."""
    learner = Learner(arguments.model)
    support = support_in(arguments.support, learner.classes)
    form = (learner.image, arguments.invert)
    queries, refused = readable(images_in(arguments.queries), *form)
    if not queries:
        raise RefusedError(refused[0] if refused else f"{arguments.queries} has no images")
    labels = np.arange(len(support)).repeat([len(paths) for paths in support.values()])
    shown = np.stack([read(path, *form) for paths in support.values() for path in paths])
    asked = np.stack(list(queries.values()))
    answers = learner.learn(shown, labels, asked, arguments.steps, arguments.rate)
    names = list(support)
    found = [
        Answer(str(path), names[int(row.argmax())], dict(zip(names, map(float, row), strict=True)))
        for path, row in zip(queries, answers, strict=True)
    ]
    if arguments.json:
        print(json.dumps([answer._asdict() for answer in found], indent=1, ensure_ascii=False))
    else:
        print(*map(line, found), sep="\n")
    for sentence in refused:
        print(f"error: {sentence}", file=sys.stderr)
    return UNANSWERED if refused else 0


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Learn new classes from a few images.")
    parser.add_argument("model", type=Path, help="adapt.onnx of a few-shot run")
    parser.add_argument("support", type=Path, help="a folder a class, some images in each")
    parser.add_argument("queries", type=Path, help="a folder of images to classify")
    parser.add_argument("--steps", type=int, help="inner steps (recommended by the file)")
    parser.add_argument("--rate", type=float, help="inner rate (recommended by the file)")
    parser.add_argument("--invert", action="store_true", help="dark ink on light paper")
    parser.add_argument("--json", action="store_true", help="answer with one JSON document")
    return parser.parse_args(words)


if __name__ == "__main__":
    try:
        sys.exit(main(parse()))
    except RefusedError as error:
        sys.exit(print(f"error: {error}", file=sys.stderr) or 2)
