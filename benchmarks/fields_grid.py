"""The settings of the study of neural fields, written as grids' params.yaml.

    python -m benchmarks.fields_grid tuning
    python -m benchmarks.fields_grid confirmation exact-k3-r03 lazy-secants-k10-r02 --seeds 1-5

The first has every setting at every inner rate with one seed, the most telling first. The second
has the chosen ones with fresh seeds; it takes their meta-iterations from the first, ``--times`` as
many. Meta-iterations that a file has already are kept: a budget, in CPU seconds, puts them there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lazyleap import yamlfile
from lazyleap.errors import InputError
from lazyleap.yamledit import flow

Block = dict[str, Any]
TUNING, CONFIRMATION = "neural-fields-tuning", "neural-fields"
RATES = {"r02": 0.02, "r03": 0.03, "r01": 0.01}
LEAP = {"estimator": "lazy", "placement": "start"}
SECANTS = {**LEAP, "rest": "secants"}
FIRST = {"estimator": "lazy", "placement": [0, 1, 2]}
HORIZONS: dict[int, dict[str, Block]] = {
    3: {"exact": {"estimator": "exact"}},
    1: {"exact": {"estimator": "exact"}},
    10: {
        "exact": {"estimator": "exact"},
        "lazy": LEAP,
        "lazy-secants": SECANTS,
        "lazy-secants-listen": {**SECANTS, "listen": [3, 10]},
        "first-order": {"estimator": "first_order"},
        "reptile": {"estimator": "reptile"},
        "lazy-listen": {**LEAP, "listen": [3, 10]},
        "lazy-3-secants-listen": {**FIRST, "rest": "secants", "listen": [3, 10]},
        "lazy-3": FIRST,
    },
    5: {"exact": {"estimator": "exact"}},
    16: {
        "exact": {"estimator": "exact"},
        "lazy": LEAP,
        "lazy-secants": SECANTS,
        "lazy-secants-listen": {**SECANTS, "listen": [3, 16]},
        "first-order": {"estimator": "first_order"},
    },
}
HEAD = """\
# Neural fields of CIFAR-10 images, SIREN 3 x 64: {words}
# Written by python -m benchmarks.fields_grid; the study is docs/results/neural-fields.md. Run it
# with: lazyleap run --grid {grid}
# Keys as in the top params.yaml; the kind's own are explained in examples/neural_fields/options.py.
root: ../..
here: grids/{grid}/
grid: {grid}
extensions: examples
threads: 1
device: cpu

tasks:
  cifar-10-fields:
    kind: "neural_fields:kind"
    dataset: {{reader: cifar-10, source: data/raw/cifar-10}}
    draw: {{validation_images: 128, test_images: {test_images}, seed: 0}}
    model: {{backbone: siren, layers: 3, width: 64, w0: 30.0}}
    training:
      {{meta_batch: 8, pixels: 1.0, meta_iterations: 1, validate_every: 1000000, log_every: 50}}
    test: {{steps: [10, 100], curve_steps: 100, pictures: 3, shown: [0, 1, 3, 10, 30]}}

surrogates: {{}}
targets: {{}}

algorithms:
  maml:
    inner_lr: 0.02
    momentum: 0.0
    outer: {{optimizer: adam, lr: 0.001, schedule: cosine, clip_norm: 1.0}}

estimators:
  first_order: {{listen: end}}
  reptile: {{}}
  lazy: {{leaps: 1, lam: 1.0, rest: identity, listen: end}}
  exact: {{listen: end}}

runs:
"""
app = typer.Typer(add_completion=False)
Into = Annotated[str, typer.Option(help="folder of grids")]


def settings() -> dict[str, Block]:
    """Every setting at every rate by name, the most telling first, without seed and budget."""
    found: dict[str, Block] = {}
    for word, rate in RATES.items():
        for horizon, each in HORIZONS.items():
            for name, block in each.items():
                more = {"horizon": horizon, "inner_lr": rate}
                found[f"{name}-k{horizon}-{word}"] = {**block, **more}
    return found


@app.command()
def tuning(into: Into = "grids") -> None:
    """Write the grid that inner rates are chosen on."""
    known, words = _iterations(into), "inner rates, chosen with one seed on validation images."
    runs = {
        name: {**block, "seed": 0, "meta_iterations": known.get(name, 1)}
        for name, block in settings().items()
    }
    write(Path(into) / TUNING, runs, words=words, test_images=16)


@app.command()
def confirmation(
    chosen: Annotated[list[str], typer.Argument(help="settings of the first grid")],
    seeds: Annotated[str, typer.Option(help="the first and the last")] = "1-5",
    times: Annotated[int, typer.Option(min=1, help="as many meta-iterations")] = 1,
    into: Into = "grids",
) -> None:
    """Write the grid that the CHOSEN are judged on, with fresh seeds."""
    known, every = _iterations(into), settings()
    if unknown := [name for name in chosen if name not in every]:
        raise InputError(f"{unknown[0]}: no setting of the grid {TUNING}")
    first, last = map(int, seeds.split("-"))
    runs = {
        f"{name}-s{seed}": {
            **every[name],
            "seed": seed,
            "meta_iterations": times * known.get(name, 1),
        }
        for seed in range(first, last + 1)
        for name in chosen
    }
    grid = CONFIRMATION if times == 1 else f"{CONFIRMATION}-{times}"
    words = "the chosen settings with fresh seeds."
    write(Path(into) / grid, runs, words=words, test_images=128)


def write(folder: Path, runs: dict[str, Block], *, words: str, test_images: int) -> None:
    """A grid's params.yaml."""
    text = HEAD.format(grid=folder.name, words=words, test_images=test_images)
    for name, block in runs.items():
        given = {"task": "cifar-10-fields", "algorithm": "maml", **block}
        text += f"  {name}:\n    {flow(given)}\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(text)


def _iterations(into: str) -> dict[str, int]:
    """By run of the first grid, those that its file has already."""
    path = Path(into) / TUNING / "params.yaml"
    if not path.exists():
        return {}
    runs = yamlfile.read(path)["runs"]
    return {name: block.get("meta_iterations", 1) for name, block in runs.items()}


if __name__ == "__main__":
    app()
