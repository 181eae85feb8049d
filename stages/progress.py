"""Progress on stderr: a bar on a terminal, else a line every few seconds."""

from __future__ import annotations

import os
import sys
import time

from tqdm import tqdm


class Ticker:
    """Shows how far a stage is, when it will end and how it does.

    ``LAZYLEAP_PROGRESS_SECONDS`` (10) is the time between lines where there is no terminal.
    """

    def __init__(self, stage: str, name: str, total: int, done: int = 0) -> None:
        self.stage, self.name, self.total, self.first = stage, name, total, done
        self.every = float(os.environ.get("LAZYLEAP_PROGRESS_SECONDS", "10"))
        self.start = self.spoke = time.monotonic()
        self.bar = None
        if sys.stderr.isatty():
            self.bar = tqdm(total=total, initial=done, desc=f"{stage} {name}", dynamic_ncols=True)

    def update(self, done: int, words: str) -> None:
        """``done`` of the total are done; ``words`` say how it goes."""
        if self.bar is not None:
            self.bar.set_postfix_str(words, refresh=False)
            self.bar.update(done - self.bar.n)
        elif time.monotonic() - self.spoke >= self.every or done == self.total:
            self.spoke = time.monotonic()
            print(f"{self._place(done)} {words}", file=sys.stderr, flush=True)

    def _place(self, done: int) -> str:
        speed = (time.monotonic() - self.start) / max(done - self.first, 1)
        eta = round(speed * (self.total - done))
        percent = 100 * done // self.total
        return f"{self.stage} {self.name} {done}/{self.total} {percent}% eta {eta}s"

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self.bar is not None:
            self.bar.close()
