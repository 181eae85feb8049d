"""A user's ONNX file with its weights beside it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lazyleap.classifiers import files
from lazyleap.errors import InputError


def save(folder, name="mine.onnx", location="mine.onnx.data"):
    """Scores that are a matrix times the pixels; the matrix lies in ``location``."""
    flatten = helper.make_node("Flatten", ["x"], ["flat"])
    graph = helper.make_graph(
        [flatten, helper.make_node("MatMul", ["flat", "w"], ["y"])],
        "mine",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.eye(64, 3, dtype=np.float32), "w")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    options = {"save_as_external_data": True, "location": location, "size_threshold": 0}
    onnx.save(model, folder / name, **options)
    return folder / name


def relocated(path, location):
    """The same model, which says that its weights are elsewhere."""
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    path.write_bytes(model.SerializeToString())


def test_a_model_in_a_folder_is_found_and_copied_with_its_weights(tmp_path):
    save(tmp_path / "mine")
    (tmp_path / "mine/notes.txt").write_text("not the model's")
    model, weights = files.find(tmp_path / "mine")
    assert [path.name for path in (model, *weights)] == ["mine.onnx", "mine.onnx.data"]
    kept = tmp_path / "kept"
    kept.mkdir()
    files.copy(model, weights, kept, "model.onnx")
    assert {path.name for path in kept.iterdir()} == {"model.onnx", "mine.onnx.data"}
    (matrix,) = onnx.load(kept / "model.onnx").graph.initializer  # reads the weights, too
    assert np.array_equal(numpy_helper.to_array(matrix), np.eye(64, 3))


def test_weights_inside_a_subgraph_and_in_a_folder_below_count(tmp_path):
    path = save(tmp_path / "mine", location="mine.onnx.data")
    (tmp_path / "mine/weights").mkdir()
    (tmp_path / "mine/mine.onnx.data").rename(tmp_path / "mine/weights/w.bin")
    relocated(path, "weights/w.bin")
    inner = onnx.load(path, load_external_data=False).graph
    branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    outer = helper.make_graph([branch], "outer", [], [])
    path.write_bytes(helper.make_model(outer).SerializeToString())
    assert files.locations(path) == ["weights/w.bin"]
    model, weights = files.find(tmp_path / "mine")
    (tmp_path / "kept").mkdir()
    files.copy(model, weights, tmp_path / "kept", "model.onnx")
    assert (tmp_path / "kept/weights/w.bin").is_file()


def test_a_file_alone_must_hold_its_weights(tmp_path):
    path = save(tmp_path)
    with pytest.raises(InputError, match=r"its weights are in mine\.onnx\.data: put both into a f"):
        files.find(path)
    whole = onnx.load(path)
    for tensor in whole.graph.initializer:
        tensor.data_location = TensorProto.DEFAULT
    path.write_bytes(whole.SerializeToString())
    assert files.find(path) == (path, [])


@pytest.mark.parametrize("location", ["../w.bin", "sub/../../w.bin", "/tmp/w.bin", "link.bin"])
def test_weights_outside_of_the_folder_are_refused(tmp_path, location):
    path = save(tmp_path / "mine")
    (tmp_path / "w.bin").write_bytes((tmp_path / "mine/mine.onnx.data").read_bytes())
    (tmp_path / "mine/link.bin").symlink_to(tmp_path / "w.bin")
    relocated(path, location)
    with pytest.raises(InputError, match="are not in the model's folder"):
        files.find(tmp_path / "mine")


def test_what_is_missing_or_too_many_is_one_sentence(tmp_path):
    path = save(tmp_path / "mine")
    with pytest.raises(InputError, match="gone: there is no such file"):
        files.find(tmp_path / "gone")
    with pytest.raises(InputError, match=r"one \.onnx file; there is none"):
        files.find(tmp_path)
    path.with_name("mine.onnx.data").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"mine\.onnx\.data are missing"):
        files.find(path.parent)
    save(tmp_path / "mine", "more.onnx")
    with pytest.raises(InputError, match=r"there is mine\.onnx, more\.onnx"):
        files.find(path.parent)


def test_weights_do_not_overwrite_what_is_kept_beside_them(tmp_path):
    path = save(tmp_path / "mine", location="classifier.json")
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "classifier.json").write_text("about")
    model, weights = files.find(path.parent)
    with pytest.raises(InputError, match=r"weights may not be called classifier\.json: rename"):
        files.copy(model, weights, kept, "model.onnx")
