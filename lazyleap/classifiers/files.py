"""The files of a user's ONNX classifier: the model and, where they lie beside it, its weights.

``torch.onnx.export`` writes large weights into a file of their own (``external_data``). A DVC stage
depends on what ``source`` names, so a model with such files is given as the folder that holds them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import GraphProto, TensorProto

from lazyleap.errors import InputError


def find(source: Path) -> tuple[Path, list[Path]]:
    """The model that ``source`` is or, as a folder, holds, and its files of weights.

    Raises:
        InputError: nothing there, no ONNX, a folder of none or several models, weights that are
            missing or outside of the model's folder, or a file whose weights are not in it: what
            depends on it would not notice that they changed.
    """
    model = _model(source)
    weights = [_inside(model, name) for name in locations(model)]
    if weights and not source.is_dir():
        raise InputError(
            f"{source}: its weights are in {weights[0].name}: put both into a folder of their own "
            "and name the folder as source, so that a change of either is noticed"
        )
    return model, weights


def locations(model: Path) -> list[str]:
    """Where a model says that its weights are, each file once, relative to the model's folder.

    Raises:
        InputError: if it is no ONNX.
    """
    try:
        content = onnx.load(str(model), load_external_data=False)
    except Exception as error:  # protobuf raises a class of its own
        raise InputError(f"{model}: is not a usable ONNX model ({error})") from error
    found = {
        entry.value
        for tensor in _tensors(content)
        if tensor.data_location == TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return sorted(found)


def copy(model: Path, weights: list[Path], folder: Path, name: str) -> None:
    """Put the model into ``folder`` under ``name``, and its weights where it looks for them.

    Raises:
        InputError: if weights have the name of something else that is kept there.
    """
    for path in weights:
        place = folder / path.relative_to(model.parent)
        if place == folder / name or place.exists():
            raise InputError(f"{path}: weights may not be called {place.name}: rename the file")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    shutil.copyfile(model, folder / name)


def _model(source: Path) -> Path:
    if not source.is_dir():
        if not source.is_file():
            raise InputError(f"{source}: there is no such file")
        return source
    found = sorted(source.glob("*.onnx"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(f"{source}: should be a folder with one .onnx file; there is {names}")
    return found[0]


def _inside(model: Path, name: str) -> Path:
    """The file of weights, which must be there and, links followed, in the model's folder."""
    path, folder = model.parent / name, model.parent.resolve()
    if Path(name).is_absolute() or ".." in Path(name).parts or folder not in path.resolve().parents:
        raise InputError(f"{model}: its weights '{name}' are not in the model's folder")
    if not path.is_file():
        raise InputError(f"{model}: its weights {path} are missing")
    return path


def _tensors(model: onnx.ModelProto) -> Iterator[TensorProto]:
    yield from _in_graph(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _in_node(node)


def _in_graph(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _in_node(node)


def _in_node(node: onnx.NodeProto) -> Iterator[TensorProto]:
    for attribute in node.attribute:
        yield from (attribute.t, *attribute.tensors)
        for graph in (attribute.g, *attribute.graphs):
            yield from _in_graph(graph)
