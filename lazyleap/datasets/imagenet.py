"""miniImageNet and tieredImageNet from the user's copy of ImageNet and the published lists.

miniImageNet: the list of Ravi and Larochelle (ICLR 2017) names images; tieredImageNet: that of Ren
et al. (ICLR 2018) names classes. ImageNet may not be passed on, so the images stay the user's.
"""

from __future__ import annotations

from pathlib import Path

from lazyleap.datasets import by_class, images, splits
from lazyleap.datasets.by_class import Files
from lazyleap.datasets.options import ImageNet
from lazyleap.datasets.store import ImageSet
from lazyleap.errors import InputError, shown


def read(source: Path, options: ImageNet) -> dict[str, ImageSet]:
    """Colour images [N, 3, size, size], centre-cropped; classes are named by WordNet id.

    ``source`` holds ``n01532829/*.JPEG`` folders (ImageNet's training images), or, for
    miniImageNet, the files as the list names them, in ``source``, ``source/images`` or class
    folders. At most ``images_per_class`` are taken of each class, the first by name.
    Cost: decodes each image once, on all cores; size 84 takes 21 kB an image (all of
    tieredImageNet: 16 GB). Raises InputError naming a missing or unreadable file.
    """
    if not source.is_dir():
        raise InputError(f"image folder {source} is not a folder")
    listed = _mini if options.reader == "miniimagenet" else _tiered
    groups = {split: listed(source, options.splits, split) for split in splits.SPLITS}
    return {split: _read_split(classes, options) for split, classes in groups.items()}


def _tiered(source: Path, lists: str, split: str) -> Files:
    """Rows of class, superclass: all images of the class."""
    where = f"{lists}/{split}"
    return {
        row[0]: _text(_class_images(source, _inside(row[0], where)))
        for row in splits.table(lists, split)
    }


def _mini(source: Path, lists: str, split: str) -> Files:
    """Rows of file name, class, below one heading."""
    found: dict[str, list[Path]] = {}
    where = f"{lists}/{split}"
    for row in splits.table(lists, split)[1:]:
        if len(row) < 2:
            raise InputError(f"{where}: row {shown(row)} wants a file and a class")
        found.setdefault(_inside(row[1], where), []).append(Path(_inside(row[0], where)))
    if not found:
        raise InputError(f"{where}: names no image")
    return {wordnet: _text(_resolve(source, wordnet, names)) for wordnet, names in found.items()}


def _text(paths: list[Path]) -> list[str]:
    return [str(path) for path in paths]


def _inside(name: str, where: str) -> str:
    """A name of the list ``where``, which must not lead out of the images' folder."""
    if Path(name).is_absolute() or ".." in Path(name).parts or not name.isprintable():
        raise InputError(f"{where}: {shown(name)} is not a name below the folder of images")
    return name


def _resolve(source: Path, wordnet: str, names: list[Path]) -> list[Path]:
    for folder in (source, source / "images", source / wordnet):
        if (folder / names[0]).is_file():
            return [folder / name for name in names]
    return _by_number(source, wordnet, names)


def _by_number(source: Path, wordnet: str, names: list[Path]) -> list[Path]:
    """n01532829 00000005.jpg is the fifth of that class's training images in order of number."""
    ranked = sorted(_class_images(source, wordnet), key=_number)
    ranks = [_rank(name, wordnet) for name in names]
    for rank in (min(ranks), max(ranks)):
        if not 0 < rank <= len(ranked):
            raise InputError(
                f"class {source / wordnet} has {len(ranked)} images, the list names number {rank}"
            )
    return [ranked[rank - 1] for rank in ranks]


def _rank(name: Path, wordnet: str) -> int:
    number = name.stem.removeprefix(wordnet)
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise InputError(f"list: {shown(str(name))} is not named as {wordnet}00000001.jpg is")
    return int(number)


def _number(path: Path) -> int:
    number = path.stem.rpartition("_")[2]
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise InputError(f"image {path} is not named as in ImageNet (n01532829_5.JPEG)")
    return int(number)


def _class_images(source: Path, wordnet: str) -> list[Path]:
    folder = source / wordnet
    found = images.files(folder) if folder.is_dir() else []
    if not found:
        raise InputError(f"class folder {folder} is missing or holds no images")
    return found


def _read_split(classes: Files, options: ImageNet) -> ImageSet:
    taken = {name: paths[: options.images_per_class] for name, paths in classes.items()}
    return by_class.read(taken, options.size, 3, crop=True)
