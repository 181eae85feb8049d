"""examples/web/fields.html in headless Chromium: two fits side by side, and what it refuses."""

from __future__ import annotations

import base64
import io

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from neural_fields.images import places
from neural_fields.learned import feed_of
from tests.examples.conftest import WEB, needs_browser, served, visited
from tests.examples.neural_fields.bundles import SIDE, STEPS, shape, write
from tests.test_examples import load

pytestmark = [pytest.mark.system, needs_browser]


@pytest.fixture(scope="module", params=[1, 3], ids=["grey", "colour"])
def bundled(request, tmp_path_factory):
    """The folder of a site with a bundle, the files that were bundled, and the field."""
    folder = tmp_path_factory.mktemp("fields")
    one = write(folder / "exported", request.param)
    pixels = [(255 * shape(n, request.param)).astype(np.uint8) for n in ("ring", "bar")]
    np.save(folder / "test_images.npy", np.stack(pixels))
    bundle = load(WEB / "bundle_fields.py").main
    bundle(folder / "exported", folder, folder / "bundle" / "fields", pictures=2, seed=0)
    with served(folder) as address:
        yield address, folder, one


@pytest.fixture
def page(browser, bundled):
    with visited(browser, f"{bundled[0]}fields.html") as opened:
        opened.locator("#bundled li").nth(1).wait_for()
        opened.fill("#steps", str(STEPS))
        yield opened


def finished(page, steps: int = STEPS) -> dict[str, float]:
    """The last PSNR of both."""
    page.locator("#took", has_text=f"{steps} of {steps} steps").wait_for()
    page.wait_for_selector("#stop", state="hidden")
    return {way: float(page.inner_text(f"#{way}-psnr").split()[0]) for way in ("learned", "random")}


def drop(page, name: str, content: bytes) -> None:
    """A file let fall on the page."""
    transfer = page.evaluate_handle(
        """([name, content]) => {
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, { type: "image/png" }));
            return transfer;
        }""",
        [name, base64.b64encode(content).decode()],
    )
    page.dispatch_event("#given", "drop", {"dataTransfer": transfer})


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray((255 * pixels).round().astype(np.uint8).transpose(1, 2, 0).squeeze()).save(
        file, "png"
    )
    return file.getvalue()


def shown(page, name: str) -> np.ndarray:
    """What a canvas shows, ``[H, W]`` of red."""
    data = page.evaluate(
        """(name) => {
            const { width, height } = document.getElementById(name);
            const pen = document.getElementById(name).getContext("2d");
            return [height, width, Array.from(pen.getImageData(0, 0, width, height).data)];
        }""",
        name,
    )
    return np.array(data[2], np.uint8).reshape(data[0], data[1], 4)[:, :, 0]


def test_a_dropped_picture_is_fitted_from_both_starts(page, bundled, tmp_path):
    _, _, one = bundled
    channels = one.network.head.out_features
    picture = shape("ring", channels)
    drop(page, "ring.png", png(picture))
    scores = finished(page)
    assert scores["learned"] > scores["random"] + 5
    feed = feed_of(places(SIDE, SIDE), (255 * picture).round() / 255, one, STEPS)
    error = ((one.adapt(feed) - feed["support_colours"]) ** 2).mean()
    assert scores["learned"] == pytest.approx(-10 * np.log10(error), abs=0.2)
    wanted = (255 * picture[0]).round()
    np.testing.assert_allclose(shown(page, "target").astype(float), wanted, atol=1)
    apart = {w: np.abs(shown(page, w).astype(float) - wanted).mean() for w in scores}
    assert apart["learned"] < apart["random"]
    assert len(np.unique(shown(page, "curve"))) > 2  # something is drawn
    assert len(page.screenshot(path=tmp_path / "page.png", full_page=True)) > 20_000


def test_a_long_picture_is_cut_to_its_middle(page):
    wide = np.zeros((1, SIDE, 3 * SIDE), np.float32)
    wide[..., :SIDE] = 1
    wide[..., SIDE + SIDE // 2 : 2 * SIDE] = 1
    drop(page, "wide.png", png(wide))
    finished(page)
    found = shown(page, "target")
    assert found[:, : SIDE // 2 - 1].max() == 0
    assert found[:, SIDE // 2 + 1 :].min() == 255


def test_the_bundled_pictures_and_another_random_start(page):
    page.click("#bundled li:nth-child(2) button")
    first = finished(page)
    page.fill("#seed", "2")
    page.fill("#steps", str(STEPS + 1))
    page.click("#again")
    second = finished(page, STEPS + 1)
    page.fill("#seed", "1")
    page.fill("#steps", str(STEPS))
    page.click("#again")
    assert finished(page) == first
    assert second["random"] != first["random"]


def test_stop_ends_it(page):
    page.fill("#steps", "10000")
    page.click("#bundled li:nth-child(1) button")
    page.locator("#took", has_text="5 of 10000").wait_for()
    page.click("#stop")
    page.wait_for_selector("#stop", state="hidden")
    said = page.inner_text("#took")
    page.wait_for_timeout(300)
    assert page.inner_text("#took") == said
    assert int(said.split()[0]) < 9000


FIT = """async ({picture, size, start, options}) => {
    const field = lazyleap.field();
    const from = start === "learned" ? field.learned : Float32Array.from(start);
    const values = Float32Array.from(picture, (x) => x ?? NaN);
    try {
        const found = await field.fit(values, size, from, options);
        return [Array.from(found.picture), Array.from(found.adapted)];
    } catch (error) {
        return error.message;
    }
}"""


def ask(page, picture, start="learned", **options):
    case = {"picture": [None if np.isnan(x) else float(x) for x in picture.ravel()]}
    case |= {"size": {"height": picture.shape[1], "width": picture.shape[2]}}
    return page.evaluate(FIT, {**case, "start": start, "options": options})


def test_the_browser_fits_as_onnxruntime_does(page, bundled):
    _, folder, one = bundled
    picture = shape("bar", one.network.head.out_features)[:, :, :11]
    session = onnxruntime.InferenceSession(str(folder / "exported" / "fit.onnx"))
    found = page.evaluate("[7, 7, 8].map((seed) => Array.from(lazyleap.field().random(seed)))")
    assert found[0] == found[1] != found[2]
    assert page.evaluate("Array.from(lazyleap.field().learned)") == pytest.approx(one.start)
    for start, steps in ((one.start, 0), (one.start, 5), (np.array(found[0], np.float32), 5)):
        feed = feed_of(places(*picture.shape[1:]), picture, one, steps, free=True)
        colours, adapted = session.run(["query_colours", "adapted"], feed | {"start": start})
        fit = ask(page, picture, start.tolist(), steps=steps)
        np.testing.assert_allclose(fit[0], colours.T.ravel(), atol=1e-4)
        np.testing.assert_allclose(fit[1], adapted, atol=1e-4)


def test_a_random_start_is_drawn_as_an_untrained_network_is(page, bundled):
    network = bundled[2].network
    flat = np.array(page.evaluate("Array.from(lazyleap.field().random(3))"))
    at = 0
    for name, p in network.named_parameters():
        part, bound = flat[at : at + p.numel()], network.bound(name)
        at += p.numel()
        assert np.abs(part).max() <= bound
        assert np.abs(part).max() >= 0.8 * bound * (p.numel() > 16)
        assert abs(part.mean()) <= 4 * bound / (3 * p.numel()) ** 0.5
    assert at == len(flat)


def test_what_the_page_refuses_it_says_and_goes_on(page, bundled, tmp_path):
    def alert() -> str:
        page.wait_for_selector("#alert:not([hidden])")
        return page.inner_text("#alert")

    drop(page, "broken.png", b"no image")
    assert alert() == "broken.png cannot be read as an image."
    page.click("#bundled li:nth-child(1) button")
    finished(page)
    for name, value, sentence in (
        ("rate", "-0.1", "The rate must be a number that is not negative."),
        ("rate", "", "The rate must be a number that is not negative."),
        ("rate", "1e30", "The fit diverged at rate 1e+30: take a lower rate."),
        ("steps", "0", "Steps must be a whole number from 1 to 10000."),
        ("side", "257", "Pixels a side must be a whole number from 4 to 256."),
        ("seed", "-1", "The number of a random start must be a whole number, 0 or more."),
    ):
        before = page.input_value(f"#{name}")
        page.fill(f"#{name}", value)
        page.click("#again")
        assert alert() == sentence
        page.fill(f"#{name}", before)
    exported = bundled[1] / "exported"
    page.set_input_files("#files", [exported / "fit.onnx"])
    assert alert() == "Two files are needed: adapt.onnx and fit.onnx."
    write(tmp_path / "other", bundled[2].network.head.out_features, run="other")
    page.set_input_files("#files", [exported / "fit.onnx", tmp_path / "other" / "adapt.onnx"])
    assert alert() == "The files are of two runs: other, ring."
    page.click("#again")  # the field that was there is still there
    finished(page)
    assert page.is_hidden("#alert")


def test_what_has_no_answer_is_refused_without_the_page_too(page, bundled):
    picture = shape("bar", bundled[2].network.head.out_features)
    said = ask(page, picture * np.nan)
    assert said == "The picture holds a value that is not a number."
    size = len(bundled[2].start)
    assert ask(page, picture, [0.0]) == f"A start has 1 values, not {size}."
    sentence = "Steps must be a whole number, 0 or more."
    assert [ask(page, picture, steps=steps) for steps in (-1, 1.5)] == [sentence] * 2
