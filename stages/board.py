"""TensorBoard events of one run, in one folder; every tag is defined in docs/metrics.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from lazyleap.files import storing
from lazyleap.training.loop import Metrics

KIND = "events.out.tfevents"
EVENTS = f"{KIND}.*"
CELL, LINE = 64, 12  # pixels a side of an image of a preview, and of the words below it


class Board:
    """Writes events.

    After a resume, what was logged past the ``resumed`` iterations of the checkpoint is purged;
    without one, all there was. Every method raises DiskError if the events cannot be stored.
    """

    def __init__(self, folder: Path, resumed: int = 0) -> None:
        self._folder = folder
        with storing(folder):
            if not resumed:
                for path in folder.glob(EVENTS):  # of a start that got no checkpoint
                    path.unlink()
            self._writer = SummaryWriter(str(folder), purge_step=resumed + 1 if resumed else None)

    def log(self, iteration: int, metrics: Metrics) -> None:
        """Scalars by tag; the step is the number of finished iterations."""
        with storing(self._folder):
            for tag, value in metrics.items():
                self._writer.add_scalar(tag, value, iteration + 1)

    def pictures(self, tag: str, cells: Tensor) -> None:
        """Images ``[rows, columns, C, H, W]`` as one grid, stretched to the full grey scale."""
        with storing(self._folder):
            self._writer.add_image(tag, tiled(cells), 0)

    def preview(self, iteration: int, tag: str, images: Tensor, words: Sequence[str]) -> None:
        """Images ``[n, C, H, W]`` in a row, stretched to the full grey scale, ``words`` below."""
        low, high = images.min(), images.max()
        shown = ((images - low) / (high - low).clamp(min=1e-12) * 255).byte().cpu().numpy()
        strip = Image.new("RGB", (CELL * len(words), CELL + LINE))
        for i, (pixels, line) in enumerate(zip(shown, words, strict=True)):
            picture = Image.fromarray(np.broadcast_to(pixels.transpose(1, 2, 0), _rgb(pixels)))
            strip.paste(picture.resize((CELL - 2, CELL - 2)), (i * CELL + 1, 1))
            ImageDraw.Draw(strip).text((i * CELL + 2, CELL), line)
        with storing(self._folder):
            self._writer.add_image(tag, np.asarray(strip), iteration + 1, dataformats="HWC")

    def summary(self, setting: dict[str, Any], metrics: Metrics) -> None:
        """The hparams table's row, in this run and not in one of its own.

        Without a list of columns: TensorBoard would take the first run's for all, and show no
        option that this one does not have.
        """
        plain = {
            key: value if isinstance(value, int | float | str | bool) else str(value)
            for key, value in setting.items()
            if value is not None
        }
        _, start, end = hparams(plain, metrics)  # type: ignore[no-untyped-call]
        writer: Any = self._writer.file_writer
        writer.add_summary(start)
        for tag, value in metrics.items():
            self._writer.add_scalar(tag, value)
        writer.add_summary(end)

    def flush(self) -> None:
        """Everything logged so far is on disk."""
        with storing(self._folder):
            self._writer.flush()

    def close(self) -> None:
        """Flush and close; the files' names lose the host's, and are of the second they began."""
        with storing(self._folder):
            self._writer.close()
            nameless(self._folder)


def nameless(folder: Path) -> None:
    """Take the machine's name and the process's number out of the names of event files.

    What is left are the second and a number, in the order in which they were begun.
    """
    begun = sorted(folder.glob(EVENTS), key=lambda path: (path.name.split(".")[3], path.name))
    for i, path in enumerate(begun):
        path.rename(folder / f"{KIND}.{path.name.split('.')[3]}.{i:02}")


def tiled(cells: Tensor) -> Tensor:
    """Images ``[rows, columns, C, H, W]`` as one ``[C, h, w]`` in 0..1, the full scale used."""
    low, high = cells.min(), cells.max()
    shown = (cells - low) / (high - low).clamp(min=1e-12)
    framed = torch.nn.functional.pad(shown, (1, 1, 1, 1), value=0.5)
    rows, columns, channels, height, width = framed.shape
    return framed.permute(2, 0, 3, 1, 4).reshape(channels, rows * height, columns * width)


def save_picture(path: Path, cells: Tensor) -> None:
    """The same as a PNG file: grey, or red, green and blue."""
    grid = (255 * tiled(cells.cpu())).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(grid.squeeze(2) if grid.shape[2] == 1 else grid).save(path)


def _rgb(pixels: Any) -> tuple[int, int, int]:
    """The shape of an image in colour, of one or three channels first."""
    return (*pixels.shape[1:], 3)
