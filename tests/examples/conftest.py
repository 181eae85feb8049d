"""A learner file and drawings for the examples: random weights separate such plain shapes."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image, ImageDraw

from lazyleap import MAML
from lazyleap.models import Conv4, functional, weights
from lazyleap.onnx import learner
from lazyleap.onnx.learned import Learned
from lazyleap.onnx.metadata import annotate
from lazyleap.onnx.smaller import half
from tests.test_examples import load

WEB = Path(__file__).resolve().parents[2] / "examples" / "web"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = [  # no other host can be reached, and the browser's own services are not asked for
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=AutofillServerCommunication",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
needs_browser = pytest.mark.skipif(
    not (CHROMIUM and (WEB / "node_modules/onnxruntime-web").is_dir()),
    reason="needs chromium, and `npm ci --prefix examples/web`",
)
SIZE, WAY = 28, 4
SHAPES = ("bar", "ring", "dash")
FACTS = {
    "run": "shapes",
    "classes": str(WAY),
    "image": json.dumps({"channels": 1, "height": SIZE, "width": SIZE}),
    "adaptation_steps": "20",
    "inner_lr": "0.1",
}


def model() -> onnx.ModelProto:
    torch.manual_seed(0)
    net = Conv4(WAY, width=16, downsample="stride")
    parts = (MAML(functional(net), 0.1), weights(net), (1, SIZE, SIZE), ([0.1], [0.3]))
    return annotate(learner.export(Learned(net, *parts)), FACTS)


def draw(shape: str, variant: int) -> Image.Image:
    """Bright ink on black, moved a little by the variant."""
    image = Image.new("L", (SIZE, SIZE))
    pen, by = ImageDraw.Draw(image), variant % 3
    if shape == "bar":
        pen.line((13 + by, 3, 13 + by, 24), 255, 3)
    elif shape == "dash":
        pen.line((3, 14 + by, 24, 14 + by), 255, 3)
    else:
        pen.ellipse((5 + by, 5, 20 + by, 20), outline=255, width=3)
    return image


@pytest.fixture(scope="session")
def adapt(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "adapt.onnx"
    path.write_bytes(model().SerializeToString())
    return path


@pytest.fixture(scope="session")
def adapt_half(adapt: Path) -> Path:
    path = adapt.with_name("adapt.half.onnx")
    path.write_bytes(half(onnx.load(adapt)).SerializeToString())
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two support images of each shape and a query of each, as files."""
    support, queries = tmp_path / "support", tmp_path / "queries"
    queries.mkdir()
    for shape in SHAPES:
        (support / shape).mkdir(parents=True)
        for variant in (0, 2):
            draw(shape, variant).save(support / shape / f"{variant}.png")
        draw(shape, 1).save(queries / f"{shape}.png")
    return support, queries


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Path:
    """The shapes as a prepared test folder."""
    folder = tmp_path_factory.mktemp("test")
    images = [np.asarray(draw(shape, i))[None] for shape in SHAPES for i in range(3)]
    np.save(folder / "test_images.npy", np.stack(images))
    np.save(folder / "test_labels.npy", np.arange(len(SHAPES)).repeat(3))
    about = {"splits": {"test": {"classes": list(SHAPES)}}}
    (folder / "dataset.json").write_text(json.dumps(about))
    return folder


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        """Nothing on the terminal."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The pages in a folder that holds a bundle, behind a static file server."""
    for path in WEB.iterdir():
        if path.suffix in {".html", ".js", ".css"}:
            shutil.copy(path, folder)
    (folder / "node_modules").symlink_to(WEB / "node_modules")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="session")
def site(adapt, prepared, tmp_path_factory):
    """The page that learns classes, with a bundle of its own."""
    folder = tmp_path_factory.mktemp("web")
    bundle = load(WEB / "bundle.py")
    bundle.main(adapt, prepared, folder / "bundle", classes=3, examples=2, seed=0)
    with served(folder) as address:
        yield address


@pytest.fixture(scope="package")
def playwright():
    """What starts browsers: a process has room for one, and none beside another event loop."""
    with pytest.importorskip("playwright.sync_api").sync_playwright() as p:
        yield p


@pytest.fixture(scope="package")
def browser(playwright):
    """Chromium without a window."""
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield opened
    opened.close()


@contextmanager
def visited(browser, address: str) -> Iterator[Any]:
    """A page; afterwards: no error in it, no request to elsewhere."""
    asked, errors = [], []
    opened = browser.new_page(viewport={"width": 1200, "height": 900})
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    opened.goto(address)
    yield opened
    opened.close()
    assert errors == []
    site = address.rpartition("/")[0]
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []
    assert any(url.endswith(".wasm") for url in asked)
