"""params.yaml is checked whole: one sentence with file, key and value, before anything is done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lazyleap.errors import InputError
from lazyleap.settings import load, resolve
from tests.conftest import ROOT

RUN = "maml-lazy-k10"


def broken(change) -> dict:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    change(params)
    return params


def rename(p: dict, name: str) -> None:
    p["runs"][name] = p["runs"].pop(RUN)


CASES = {
    "unknown run key": (
        lambda p: p["runs"][RUN].update(horizn=10),
        f"runs.{RUN}.horizn: unknown key; did you mean 'horizon'?",
    ),
    "unknown top key": (
        lambda p: p.update(thread=1),
        "thread: unknown key; did you mean 'threads'?",
    ),
    "unknown data-set key": (
        lambda p: p["tasks"]["glyphs"]["dataset"].update(sise=28),
        "tasks.glyphs.dataset.sise: unknown key; did you mean 'size'?",
    ),
    "wrong type": (lambda p: p["runs"][RUN].update(horizon="ten"), f"runs.{RUN}.horizon: "),
    "a number as text": (lambda p: p["runs"][RUN].update(inner_lr="0.1"), "not '0.1'"),
    "not finite": (lambda p: p["runs"][RUN].update(inner_lr=float("nan")), "not nan"),
    "out of range": (lambda p: p["runs"][RUN].update(horizon=0), "not 0"),
    "missing key": (lambda p: p["runs"][RUN].pop("seed"), f"runs.{RUN}.seed: is missing"),
    "dot in a run's name": (
        lambda p: rename(p, "lazy.k10"),
        "runs: name 'lazy.k10': may hold only a-z, 0-9 and -",
    ),
    "unknown task": (
        lambda p: p["runs"][RUN].update(task="glyph"),
        f"runs.{RUN}: 'glyph' is not in tasks; did you mean 'glyphs'?",
    ),
    "unknown estimator": (
        lambda p: p["runs"][RUN].update(estimator="lasy"),
        "estimator 'lasy' is unknown; did you mean 'lazy'?",
    ),
    "impossible pair": (
        lambda p: p["runs"]["meta-sgd-lazy-k10"].update(estimator="reptile", placement=None),
        "runs.meta-sgd-lazy-k10: estimator 'reptile' does not go with algorithm 'meta_sgd': it "
        "needs that all of theta is where the task model starts, as s_0 - s_k",
    ),
    "an algorithm without a block": (
        lambda p: p["algorithms"].pop("anil"),
        "runs.anil-lazy-k10: 'anil' has no block in algorithms",
    ),
    "more leaps than steps": (
        lambda p: p["runs"][RUN].update(leaps=11),
        "leaps 11: the teacher takes between 1 and horizon = 10 steps",
    ),
    "lam at the start": (
        lambda p: p["runs"][RUN].update(lam=0.5),
        "lam 0.5: less than 1 goes with leaps 1 and placement 'end' only",
    ),
    "secants with momentum": (
        lambda p: p["runs"][RUN].update(rest="secants", momentum=0.5),
        f"runs.{RUN}: estimator 'lazy' does not go with algorithm 'maml': it needs that an update "
        "is the parameters minus one multiple of the direction, as rest 'secants'",
    ),
    "secants of many batches": (
        lambda p: p["runs"]["lt-reweight-lazy-k5"].update(rest="secants"),
        "runs.lt-reweight-lazy-k5: estimator 'lazy' does not go with algorithm 'reweight': it "
        "needs that all inner steps of a task may see one batch, as rest 'secants'",
    ),
    "an unknown rest": (
        lambda p: p["runs"][RUN].update(rest="secant"),
        f"runs.{RUN}.rest: ",
    ),
    "points that end before the path does": (
        lambda p: p["runs"][RUN].update(listen=[3, 9]),
        f"runs.{RUN}: listen [3, 9]: the last point is the end of the path, horizon = 10",
    ),
    "points of another kind": (
        lambda p: p["estimators"]["exact"].update(listen="begin"),
        "estimators.exact.listen: ",
    ),
    "lazy without placement": (
        lambda p: p["runs"][RUN].pop("placement"),
        f"runs.{RUN}: estimator 'lazy' needs placement, in the run or in estimators.lazy",
    ),
    "leaps without lazy": (
        lambda p: p["runs"]["maml-exact-k5"].update(leaps=2),
        "runs.maml-exact-k5: leaps does not go with algorithm 'maml' and estimator 'exact'",
    ),
    "two ways of two sizes": (
        lambda p: p["tasks"]["glyphs"]["training"].update(way=6),
        "training.way 6 and draw.way 5 differ",
    ),
    "more ways than any data set has classes": (
        lambda p: p["tasks"]["glyphs"]["training"].update(way=10**6 + 1),
        "tasks.glyphs.training.way: ",
    ),
    "an attack without targets": (
        lambda p: p.update(targets={}),
        "task 'glyphs-attack' has no classifier to attack: add one to targets",
    ),
    "a meta-attack without surrogates": (
        lambda p: p.update(surrogates={}),
        "task 'glyphs-attack' has no classifier to learn from: add some to surrogates",
    ),
    "a target that is a surrogate": (
        lambda p: p["targets"]["glyphs-resnet8"].update(architecture="vgg", seed=0),
        "targets.glyphs-resnet8: is surrogate 'glyphs-vgg' as well (architecture vgg, seed 0)",
    ),
    "a surrogate of no attack": (
        lambda p: p["surrogates"]["glyphs-mlp"].update(task="glyphs"),
        "surrogates.glyphs-mlp.task: 'glyphs' is no task of a kind with classifiers; did you",
    ),
    "a surrogate of a long tail": (
        lambda p: p["surrogates"]["glyphs-mlp"].update(task="glyphs-lt"),
        "surrogates.glyphs-mlp.task: 'glyphs-lt' is no task of a kind with classifiers; did you",
    ),
    "an unknown architecture": (
        lambda p: p["surrogates"]["glyphs-mlp"].update(architecture="mpl"),
        "surrogates.glyphs-mlp.architecture: ",
    ),
    "an unknown kind of target": (
        lambda p: p["targets"]["glyphs-resnet8"].update(kind="onx"),
        "targets.glyphs-resnet8: 'onx' is none of 'trained', 'onnx'",
    ),
    "a key of the other kind of target": (
        lambda p: p["targets"]["glyphs-resnet8"].update(outputs="logits"),
        "targets.glyphs-resnet8.outputs: unknown key",
    ),
    "a few-shot algorithm for an attack": (
        lambda p: p["runs"][RUN].update(task="glyphs-attack"),
        "algorithm 'maml' does not go with a task of kind 'attack', which needs a search for "
        "adversarial images (run), or an algorithm whose options say how to (search); valid: "
        "meta_attack, zoo, square, random_direction",
    ),
    "a horizon where nothing is trained": (
        lambda p: p["runs"]["attack-zoo"].update(horizon=2),
        "horizon 2: with estimator 'none' nothing is looked ahead: 1",
    ),
    "iterations where nothing is trained": (
        lambda p: p["runs"]["attack-zoo"].update(meta_iterations=2),
        "meta_iterations does not go with algorithm 'zoo'",
    ),
    "a predictor of attacks for few-shot learning": (
        lambda p: p["runs"][RUN].update(algorithm="meta_attack"),
        "'fewshot', which needs an algorithm that adapts a network to a support set (theta, "
        "predict); valid: maml, meta_sgd, anil",
    ),
    "a few-shot algorithm for a long tail": (
        lambda p: p["runs"][RUN].update(task="glyphs-lt"),
        "valid: reweight, weight_net, cross_entropy, class_balanced, ldam_drw",
    ),
    "an unknown algorithm": (
        lambda p: p["runs"][RUN].update(algorithm="mamll"),
        f"runs.{RUN}: algorithm 'mamll' is unknown; did you mean 'maml'?",
    ),
    "a block for nothing": (
        lambda p: p["algorithms"].update(mamll={}),
        "algorithms.mamll: algorithm 'mamll' is unknown; did you mean 'maml'?",
    ),
    "an unknown kind": (
        lambda p: p["tasks"]["glyphs"].update(kind="fewshott"),
        "tasks.glyphs.kind: kind 'fewshott' is unknown; did you mean 'fewshot'?",
    ),
    "a task of no kind": (
        lambda p: p["tasks"]["glyphs"].pop("kind"),
        "tasks.glyphs.kind: names the kind of task: fewshot, longtail, attack",
    ),
    "a wrong value of a block that no run uses": (
        lambda p: p["estimators"]["implicit"].update(cg_steps=0),
        "estimators.implicit.cg_steps: input should be greater than or equal to 1, not 0",
    ),
    "a wrong value of an override": (
        lambda p: p["runs"][RUN].update(outer={"lr": -1.0}),
        f"runs.{RUN}.outer.lr: input should be greater than 0, not -1.0",
    ),
    "a value that neither block nor run has": (
        lambda p: p["algorithms"]["maml"]["outer"].pop("lr"),
        "algorithm 'maml' needs outer.lr, in the run or in algorithms.maml",
    ),
    "an unknown placement": (
        lambda p: p["runs"][RUN].update(placement="begin"),
        f"runs.{RUN}: placement 'begin' is unknown; valid: end, start, tail",
    ),
    "no runs": (lambda p: p.update(runs={}), "runs: "),
}


@pytest.mark.parametrize(("change", "sentence"), CASES.values(), ids=CASES.keys())
def test_refused_in_one_sentence(change, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(broken(change)))
    with pytest.raises(InputError) as refusal:
        load(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}: ")
    assert sentence in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["runs: [", "", "just words", "\x00"], ids=repr)
def test_not_parameters_at_all(text: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"params\.yaml"):
        load(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize("file", [ROOT / "params.yaml", *sorted(ROOT.glob("grids/*/params.yaml"))])
def test_the_projects_own_files_are_right(file: Path) -> None:
    settings = load(file)
    for name in settings.runs:
        assert resolve(settings, name).name == name


def test_the_program_refuses_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(broken(lambda p: p["runs"][RUN].update(horizn=10))))
    done = subprocess.run(
        [sys.executable, "-m", "stages.validate", "--params", "params.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: params.yaml: runs.")
    assert [f.name for f in tmp_path.iterdir()] == ["params.yaml"]
