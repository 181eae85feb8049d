"""A classifier that answers with something else, wrong metadata, and one bad image among others."""

from __future__ import annotations

import json

import onnx
import pytest
from onnx import TensorProto, helper

from stages import predict
from tests.faults.sound import ABOUT
from tests.faults.test_readers import fresh, refused


def onnx_of(path, nodes, outputs):
    given = [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 8, 8])]
    graph = helper.make_graph(nodes, "g", given, outputs)
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(content.SerializeToString())


def test_a_classifier_that_answers_with_a_sequence(tmp_path):
    made = helper.make_tensor_sequence_value_info("logits", TensorProto.FLOAT, None)
    node = helper.make_node("SplitToSequence", ["images"], ["logits"], axis=0)
    onnx_of(tmp_path / "model.onnx", [node], [made])
    refused("ONNX to attack", tmp_path, "model.onnx: ")


def test_a_classifier_that_answers_with_images(tmp_path):
    made = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    onnx_of(tmp_path / "model.onnx", [helper.make_node("Relu", ["images"], ["logits"])], [made])
    refused("ONNX to attack", tmp_path, "gives scores of shape [3, 1, 8, 8]")


FACTS = {"class_names": '["a", "b"]', "image": json.dumps(ABOUT["image"])}
WRONG = {
    "no names": {"class_names": "[", "image": FACTS["image"]},
    "no image": {"class_names": FACTS["class_names"]},
    "a list": FACTS | {"image": "[]"},
    "another height": FACTS | {"image": json.dumps(ABOUT["image"] | {"height": 9})},
    "an absurd size": FACTS | {"image": json.dumps(ABOUT["image"] | {"height": 10**6})},
    "three classes": FACTS | {"class_names": '["a", "b", "c"]'},
}


@pytest.mark.parametrize("case", WRONG)
def test_metadata_that_are_not_true(case, tmp_path):
    path = fresh("ONNX to predict", tmp_path)
    content = onnx.load(str(path))
    del content.metadata_props[:]
    helper.set_model_props(content, WRONG[case])
    path.write_bytes(content.SerializeToString())
    refused("ONNX to predict", tmp_path, f"{path}: ")


def test_one_bad_image_does_not_stop_the_others(tmp_path, capsys):
    path = fresh("ONNX to predict", tmp_path)
    (tmp_path / "bad.png").write_bytes(b"no image")
    asked = [str(tmp_path / name) for name in ("bad.png", "one.png", "none.png")]
    assert predict.main([str(path), *asked, "--format", "csv"]) == predict.UNANSWERED
    said = capsys.readouterr()
    assert [line.split(",")[0] for line in said.out.splitlines()] == ["image", asked[1]]
    first, second = said.err.splitlines()
    assert first.startswith(f"error: image {asked[0]} cannot be read")
    assert second == f"error: image {asked[2]} does not exist"
    assert predict.main([str(path), asked[0]]) == predict.BAD_INPUT
