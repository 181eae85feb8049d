"""The export stage: what its files answer in ONNX Runtime, what they say, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file

from lazyleap.bilevel import Batch, step
from lazyleap.fewshot.network import build as build_network
from lazyleap.models import functional
from lazyleap.settings import load, resolve
from tests.conftest import edit
from tests.onnx import facts
from tests.stages.test_train import stage

RUNS = {"maml-lazy-k5": "maml", "sgd": "meta_sgd", "anil": "anil"}
WAY, RATE = 5, {"maml": 0.1, "meta_sgd": 1.0, "anil": 0.1}


def three_algorithms(params: dict) -> None:
    lazy = params["runs"]["maml-lazy-k5"]
    params["runs"] = {name: lazy | {"algorithm": kind} for name, kind in RUNS.items()}


@pytest.fixture
def exported(project: Path) -> Path:
    edit(project / "params.yaml", three_algorithms)
    for name, *arguments in [("prepare", "glyphs")] + [
        (each, run) for run in RUNS for each in ("train", "evaluate", "export")
    ]:
        done = stage(name, *arguments)
        assert done.returncode == 0, done.stderr
    return project / "artifacts/export/quick"


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def episode(shots: int, queries: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    images = (
        np.load("data/prepare/quick/glyphs/test/images/test_images.npy").astype(np.float32) / 255
    )
    labels = np.load("data/prepare/quick/glyphs/test/images/test_labels.npy")
    rows = [np.flatnonzero(labels == c)[: shots + queries] for c in range(WAY)]
    support = np.concatenate([images[row[:shots]] for row in rows])
    query = np.concatenate([images[row[shots:]] for row in rows])
    return support, np.repeat(np.arange(WAY), shots), query


def in_torch(run: str, support, labels, query, steps: int) -> np.ndarray:
    """The same adaptation by the library, on normalised images."""
    setting = resolve(load(Path("params.yaml")), run)
    about = json.loads(Path(f"artifacts/train/quick/{run}/setting.json").read_text())
    mean, std = about["normalisation"]["mean"][0], about["normalisation"]["std"][0]
    network = build_network(setting.task.model, WAY, about["image"])
    problem = setting.make_problem(functional(network))
    theta = load_file(f"artifacts/train/quick/{run}/theta.safetensors")
    batch = Batch((torch.from_numpy(support) - mean) / std, torch.from_numpy(labels))
    with torch.no_grad():
        phi = problem.init(theta)
        for _ in range(steps):
            phi = step(problem, phi, theta, batch)
        return problem.predict(phi, theta, (torch.from_numpy(query) - mean) / std).numpy()


@pytest.mark.slow
def test_files_answer_as_the_library_does_and_say_what_they_are(exported: Path) -> None:
    for run, algorithm in RUNS.items():
        learner = session(exported / run / "adapt.onnx")
        for shots, queries, steps in ((1, 1, 0), (1, 3, 1), (3, 2, 4)):
            support, labels, query = episode(shots, queries)
            logits, losses = learner.run(
                ["query_logits", "support_losses"],
                {
                    "support_images": support,
                    "support_labels": labels,
                    "query_images": query,
                    "adaptation_steps": np.array(steps),
                    "inner_lr": np.array(RATE[algorithm], np.float32),
                },
            )
            expected = in_torch(run, support, labels, query, steps)
            np.testing.assert_allclose(logits, expected, atol=2e-3 * np.abs(expected).max())
            assert losses.shape == (steps,)
            plain = session(exported / run / "model.onnx")
            if steps == 0 and algorithm == "maml":  # not adapted: the ordinary export's own answer
                found = plain.run(["logits"], {plain.get_inputs()[0].name: query})[0]
                np.testing.assert_allclose(found, expected, atol=1e-4)
        files = {f"{name}{size}.onnx" for name in ("model", "adapt") for size in ("", ".half")}
        for file in files:
            check_words(exported / run / file, run, algorithm)
        told = learner.get_modelmeta().custom_metadata_map
        assert told["metric"] == "accuracy@5"
        assert accuracy(learner) == pytest.approx(float(told["value"]), abs=1e-4)
        checks = json.loads((exported / run / "parity.json").read_text())
        assert checks["ok"]
        assert {check["file"] for check in checks["checks"]} == files
        assert "accuracy@5" in (exported / run / "model_card.md").read_text()


def check_words(path: Path, run: str, algorithm: str) -> None:
    model, project = onnx.load(path), path.parents[4]
    onnx.checker.check_model(model)
    expected = facts.common(project, run)
    assert facts.said(path) == expected | {
        "commit": expected["commit"] + "-dirty",  # the parameters were edited
        "classes": "5",
        "shot": "1",
        "adaptation_steps": "5",
        "inner_lr": str(RATE[algorithm]),
        "pixels": "0..1",
        "normalisation": facts.normalisation(project, "glyphs"),
    }
    assert b"/site-packages/" not in path.read_bytes()
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)


def accuracy(learner: onnxruntime.InferenceSession) -> float:
    """Of the file on the test episodes, by what it recommends of itself."""
    said = learner.get_modelmeta().custom_metadata_map
    images = np.load("data/prepare/quick/glyphs/test/images/test_images.npy")
    episodes = np.load("data/prepare/quick/glyphs/test/images/episodes.npz")
    shares = []
    for support, query in zip(episodes["support"], episodes["query"], strict=True):
        feed = {
            "support_images": images[support.reshape(-1)].astype(np.float32) / np.float32(255),
            "support_labels": np.arange(WAY).repeat(support.shape[1]),
            "query_images": images[query.reshape(-1)].astype(np.float32) / np.float32(255),
            "adaptation_steps": np.array(int(said["adaptation_steps"])),
            "inner_lr": np.array(float(said["inner_lr"]), np.float32),
        }
        found = learner.run(["query_logits"], feed)[0].argmax(1)
        shares.append((found == np.arange(WAY).repeat(query.shape[1])).mean())
    return float(np.mean(shares))


@pytest.mark.slow
def test_what_is_refused_keeps_what_was_there(project: Path) -> None:
    missing = stage("export", "maml-lazy-k5")
    assert missing.returncode == 2
    assert "theta.safetensors: cannot be read" in missing.stderr
    assert "train the run first" in missing.stderr
    for name, key in (("prepare", "glyphs"), ("train", "maml-lazy-k5")):
        assert stage(name, key).returncode == 0
    path = project / "artifacts/train/quick/maml-lazy-k5/theta.safetensors"
    theta = load_file(path)
    theta["head.bias"] = torch.full_like(theta["head.bias"], torch.nan)
    save_file(theta, path)
    for name in ("evaluate", "export"):
        refused = stage(name, "maml-lazy-k5")
        assert refused.returncode == 2
        assert "theta.safetensors: 'head.bias' holds a number that is not finite" in refused.stderr
    path.write_bytes(path.read_bytes()[:-10])
    assert "theta.safetensors: cannot be read" in stage("evaluate", "maml-lazy-k5").stderr
    assert not (project / "artifacts/export/quick").exists()
