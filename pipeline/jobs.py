"""One DVC command, done by a process that has DVC loaded: its lines, then its exit code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipeline import warm, workers


class Job:
    """``dvc`` with ``words``; ``environment``: all of it."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self.process = workers.take(words, environment)
        self._code: int | None = None  # of DVC, where its process is there for more

    def lines(self) -> Iterator[str]:
        """What DVC and its stages write, as they do."""
        if self.process.stdout is None:
            raise ValueError("it was not started here")
        for raw in self.process.stdout:
            if raw.startswith(warm.ENDED):
                self._code = int(raw.removeprefix(warm.ENDED))
                return
            if line := raw.rstrip():
                yield line

    def end(self) -> int:
        """The exit code, once there are no more lines or the process was killed."""
        if self._code is None:
            return self.process.wait()
        workers.give_back(self.process)
        return self._code
