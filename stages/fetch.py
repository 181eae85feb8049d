"""Fetch a public dataset into data/raw/NAME: `python -m stages.fetch omniglot`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from lazyleap.datasets.download import fetch
from lazyleap.datasets.registry import find
from stages import folders
from stages.program import Traceback, run

Registry = Annotated[str, typer.Option(help="addresses, digests, licences")]


class ProgressLines:
    """pooch's progress bar for a log: a line every LAZYLEAP_PROGRESS_SECONDS (10)."""

    def __init__(self, name: str) -> None:
        self.name, self.total, self.done = name, 0, 0
        self.every = float(os.environ.get("LAZYLEAP_PROGRESS_SECONDS", "10"))
        self.start = self.last = time.monotonic()

    def update(self, count: int) -> None:
        """Count bytes that came, and say so now and then."""
        self.done += count
        now = time.monotonic()
        if now - self.last >= self.every and self.total:
            self.last = now
            left = (now - self.start) * (self.total - self.done) / self.done
            share = 100 * self.done // self.total
            line = f"fetch {self.name} {self.done}/{self.total} {share}% eta {left:.0f}s"
            print(line, file=sys.stderr, flush=True)

    def reset(self) -> None:
        """Start again at zero (pooch calls it at the end, and before a bar's last update)."""
        self.done = 0

    def close(self) -> None:
        """Nothing to close."""


def main(
    name: str, registry: Registry = "data/datasets.yaml", traceback: Traceback = False
) -> None:
    """Download (or take from LAZYLEAP_DATA_MIRROR) and verify the files of dataset NAME."""
    del traceback  # stages.program reads it
    entry = find(Path(registry), name)
    print(f"{entry.title}. Licence: {entry.licence}. Cite: {entry.citation}", file=sys.stderr)
    progress = True if sys.stderr.isatty() else ProgressLines(name)
    for file, note in fetch(entry, folders.raw(name), progress).items():
        print(f"{file}: verified, {note}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
