"""What params.yaml may say about a dataset: one closed model for each ``reader``.

Defaults live in params.yaml, never here. Importing this file imports neither torch nor numpy.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, SerializeAsAny, Tag, model_validator

from lazyleap.blocks import (
    Block,
    Count,
    File,
    Fraction,
    Held,
    ReaderOptions,
    Seed,
    UserReader,
    ours_or_users,
)

Side = Annotated[int, Field(ge=8, le=1024)]  # pixels


class Omniglot(ReaderOptions):
    """The two public zips; ``splits`` is a folder of {train,val,test}.txt class lists.

    ``data/splits/omniglot-vinyals`` (classes with rotations) and
    ``data/splits/omniglot-background-evaluation`` come with the project.
    """

    FILES: ClassVar = ("splits",)

    reader: Literal["omniglot"]
    splits: File
    size: Side  # drawings are 105x105; resized to size x size


class FewShotCifar(ReaderOptions):
    """CIFAR-100 binary with the class lists of CIFAR-FS or FC100 (``splits``: a folder); 32x32."""

    FILES: ClassVar = ("splits",)

    reader: Literal["cifar-fs", "fc100"]
    splits: File


class Cifar(ReaderOptions):
    """CIFAR-10 or CIFAR-100 for ordinary classification: public train and test; 32x32."""

    reader: Literal["cifar-10", "cifar-100"]


class Mnist(ReaderOptions):
    """MNIST (or any files of its IDX format and names): public train and test; 28x28 grey."""

    reader: Literal["mnist"]


class ImageNet(ReaderOptions):
    """The user's copy of ImageNet images and the published lists (``splits``: a folder)."""

    FILES: ClassVar = ("splits",)

    reader: Literal["miniimagenet", "tieredimagenet"]
    splits: File
    size: Side  # shorter side is resized to it, then the centre is cropped
    images_per_class: Count  # at most this many, the first by name


class Fractions(Block):
    """How an unsplit ``class/*`` folder is divided: shares of the *classes*, drawn by ``seed``."""

    train: Fraction
    val: Fraction
    test: Fraction
    seed: Seed

    @model_validator(mode="after")
    def _sum_to_one(self) -> Fractions:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + val + test must be 1, not {total:g}")
        return self


class Division(Block):
    """How an unsplit ``class/*`` folder is divided by image: ``test``, the share of each class."""

    test: Fraction
    seed: Seed


class ImageFolder(ReaderOptions):
    """Any user's ``split/class/*.png|jpg``, or an unsplit ``class/*`` folder.

    One of these is given for the latter: ``fractions`` or ``lists``, a folder of
    {train,val,test}.txt with names of class folders, and splits have other classes (few-shot); or
    ``divide``, and train and test have the same classes and other images.
    """

    FILES: ClassVar = ("lists",)

    reader: Literal["image-folder"]
    size: Side  # images are resized to size x size
    channels: Literal[1, 3]  # 1 grey, 3 colour
    min_images: Count  # a class with fewer is an error
    fractions: Fractions | None = None
    lists: File | None = None
    divide: Division | None = None

    @property
    def ways(self) -> list[str]:
        """Which of the ways to divide a folder are given."""
        return [key for key in ("fractions", "lists", "divide") if getattr(self, key)]

    @model_validator(mode="after")
    def _one_way(self) -> ImageFolder:
        if len(self.ways) > 1:
            raise ValueError(
                f"{' and '.join(self.ways)}: fractions and lists divide classes, divide images: "
                "give one of them"
            )
        return self


class ClassCounts(Block):
    """How many classes each split gets."""

    train: Held
    val: Held
    test: Held


class Distortion(Block):
    """Random changes of one glyph image; each is drawn uniformly within +- the value given."""

    rotation: Annotated[float, Field(ge=0, le=180)]  # degrees
    shear: Annotated[float, Field(ge=0, le=1)]  # horizontal pixels a vertical pixel
    scale: Annotated[float, Field(ge=0, le=0.6)]  # share of the size, each axis on its own
    shift: Annotated[float, Field(ge=0, le=0.4)]  # share of the image's side
    stroke: Annotated[float, Field(ge=0, le=1)]  # chance of a stroke made thinner or thicker
    noise: Annotated[float, Field(ge=0, le=1)]  # largest standard deviation, white is 1


class Glyphs(ReaderOptions):
    """Characters rendered from the fonts matplotlib ships; ``source``: the renderer's own file."""

    reader: Literal["glyphs"]
    size: Side
    classes: ClassCounts
    images_per_class: Held
    distortion: Distortion
    seed: Seed


class PerClass(Block):
    """How many images of each class a split gets."""

    train: Held
    test: Held


class Characters(ReaderOptions):
    """A few characters for ordinary classification, rendered as ``Glyphs`` are; split by image."""

    reader: Literal["characters"]
    size: Side
    characters: Annotated[
        str, Field(min_length=2, max_length=10_000)
    ]  # a class each, in this order
    images_per_class: PerClass
    distortion: Distortion
    seed: Seed


class NoImages(ReaderOptions):
    """For tasks that are drawn and not read; ``source``: the code that draws them."""

    reader: Literal["none"]


Ours = Annotated[
    Omniglot
    | FewShotCifar
    | Cifar
    | Mnist
    | ImageNet
    | ImageFolder
    | Glyphs
    | Characters
    | NoImages,
    Field(discriminator="reader"),
]
DatasetOptions = Annotated[
    Annotated[Ours, Tag("ours")] | Annotated[UserReader, Tag("users")],
    ours_or_users("reader"),
    SerializeAsAny(),
]
