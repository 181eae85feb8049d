"""Does ONNX Runtime answer what PyTorch answers? A file that does not is not written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from lazyleap.errors import InputError

Feed = Mapping[str, NDArray[Any]]


class ParityError(InputError):
    """An exported model answers otherwise than the network it was made of."""


@dataclass(frozen=True)
class Parity:
    """The largest difference found, what was allowed, over how many cases, and by what."""

    max_abs_diff: float
    tolerance: float
    cases: int
    runtime: str

    @property
    def ok(self) -> bool:
        """Whether the difference is a number within the tolerance."""
        return bool(self.max_abs_diff <= self.tolerance)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "ok": self.ok}

    def require(self, name: str) -> Parity:
        """The same, if it holds.

        Raises:
            ParityError: one sentence with both numbers, if it does not.
        """
        if not self.ok:
            raise ParityError(
                f"{name} in {self.runtime} differs from PyTorch by {self.max_abs_diff:.2g}, "
                f"more than {self.tolerance:.2g}: it was not written"
            )
        return self


def session(model: onnx.ModelProto, threads: int = 1) -> onnxruntime.InferenceSession:
    """The model in ONNX Runtime on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    content = model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def compare(
    model: onnx.ModelProto,
    feeds: Iterable[Feed],
    reference: Callable[[Feed], torch.Tensor],
    *,
    relative: float,
) -> Parity:
    """The first output of ``model`` in float32 against ``reference``, over ``feeds``.

    ``relative`` is the rounding allowed: the tolerance is that many times the largest absolute
    value of the reference, which is at least 1 for this purpose.
    """
    run = session(model)
    worst, scale, cases = 0.0, 1.0, 0
    for feed in feeds:
        expected = reference(feed).detach().numpy()
        found = run.run(None, dict(feed))[0]
        worst = max(worst, difference(found, expected))
        scale = max(scale, float(np.abs(expected).max(initial=0.0)))
        cases += 1
    return Parity(worst, relative * scale, cases, f"onnxruntime {onnxruntime.__version__}")


def difference(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """The largest absolute difference; infinite if a shape differs or a value is not finite."""
    if found.shape != expected.shape or not (np.isfinite(found) & np.isfinite(expected)).all():
        return float("inf")
    return float(np.abs(found - expected).max(initial=0.0))
