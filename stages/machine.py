"""What a run was made with: device, hardware, versions, commit."""

from __future__ import annotations

import ctypes
import os
import platform
import shlex
import sys
from pathlib import Path
from typing import Any

import torch

import lazyleap
from lazyleap.errors import InputError
from lazyleap.setting import DeviceChoice, device_name
from stages import provenance


def device(wanted: DeviceChoice) -> torch.device:
    """The device that params.yaml names; ``auto`` takes a GPU where there is one.

    A block says, too, how this process is to round (:class:`lazyleap.config.Device`).
    """
    name = device_name(wanted)
    if not isinstance(wanted, str):
        _round(**wanted)
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device: cuda was asked for, but torch sees no GPU here; use auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def _round(name: str, tf32: bool, deterministic: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    if deterministic and name != "cpu":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else torch refuses cuBLAS
    torch.use_deterministic_algorithms(deterministic)


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
LARGEST = 32 * 2**20  # bytes; the most that glibc takes for the latter


def use(threads: int) -> None:
    """Compute in so many threads, and keep freed memory for the next tensor.

    glibc gives it back to the system after each step and gets it again page by page, each filled
    with zeros first. Kept, it makes a process a little larger. Without glibc nothing is changed.
    """
    torch.set_num_threads(threads)
    if tune := getattr(ctypes.CDLL(None), "mallopt", None):
        tune(M_MMAP_THRESHOLD, LARGEST)
        tune(M_TRIM_THRESHOLD, 2**31 - 1)


def describe(chosen: torch.device, threads: int, *inputs: str) -> dict[str, Any]:
    """Plain facts for record.json; ``inputs``: see :func:`stages.provenance.uncommitted`."""
    changed = provenance.uncommitted(*inputs)
    return {
        "device": chosen.type,
        "hardware": _hardware(chosen),
        "processor": provenance.processor(),
        "instruction_set": provenance.instruction_set(),
        "threads": threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lazyleap": lazyleap.__version__,
        "commit": provenance.commit(),
        "dirty": bool(changed),
        "uncommitted": changed,
        "command": shlex.join(["python", "-m", _module(), *sys.argv[1:]]),
        **(_rounding() if chosen.type == "cuda" else {}),
    }


def _rounding() -> dict[str, bool]:
    """What on a GPU two runs may differ by: what params.yaml says, or torch's own choice."""
    return {
        "tf32_products": torch.backends.cuda.matmul.allow_tf32,
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def _module() -> str:
    """What runs, by its file's folder and name."""
    path = Path(sys.argv[0])
    return f"{path.parent.name}.{path.stem}"


def _hardware(chosen: torch.device) -> str:
    cuda = chosen.type == "cuda"
    return torch.cuda.get_device_name(chosen) if cuda else provenance.processor()
