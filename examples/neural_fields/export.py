"""The files of a run: the field it starts from, and the learner that fits an image by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

from torch import Tensor, nn

from lazyleap.algorithms import MAML, MetaSGD
from lazyleap.algorithms.meta_sgd import INIT, select
from lazyleap.algorithms.sgd import parameters
from lazyleap.blocks import network_words
from lazyleap.datasets.store import Prepared
from lazyleap.models import functional
from lazyleap.onnx import proofs
from lazyleap.onnx.exports import Exported
from lazyleap.onnx.metadata import ENDS
from lazyleap.onnx.parity import Feed
from lazyleap.setting import Setting
from lazyleap.trees import Tree
from neural_fields import learned as learners
from neural_fields.images import Chosen, places
from neural_fields.learned import LearnedField, feed_of
from neural_fields.options import task
from neural_fields.siren import Siren, build

MODEL, ADAPT, FIT = "model.onnx", "adapt.onnx", "fit.onnx"
IMAGES = 3  # test images that the files are checked on
FEW = 24  # places for the slow reference evaluator

WORDS = """\
A {network} that answers a colour at a place, at the start from which it fits a new image in a few
steps of gradient descent on the mean squared error; meta-learned by {algorithm} with estimator
{estimator} over {horizon} inner steps on {dataset}. `{metric}` on test images: {score} dB.

Places are row and column of a pixel, each from -1 to 1; colours are in 0..1, and what a field says
beyond is left as it is. Any number of places: a picture may be fitted from a share of its pixels,
and asked for at a finer grid.

## `adapt.onnx`: fits an image inside ONNX Runtime

| | name | type | meaning |
|---|---|---|---|
| input | `support_places` | float32 `[S, 2]` | where colours are known |
| input | `support_colours` | float32 `[S, {channels}]` | of these places, in 0..1 |
| input | `query_places` | float32 `[Q, 2]` | where colours are asked for |
| input | `adaptation_steps` | int64 `[]` | inner steps; recommended {adaptation_steps} |
| input | `inner_lr` | float32 `[]` | the rate of a step; recommended {inner_lr} |
| output | `query_colours` | float32 `[Q, {channels}]` | the fit |
| output | `support_losses` | float32 `[steps]` | squared error (colours in -1..1) before each |
| output | `adapted` | float32 `[{parameters}]` | the network's parameters after the steps |

## `fit.onnx`: the same from anywhere

One input more, `start`, float32 `[{parameters}]`: where to begin. Of `adapted` it goes on; what
`adapt.onnx` gives after 0 steps is the learned start; `initial` in the file's facts says how a
random one is drawn.

## `model.onnx`: the field of the learned start

| | name | type | meaning |
|---|---|---|---|
| input | `places` | float32 `[batch, 2]` | |
| output | `colours` | float32 `[batch, {channels}]` | before any step |
"""


class Shown(nn.Module):
    """A field's colours in 0..1."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, where: Tensor) -> Tensor:
        """At places ``[n, 2]``."""
        colours: Tensor = self.network(where)
        return (colours + 1.0) / 2.0


def export(setting: Setting, theta: Tree, data: Prepared) -> Exported:
    """The three files of a trained run, checked on the first of its test images."""
    learned = load(setting, theta, data)
    where = places(data.info["height"], data.info["width"])
    images = data.split("test").images[Chosen.load(data, "test").images[:IMAGES]] / 255
    feeds, free = (
        [feed_of(where, image, learned, setting.horizon, free=each) for image in images]
        for each in (False, True)
    )
    model, checks = proofs.network(
        MODEL, Shown(learned.network), (2,), [where.numpy()], ("colours",), "places"
    )
    fits = partial(proofs.learner, learned=learned, short=short, what="colours")
    adapt, of_adapt = fits(ADAPT, episodes=feeds, export=learners.export)
    fit, of_fit = fits(FIT, episodes=free, export=learners.export_free)
    models = {MODEL: model, ADAPT: adapt, FIT: fit}
    return Exported(models, [*checks, *of_adapt, *of_fit], about(setting, learned))


def load(setting: Setting, theta: Tree, data: Prepared) -> LearnedField:
    """The objects behind a trained run; ``data`` is a prepared folder of its task."""
    network = build(task(setting).model, data.info["channels"])
    problem: MAML = setting.make_problem(functional(network), loss=nn.functional.mse_loss)
    network.load_state_dict(select(theta, INIT) if isinstance(problem, MetaSGD) else dict(theta))
    return LearnedField(network, problem, dict(theta))


def about(setting: Setting, learned: LearnedField) -> dict[str, str]:
    """How to use the files, and how each parameter of a random start is drawn, in order."""
    network, phi = learned.network, parameters(learned.problem.init(learned.theta))
    assert isinstance(network, Siren)
    initial = [{"shape": list(p.shape), "bound": network.bound(n)} for n, p in phi.items()]
    return {
        "pixels": "0..1",
        "adaptation_steps": str(setting.horizon),
        "inner_lr": str(learned.rate),
        "parameters": str(len(learned.start)),
        "initial": json.dumps(initial),
    }


def short(feed: Feed) -> Feed:
    """A few places of an image."""
    few = {n: a[:: max(1, len(a) // FEW)] for n, a in feed.items() if a.ndim == 2}
    return {**feed, **few}


def describe(facts: Mapping[str, str]) -> str:
    """Summary, the three files with inputs and outputs."""
    score = "{:.1f} ({:.1f} .. {:.1f})".format(*(float(facts[key]) for key in ENDS))
    network, image = network_words(json.loads(facts["model"])), json.loads(facts["image"])
    return WORDS.format(**facts, **image, network=network, score=score)
