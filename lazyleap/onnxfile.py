"""An ONNX file in ONNX Runtime, on the CPU. No torch here: who only labels images needs none."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from lazyleap.errors import InputError, short


def session(model: str | bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session of a file's path, or of a model's bytes; ``threads``: 0 for one a core.

    It prints nothing; what ONNX Runtime raises has no common base but ``Exception``.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        model,
        options,
        providers=["CPUExecutionProvider"],
        enable_fallback=False,  # which prints
    )


def opened(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """The session of a user's file.

    Raises:
        InputError: if it is missing, or no model that ONNX Runtime can run.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    try:
        return session(str(path), threads)
    except Exception as error:
        raise InputError(f"{path}: is not a usable ONNX model ({reason(error)})") from error


def reason(error: Exception) -> str:
    """What ONNX Runtime says, short and on one line."""
    return short(str(error).removeprefix("[ONNXRuntimeError] : "))
