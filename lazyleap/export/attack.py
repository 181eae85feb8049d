"""The gradient predictor of a meta-attack: pixels in 0..1 to a map of the same shape."""

from __future__ import annotations

from lazyleap.bilevel import Tree
from lazyleap.datasets.store import Prepared
from lazyleap.export import answers
from lazyleap.export.card_attack import describe
from lazyleap.export.kinds import Exported
from lazyleap.kinds.attack import predictor, task
from lazyleap.settings import Setting

__all__ = ["describe", "export"]

MODEL = "model.onnx"


def export(setting: Setting, theta: Tree, data: Prepared) -> Exported:
    """The meta-learned predictor, checked on test images; none where nothing was learned."""
    asked = task(setting).test
    keys = ("goal", "norm", "epsilon", "budget")
    about = {key: str(getattr(asked, key)) for key in keys}
    if not theta:
        return Exported({}, [], about)
    network = predictor(setting, data.info)
    network.load_state_dict(dict(theta))
    model, checks = answers.export(MODEL, network.eval(), data, ("gradient_map",))
    return Exported({MODEL: model}, checks, about | {"pixels": "0..1"})
