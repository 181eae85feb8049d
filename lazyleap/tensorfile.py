"""Files of tensors: safetensors with a digest of the content, so that a changed bit is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lazyleap.errors import InputError, check_names, short
from lazyleap.trees import not_finite

DIGEST = "sha256"  # the one key of its metadata
NUMBERS = (
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    *(torch.int32, torch.int64),
)


def dump(tree: Mapping[str, Tensor]) -> bytes:
    """A file of named tensors: equal bytes for equal content."""
    plain = {n: p.detach().cpu().contiguous() for n, p in tree.items()}
    content: bytes = save(plain, {DIGEST: digest(plain)})
    return content


def load(path: Path, hint: str = "", device: str | torch.device = "cpu") -> dict[str, Tensor]:
    """What :func:`dump`, or anyone, wrote.

    Raises:
        InputError: with the path, a reason and ``hint``, if it is missing, broken, holds what a
            network does not, or is not what its digest is of.
    """
    more = f"; {hint}" if hint else ""
    if not path.is_file():
        raise InputError(f"{path}: cannot be read (there is no such file){more}")
    try:
        with safe_open(path, "pt", str(device)) as file:
            said = (file.metadata() or {}).get(DIGEST)
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, UnicodeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be read ({short(error)}){more}") from error
    for name, p in found.items():
        if p.dtype not in NUMBERS:
            raise InputError(f"{path}: '{short(name)}' is of {p.dtype}{more}")
    if said is not None and said != digest(found):
        raise InputError(f"{path}: is not what was written (another sha256){more}")
    return found


def require_finite(path: Path, tree: Mapping[str, Tensor]) -> None:
    """Refuse what holds NaN or an infinity; InputError with the file and the first name."""
    if broken := not_finite(tree):
        raise InputError(f"{path}: '{short(broken)}' holds a number that is not finite")


def digest(tree: Mapping[str, Tensor]) -> str:
    """sha256 of names, kinds of numbers, shapes and numbers."""
    total = hashlib.sha256()
    for name in sorted(tree):
        p = tree[name].detach().cpu().contiguous()
        total.update(f"{name} {p.dtype} {list(p.shape)}\n".encode())
        total.update(p.reshape(-1).view(torch.uint8).numpy().data if p.numel() else b"")
    return total.hexdigest()


def fit(tree: Mapping[str, Tensor], network: nn.Module) -> None:
    """Refuse what is not the state of a network: other names or shapes.

    Raises:
        InputError: with the first name that does not fit.
    """
    wanted = network.state_dict()
    check_names(tree, wanted, "tensor of the network")
    for name, p in wanted.items():
        if tree[name].shape != p.shape:
            shapes = f"{list(tree[name].shape)}, the network's is {list(p.shape)}"
            raise InputError(f"theta['{name}'] has shape {shapes}")
