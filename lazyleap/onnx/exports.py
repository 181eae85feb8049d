"""What each kind of task writes as ONNX; the export stage itself knows no kind.

A module here has two functions: ``export``, the files of a trained run with what was checked of
them, and ``describe``, what its model card says of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from onnx import ModelProto

from lazyleap.datasets.store import Prepared
from lazyleap.kind import kind
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


def exporter_of(name: str) -> Exporter | None:
    """The module that exports a task's kind, if there is one."""
    module = kind(name).EXPORTER
    return cast(Exporter, import_module(module)) if module else None
