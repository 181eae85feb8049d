"""What a kind of task does at each stage; the stages themselves know no kind.

Ours are packages, :mod:`lazyleap.fewshot` and its like: ``kind`` says what such tasks are, and a
module named as a stage serves it: ``prepare`` has ``draw``; ``surrogate``, ``held_out``; ``train``
has ``KEEP``, ``learner``, ``pictures``, ``preview``, ``classes``; ``evaluate``, ``judge``;
``export`` what :class:`lazyleap.onnx.exports.Exporter` says; ``report`` has ``report``. So a stage
depends on what it uses alone. A user's kind is one class like :class:`Kind`; params.yaml names it
``module:Name``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

from lazyleap.blocks import TaskOptions

if TYPE_CHECKING:  # so that a stage depends on what it uses of these, and no more
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from lazyleap.datasets.indices import Indices
    from lazyleap.datasets.store import ImageSet, Prepared
    from lazyleap.items import Items
    from lazyleap.setting import Setting
    from lazyleap.training.loop import Learner
    from lazyleap.trees import Tree


class Drawn(Protocol):
    """Something drawn by chance that can be stored and has a digest."""

    @property
    def digest(self) -> str:
        """sha256 of the content."""
        ...

    def save(self, path: Path) -> None:
        """Write it, equal bytes for equal content."""
        ...


CURVE = ("step", "accuracy", "low", "high", "ci95")
"""What every curve.csv begins with."""


class Verdict(NamedTuple):
    """``metrics`` for metrics.json; ``curve`` rows for curve.csv, the header first.

    ``items``: what the metrics are means of. ``arrays`` by file name, and ``pictures``: image
    grids by name, as for training.
    """

    metrics: dict[str, Any]
    curve: list[tuple[Any, ...]]
    items: Items
    arrays: Mapping[str, NDArray[Any]] = {}
    pictures: Mapping[str, Tensor] = {}


class Preview(NamedTuple):
    """Some images ``[n, C, H, W]`` that the learner was given, and a few words under each."""

    images: Tensor
    words: list[str]


class Kind:
    """A kind of task; derive from it and say what is yours.

    ``READS``: by stage, the keys of a task's block that it reads: ``model`` is all of that block,
    ``training.way`` one key of it. A stage is given no others, and run again for no others; one
    that is not said is given all.
    ``Options``: what a task's block in params.yaml holds. ``KEEP``: which theta a training ends
    with. ``CLASSIFIERS``: whether its tasks may have surrogates and targets. ``EXPORTER``
    and ``REPORTER``: the modules that export it (:class:`lazyleap.onnx.exports.Exporter`) and say
    what its report shows (:func:`lazyleap.report.report_of`), if there are any. ``NEEDS``: what
    :meth:`takes` asks of an algorithm, in words.
    """

    READS: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    Options: ClassVar[type[TaskOptions]] = TaskOptions
    KEEP: ClassVar[Literal["best", "last"]] = "best"
    CLASSIFIERS: ClassVar[bool] = False
    EXPORTER: ClassVar[str | None] = None
    REPORTER: ClassVar[str | None] = None
    NEEDS: ClassVar[str] = "an algorithm that adapts a network to a task (theta, predict)"

    def takes(self, algorithm: Any) -> bool:
        """Whether it has what such tasks need; here, what :class:`lazyleap.bilevel.Adapts` adds."""
        return all(hasattr(algorithm, name) for name in ("build", "theta", "predict"))

    def check(self, setting: Setting) -> None:
        """Refuse, by an InputError, what does not fit such tasks though the schema lets it pass."""

    def draw(self, sets: Mapping[str, ImageSet], options: Any) -> dict[str, Drawn]:
        """What chance decides once for all settings.

        File name, below the task's prepared folder, to what is stored there.
        """
        return {}

    def held_out(self, data: Prepared) -> Indices:
        """Training images that no surrogate of a task with ``CLASSIFIERS`` is trained on."""
        raise NotImplementedError

    def learner(self, setting: Setting, data: Prepared, device: torch.device) -> Learner:
        """What the training loop trains; ``data`` is the task's ``train/images``."""
        raise NotImplementedError

    def pictures(self, learner: Any) -> dict[str, Tensor]:
        """Image grids ``[rows, columns, C, H, W]`` by TensorBoard tag, shown once."""
        return {}

    def preview(self, learner: Any) -> dict[str, Preview]:
        """By TensorBoard tag, shown at every validation; empty where there is nothing to see."""
        return {}

    def classes(self, setting: Setting, data: Prepared) -> int:
        """The number of the network's outputs."""
        raise NotImplementedError

    def judge(self, setting: Setting, theta: Tree, data: Prepared, device: torch.device) -> Verdict:
        """Metrics of ``theta``; ``data`` is the task's ``test/images``."""
        raise NotImplementedError

    def export(self, setting: Setting, theta: Tree, data: Prepared) -> Any:
        """ONNX files, their checks, and facts (:class:`lazyleap.onnx.exports.Exported`)."""
        return {}, [], {}

    def describe(self, facts: Mapping[str, str]) -> str:
        """What a model card says of these files."""
        return ""
