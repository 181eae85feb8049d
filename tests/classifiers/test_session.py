"""A user's ONNX classifier in every form, against the same function in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from lazyleap.classifiers.look import look
from lazyleap.classifiers.session import Session
from lazyleap.errors import InputError

C, H, W, CLASSES = 3, 8, 8, 5
IMAGE = {"channels": C, "height": H, "width": W}
SHAPES = {"nchw": (C, H, W), "nhwc": (H, W, C), "flat-chw": (C * H * W,), "flat-hwc": (C * H * W,)}
FLOATS, BYTES = TensorProto.FLOAT, TensorProto.UINT8
WEIGHTS = np.random.default_rng(0).normal(size=(C * H * W, CLASSES)).astype(np.float32) / 50


def model(
    path: Path,
    shape: tuple[int, ...],
    *,
    batch: Any = "n",
    number: int = FLOATS,
    labels: bool = False,
    maps: bool = False,
) -> Path:
    """``scores = flat(input) @ WEIGHTS``; with ``labels`` the second output, ``maps`` by class."""
    nodes = [
        helper.make_node("Cast", ["given"], ["real"], to=FLOATS),
        helper.make_node("Flatten", ["real"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
    ]
    scores = helper.make_tensor_value_info("scores", FLOATS, [batch, CLASSES])
    if maps:
        nodes.append(helper.make_node("Softmax", ["scores"], ["shares"]))
        keys = {"classlabels_int64s": [1, 0, 2, 3, 4]}  # in an order that is not theirs
        nodes.append(
            helper.make_node("ZipMap", ["shares"], ["by_class"], domain="ai.onnx.ml", **keys)
        )
        kind = helper.make_map_type_proto(
            TensorProto.INT64, helper.make_tensor_type_proto(FLOATS, [])
        )
        scores = helper.make_value_info("by_class", helper.make_sequence_type_proto(kind))
    label = helper.make_tensor_value_info("label", TensorProto.INT64, [batch])
    graph = helper.make_graph(
        nodes, "made", [helper.make_tensor_value_info("given", number, [batch, *shape])],
        [label, scores] if labels else [scores], [numpy_helper.from_array(WEIGHTS, "weights")],
    )  # fmt: skip
    sets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=sets, ir_version=9), path)
    return path


def about(**changes: Any) -> dict[str, Any]:
    plain = {"input": "given", "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.25, 2.0], "classes": CLASSES}
    return {**plain, "image": IMAGE, **changes}


def images(count: int = 7) -> torch.Tensor:
    return torch.rand(count, C, H, W, generator=torch.Generator().manual_seed(0))


def normalised(scale: float = 1.0) -> np.ndarray:
    mean, std = (np.array(v).reshape(1, C, 1, 1) for v in ((0.1, 0.2, 0.3), (0.5, 0.25, 2.0)))
    return (scale * images().numpy().astype(np.float64) - mean) / std


def scores(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(len(pixels), -1) @ WEIGHTS.astype(np.float64)


@pytest.mark.parametrize("batch", ["n", 1, 3, 7, 16])
@pytest.mark.parametrize("layout", SHAPES)
def test_every_layout_and_batch_sees_the_same_images(tmp_path, layout, batch):
    ask = Session(model(tmp_path / "m.onnx", SHAPES[layout], batch=batch), about(layout=layout))
    last = layout.endswith("hwc")
    pixels = normalised().transpose(0, 2, 3, 1) if last else normalised()
    np.testing.assert_allclose(ask(images()).numpy(), scores(pixels), rtol=1e-4, atol=1e-5)


def test_a_range_of_bytes_is_that_of_mean_and_std(tmp_path):
    ask = Session(model(tmp_path / "m.onnx", SHAPES["nchw"]), about(pixels="bytes"))
    np.testing.assert_allclose(ask(images()).numpy(), scores(normalised(255)), rtol=1e-4, atol=1e-4)


def test_bytes_are_rounded_and_kept_in_range(tmp_path):
    path = model(tmp_path / "m.onnx", SHAPES["nhwc"], number=BYTES)
    plain = about(layout="nhwc", pixels="bytes", mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0])
    pixels = np.rint(255 * images().numpy()).transpose(0, 2, 3, 1)
    found = Session(path, plain)(images()).numpy()
    np.testing.assert_allclose(found, scores(pixels), rtol=1e-4, atol=1e-4)
    shifted = plain | {"mean": [-100.0] * C}
    found = Session(path, shifted)(images()).numpy()
    np.testing.assert_allclose(found, scores(np.minimum(pixels + 100, 255)), rtol=1e-4, atol=1e-4)


def test_the_output_of_scores_is_named_where_labels_come_first(tmp_path):
    path = model(tmp_path / "m.onnx", SHAPES["nchw"], labels=True)
    with pytest.raises(
        InputError, match=r"'label' holds int64, not scores; name .*label, scores\)"
    ):
        Session(path, about())(images())
    with pytest.raises(InputError, match=r"has no output 'score'; did you mean 'scores'"):
        Session(path, about(output="score"))
    found = Session(path, about(output="scores"))(images()).numpy()
    np.testing.assert_allclose(found, scores(normalised()), rtol=1e-4, atol=1e-5)


def test_a_list_of_maps_is_read_in_the_order_of_classes(tmp_path):
    path = model(tmp_path / "m.onnx", SHAPES["flat-chw"], labels=True, maps=True)
    ask = Session(path, about(layout="flat-chw", output="by_class"))
    powers = np.exp(scores(normalised()))
    shares = powers / powers.sum(1, keepdims=True)
    np.testing.assert_allclose(ask(images()).numpy(), shares[:, [1, 0, 2, 3, 4]], rtol=1e-4)


def test_another_layout_than_said_is_refused(tmp_path):
    path = model(tmp_path / "m.onnx", SHAPES["nhwc"])
    with pytest.raises(
        InputError, match=r"has shape \[n, 8, 8, 3\], the images are \[n, 3, 8, 8\]"
    ):
        Session(path, about())
    with pytest.raises(InputError, match=r"the images are \[n, 192\] in layout flat-chw"):
        Session(path, about(layout="flat-chw"))


@pytest.mark.parametrize(
    ("layout", "number", "labels", "maps"),
    [
        ("nchw", FLOATS, False, False),
        ("nhwc", BYTES, False, False),
        ("flat-hwc", FLOATS, True, True),
        ("flat-hwc", FLOATS, True, False),
    ],
)
def test_what_a_file_says_of_itself(tmp_path, layout, number, labels, maps):
    path = model(tmp_path / "m.onnx", SHAPES[layout], number=number, labels=labels, maps=maps)
    found = look(path)
    assert (found.input, found.layout, found.channels, found.size) == ("given", layout, C, H)
    assert found.pixels == ("bytes" if number == BYTES else None)
    assert found.outputs == ("probabilities" if maps else "logits")
    assert found.output == ({True: "by_class", False: "scores"}[maps] if labels else None)
    assert found.classes == (None if maps else CLASSES)


def test_what_cannot_be_images_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"sizes \[7\] an item is neither an image nor a square"):
        look(model(tmp_path / "m.onnx", (7,)))
