"""The classifier of a long-tailed run: pixels in 0..1 to logits and probabilities."""

from __future__ import annotations

import json

from torch import Tensor, nn

from lazyleap.datasets.store import Prepared
from lazyleap.longtail.card import describe
from lazyleap.longtail.network import network, tree
from lazyleap.longtail.options import task
from lazyleap.longtail.profile import LongTail
from lazyleap.onnx import answers, ordinary
from lazyleap.onnx.exports import Exported
from lazyleap.setting import Setting
from lazyleap.tensorfile import fit
from lazyleap.trees import Tree

__all__ = ["describe", "export"]

MODEL = "model.onnx"
OUTPUTS = ("logits", "probabilities")


class Answers(nn.Module):
    """Logits ``[n, C]`` of a network, and their softmax."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Of images as the network takes them."""
        logits = self.network(images)
        return logits, logits.softmax(1)


def export(setting: Setting, theta: Tree, data: Prepared) -> Exported:
    """The classifier with its running statistics, checked on test images."""
    model, checks = answers.export(MODEL, module(setting, theta, data), data, OUTPUTS)
    return Exported({MODEL: model}, checks, about(setting, data))


def module(setting: Setting, theta: Tree, data: Prepared) -> nn.Module:
    """What the file holds: normalisation, the network in evaluation mode, softmax."""
    classes = len(data.info["splits"]["test"]["classes"])
    made = network(setting, classes, data.info, running=True)
    fit(tree(theta), made)
    made.load_state_dict(tree(theta))
    return ordinary.Normalised(Answers(made), data.info["mean"], data.info["std"]).eval()


def about(setting: Setting, data: Prepared) -> dict[str, str]:
    """Names and sizes of the classes, what the graph does with pixels, what "few" means."""
    names = data.info["splits"]["test"]["classes"]
    counts = LongTail.load(data.folder / "longtail.npz", len(names)).counts
    return {
        "classes": str(len(names)),
        "pixels": "0..1",
        "normalisation": json.dumps({key: data.info[key] for key in ("mean", "std")}),
        "class_names": json.dumps(names, ensure_ascii=False),
        "train_images": json.dumps(counts.tolist()),
        "imbalance": f"{counts.max() / counts.min():g}",
        "many": str(task(setting).test.many),
        "few": str(task(setting).test.few),
    }
