"""Small files that the readers take, one of each kind."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from PIL import Image

from lazyleap import tensorfile
from lazyleap.attack.chosen import Chosen
from lazyleap.classifiers import files
from lazyleap.classifiers import store as classifiers
from lazyleap.classifiers.session import Session
from lazyleap.datasets import fonts, splits, store
from lazyleap.fewshot.episodes import Episodes
from lazyleap.items import Items
from lazyleap.longtail.profile import LongTail
from lazyleap.training import checkpoint
from lazyleap.training.loop import Progress
from stages import contents
from stages.predict import Classifier
from tests.faults import mutate
from tests.handmade import images as handmade

ABOUT = {
    "input": "images", "image": {"channels": 1, "height": 8, "width": 8}, "classes": 2,
    "mean": [0.5], "std": [0.5], "outputs": "logits", "kind": "trained", "architecture": "mlp",
    "width": 4,
}  # fmt: skip
SETTING = {
    "name": "a", "task_name": "t", "task": {}, "algorithm_options": {}, "image": ABOUT["image"],
    "dataset_digest": "0", "licence": "", "citation": "", "grid": "g", "estimator": "e",
    "algorithm": "a", "horizon": 1, "seed": 0,
}  # fmt: skip
GIVEN = {
    "stage": "train", "key": "a", "grid": "g", "extensions": "x", "from": "params.yaml",
    "parameters": {"a": 1}, "server": "m:S", "files": {"a.py": "0"},
}  # fmt: skip
INDICES = np.arange(6)


def picture(form: str, **how: Any) -> bytes:
    buffer = io.BytesIO()
    shade = np.arange(24 * 24 * 3).reshape(24, 24, 3) % 251
    Image.fromarray(shade.astype(np.uint8)).save(buffer, form, **how)
    return buffer.getvalue()


def omniglot(folder: Path) -> None:
    for name in ("background", "evaluation"):
        with zipfile.ZipFile(folder / f"images_{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for i in range(2):
                archive.writestr(f"images_{name}/{name}/character01/{i}.png", picture("png"))
    for split in splits.SPLITS:
        (folder / f"{split}.txt").write_text("background/character01/rot090\n")


def cifar(folder: Path) -> None:
    fine, coarse = [f"f{i}" for i in range(100)], [f"c{i}" for i in range(20)]
    record = b"".join(bytes([i % 20, i]) + bytes(3072) for i in range(3))
    parts = {
        "fine_label_names.txt": "\n".join(fine).encode(),
        "coarse_label_names.txt": "\n".join(coarse).encode(),
        **dict.fromkeys(("train.bin", "test.bin"), record),
    }
    with tarfile.open(folder / "cifar-100-binary.tar.gz", "w:gz") as archive:
        for name, content in parts.items():
            member = tarfile.TarInfo(f"cifar-100-binary/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    for split in splits.SPLITS:
        (folder / f"{split}.json").write_text(json.dumps([["c0", "f0"], ["c1", "f1"]]))


def tar(content: bytes, chance: random.Random) -> bytes:
    """Half of the faults before packing, where the headers are."""
    if chance.random() < 0.5:
        return mutate.binary(content, chance)
    return gzip.compress(mutate.binary(gzip.decompress(content), chance), 1)


def mnist(folder: Path) -> None:
    for name, count in (("train", 4), ("t10k", 2)):
        pixels = struct.pack(">4I", 0x803, count, 28, 28) + bytes(count * 784)
        labels = struct.pack(">2I", 0x801, count) + bytes(range(count))
        for kind, content in (("images-idx3", pixels), ("labels-idx1", labels)):
            (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(content, 1))


def folders(folder: Path) -> None:
    for name in "ab":
        (folder / "images" / name).mkdir(parents=True)
        for i in range(2):
            (folder / "images" / name / f"{i}.png").write_bytes(picture("png"))


def lists(folder: Path) -> None:
    (folder / "train.txt").write_text("Greek/character01/rot000\nLatin/character02\n")
    (folder / "train.json").write_text(json.dumps([["c0", "f0"], ["c1", "f1"]]))
    (folder / "train.csv").write_text("filename,label\na.jpg,n01\nb.jpg,n02\n")
    (folder / "val.csv.gz").write_bytes(gzip.compress(b"n01,things\nn02,things\n"))
    (folder / "datasets.yaml").write_bytes(Path("data/datasets.yaml").read_bytes())


def font(folder: Path) -> None:
    (folder / "face.ttf").write_bytes((fonts._folder() / "STIXSizOneSymReg.ttf").read_bytes())


def model(folder: Path) -> None:
    """A linear classifier of 8 x 8 pixels, as predict and as an attack want it."""
    weights = np.linspace(-1, 1, 128, dtype=np.float32).reshape(64, 2)
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    value = helper.make_tensor_value_info
    given = [value("images", TensorProto.FLOAT, ["n", 1, 8, 8])]
    made = [value(name, TensorProto.FLOAT, ["n", 2]) for name in ("logits", "probabilities")]
    graph = helper.make_graph(nodes, "g", given, made, [onnx.numpy_helper.from_array(weights, "w")])
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    facts = {"class_names": '["a", "b"]', "image": json.dumps(ABOUT["image"])}
    helper.set_model_props(content, facts)
    (folder / "model.onnx").write_bytes(content.SerializeToString())
    (folder / "one.png").write_bytes(picture("png"))


def classifier(folder: Path) -> None:
    torch.manual_seed(0)
    classifiers.save(folder, classifiers.network(ABOUT), ABOUT)


def learned(folder: Path) -> None:
    tree = {"a": torch.linspace(-1, 1, 50), "b.c": torch.zeros(3, 4)}
    (folder / "theta.safetensors").write_bytes(tensorfile.dump(tree))
    contents.write_json(folder / "setting.json", SETTING)
    contents.write_json(folder / "given.json", GIVEN)
    state = {"theta": tree, "outer": {"step": 3, "m": [torch.ones(4)]}}
    checkpoint.save(folder / "checkpoint.pt", Progress(4, best_theta=tree), state)


def drawn(folder: Path) -> None:
    Episodes(INDICES.reshape(1, 3, 2), INDICES.reshape(1, 3, 2)).save(folder / "episodes.npz")
    Chosen(INDICES, 1 - INDICES % 2).save(folder / "chosen.npz")
    LongTail(INDICES, INDICES, INDICES[1:3], INDICES).save(folder / "longtail.npz")
    Items({"error": np.linspace(0, 1, 6)}, {"strata": INDICES}).save(folder / "items.npz")


def arrays(folder: Path) -> None:
    store.save(folder / "set", {"train": handmade(0, [3, 3], 8)}, {"name": "handmade"})


# ---- how it is read


def ask(path: Path) -> None:
    """As an attack does; a model that computes something else is a model."""
    files.find(path)
    Session(path, ABOUT)(torch.zeros(3, 1, 8, 8))


def answer(folder: Path) -> None:
    Classifier(folder / "model.onnx").answer([folder / "one.png"])
