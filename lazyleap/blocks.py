"""What the blocks of params.yaml are made of: closed models, and numbers with their ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, TypeAdapter

from lazyleap.places import at

Count = Annotated[int, Field(ge=1, le=10**9)]
Held = Annotated[int, Field(ge=1, le=10**6)]  # of what is held in memory at once
Steps = Annotated[int, Field(ge=1, le=10**5)]  # of a loop that is gone through at every iteration
FORMS = {  # patterns of words, and what they ask for
    (NAME := r"^[a-z0-9][a-z0-9-]*$"): "may hold only a-z, 0-9 and -, and does not begin with -",
    (WORD := r"^\w[\w-]*$"): "may hold only letters, digits, _ and -, and does not begin with -",
    (FOLDER := r"^[\w./][\w./ +-]*$"): (
        "may hold only letters, digits, spaces and ./_+-, and does not begin with -"
    ),
    (HERE := r"^([\w./][\w./ +-]*/)?$"): (
        "may hold only letters, digits, spaces and ./_+-, ends with / and does not begin with -"
    ),
    (FILE := r"^[^\x00-\x1f\x7f]+$"): "holds no line break and nothing that cannot be printed",
}
# These come to a shell by dvc.yaml. A dot would split DVC's parameter path.
Name = Annotated[str, Field(pattern=NAME, max_length=100)]
Word = Annotated[str, Field(pattern=WORD, max_length=100)]
Folder = Annotated[str, Field(pattern=FOLDER, max_length=500)]
Here = Annotated[str, Field(pattern=HERE, max_length=500)]
File = Annotated[str, Field(pattern=FILE, max_length=500)]  # which no shell sees
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Width = Annotated[float, Field(gt=0, le=0.5)]  # of a finite difference, in pixels of 0..1


class Block(BaseModel):
    """A closed, frozen block of parameters.

    ``FILES``: keys that name files whose content counts, such as weights to start from.
    """

    FILES: ClassVar[tuple[str, ...]] = ()

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def merged(cls, given: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """What a block gives, with what a run changes; a block in it is merged likewise."""
        both = {
            key: {**given[key], **new} for key, new in changes.items() if _nested(given, key, new)
        }
        return {**given, **changes, **both}

    @classmethod
    def some(cls, given: Mapping[str, Any], classes: Mapping[str, str] | None = None) -> Self:
        """One with just the keys of ``given``, which is part of what a checked one was dumped to.

        Whoever asks for another key gets an AttributeError. ``classes``: places of the blocks of
        some keys.
        """
        homes, known = classes or {}, cls.model_fields

        def read(key: str, value: Any) -> Any:
            if key in homes:
                return at(homes[key]).some(value)
            return _read(known[key].annotation, value) if key in known else value

        return cls.model_construct(**{key: read(key, value) for key, value in given.items()})


def _read(annotation: Any, value: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Block):
        return annotation.some(value)
    return TypeAdapter(annotation).validate_python(value)


def _nested(given: Mapping[str, Any], key: str, new: Any) -> bool:
    return isinstance(new, dict) and isinstance(given.get(key), dict)


class Empty(Block):
    """Nothing to choose."""


class Loose(Block):
    """What was checked by another."""

    model_config = ConfigDict(extra="allow")


class Training(Block):
    """The budget of a training and what the loop does besides, in meta-iterations."""

    meta_iterations: Count
    validate_every: Count
    log_every: Count


class ReaderOptions(Block):
    """What every reader of data has: its name, and ``source``, the path its stage depends on."""

    reader: str
    source: File


class NetworkOptions(Block):
    """What every network has: its name, or its class where it is a user's."""

    backbone: str

    @property
    def words(self) -> str:
        """The network in a few words."""
        return network_words(self.model_dump())

    @property
    def by_batch(self) -> bool:
        """Whether it says that it normalises by the statistics of a batch."""
        return getattr(self, "norm", None) == "batch"


def network_words(model: Mapping[str, Any]) -> str:
    """A network's block in a few words: ``conv4 (width 16, norm batch, downsample stride)``."""
    more = ", ".join(f"{key} {value}" for key, value in model.items() if key != "backbone")
    return f"{model['backbone']} ({more})" if more else str(model["backbone"])


class TaskOptions(Block):
    """What every kind of task has."""

    kind: str
    dataset: ReaderOptions
    training: Training


class Extension(Block):
    """A block that names a user's class, whose ``Options`` will say what else it may hold."""

    model_config = ConfigDict(extra="allow")

    WHAT: ClassVar[str]
    WORD: ClassVar[str]


Named = Annotated[str, Field(pattern=":")]  # package.module:Name


class UserReader(ReaderOptions, Extension):
    """A user's reader of data."""

    WHAT, WORD = "reader", "reader"
    reader: Named


class UserNetwork(NetworkOptions, Extension):
    """A user's network."""

    WHAT, WORD = "network", "backbone"
    backbone: Named


def ours_or_users(key: str) -> Discriminator:
    """Tells a block that names a user's class under ``key`` from one of the project's."""

    def tag(given: Any) -> str:
        word = given.get(key) if isinstance(given, dict) else getattr(given, key, None)
        return "users" if isinstance(word, str) and ":" in word else "ours"

    return Discriminator(tag)


class Outer(Block):
    """The optimiser of the meta-parameters."""

    optimizer: Literal["adam", "sgd"]
    lr: Rate
    schedule: Literal["constant", "cosine", "step"]
    clip_norm: Rate | None
