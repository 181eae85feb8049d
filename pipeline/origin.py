"""What all machines of a sweep must have in common, so that their results are of one kind."""

from __future__ import annotations

import socket
from pathlib import Path

import torch

from lazyleap.errors import InputError
from stages import provenance
from stages.digests import digest

Origin = dict[str, str]  # what -> which


def here(params: str) -> Origin:
    """Of this checkout and machine; ``params``: the grid's params.yaml.

    Raises:
        InputError: where the commit does not hold all that results are made of.
    """
    commit, changed = provenance.commit(), provenance.uncommitted(params)
    if commit == "unknown":
        raise InputError("sweep: workers need the same commit, but this is no checkout of git")
    if changed:
        raise InputError(f"sweep: not committed, so that no other machine has it: {changed[0]}")
    return {
        "commit": commit,
        f"digest of {params}": digest(Path(params)),
        "kind of CPU": provenance.instruction_set(),
        "torch": torch.__version__,
    }


def refusal(asked: Origin, own: Origin) -> str | None:
    """Why results of this machine are not those that were asked for; ``None`` if they are."""
    other = (what for what in asked if own.get(what) != asked[what])
    what = next(other, None)
    if what is None:
        return None
    name = socket.gethostname()
    return f"worker {name}: its {what} is {own.get(what, 'unknown')}, the sweep's {asked[what]}"
