"""What a kind of task has that is written as ONNX: a module ``export``, or its ``EXPORTER``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from onnx import ModelProto

from lazyleap.datasets.store import Prepared
from lazyleap.onnx.parity import Check
from lazyleap.setting import Setting
from lazyleap.trees import Tree


class Exported(NamedTuple):
    """``models`` by file name, none where nothing was learned; ``about``: facts of this kind."""

    models: dict[str, ModelProto]
    checks: Sequence[Check]
    about: dict[str, str]


class Exporter(Protocol):
    """What a module has that exports a kind of task."""

    def export(self, setting: Setting, theta: Tree, data: Prepared) -> Exported:
        """The files of a trained run; ``data`` is the task's ``test/images``, to check on."""
        ...

    def describe(self, facts: Mapping[str, str]) -> str:
        """Markdown: a summary of the run, then each file with its inputs and outputs."""
        ...
