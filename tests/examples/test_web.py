"""examples/web in headless Chromium: it learns, it refuses, and nothing leaves the machine."""

from __future__ import annotations

import numpy as np
import pytest

from tests.examples.conftest import SHAPES, WAY, WEB, draw, needs_browser, visited
from tests.test_examples import load

pytestmark = [pytest.mark.system, needs_browser]


@pytest.fixture
def page(browser, site):
    """The page with its model loaded."""
    with visited(browser, site) as opened:
        opened.wait_for_selector("#learn:enabled", timeout=60_000)
        yield opened


def answers(page) -> list[str]:
    """The likeliest class of each query, after learning."""
    page.evaluate("document.getElementById('results').replaceChildren()")
    page.click("#learn")
    page.wait_for_selector(".answer")
    return [
        item.inner_text()
        for item in page.query_selector_all(".answer li:first-child span:first-of-type")
    ]


def test_it_learns_the_bundled_examples_and_names_the_held_back_ones(page, tmp_path):
    page.click("#bundled")
    page.locator("#asked .thumbs li").nth(2).wait_for()
    names = [field.input_value() for field in page.query_selector_all("#classes .name")]
    assert sorted(names) == sorted(SHAPES)
    assert answers(page) == names
    assert "6 examples in 20 steps" in page.inner_text("#took")
    picture = page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert len(picture) > 20_000


def test_a_file_of_half_size_learns_them_too(page, adapt_half):
    page.set_input_files("#file", adapt_half)
    page.wait_for_function("document.querySelectorAll('#classes .thumbs li').length === 0")
    page.click("#bundled")
    page.locator("#asked .thumbs li").nth(2).wait_for()
    names = [field.input_value() for field in page.query_selector_all("#classes .name")]
    assert answers(page) == names


def test_there_are_no_more_classes_than_the_model_has(page):
    while page.is_enabled("#add"):
        page.click("#add")
    assert len(page.query_selector_all("#classes .card")) == WAY


STROKES = {
    "bar": [(84, 20), (84, 150)],
    "ring": [(84 + 50 * np.cos(t), 84 + 50 * np.sin(t)) for t in np.linspace(0, 2 * np.pi, 25)],
    "dash": [(20, 84), (150, 84)],
}


def stroke(page, card, shape: str, by: int, add: bool = True) -> None:
    """Draw with the mouse, then add the drawing to the card."""
    pad = card.query_selector("canvas.pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    places = [(box["x"] + x + by, box["y"] + y + by) for x, y in STROKES[shape]]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    if add:
        card.query_selector("[data-do=add]").click()


def test_it_learns_drawings(page):
    for card, shape in zip(page.query_selector_all("#classes .card"), SHAPES, strict=True):
        card.query_selector(".name").fill(shape)
        for by in (-8, 8):
            stroke(page, card, shape, by)
    asked = page.query_selector("#asked")
    for shape in reversed(SHAPES):
        stroke(page, asked, shape, 0)
    assert answers(page) == list(reversed(SHAPES))


def test_a_drawing_that_was_not_added_counts(page):
    cards = page.query_selector_all("#classes .card")[:2]
    for card, shape in zip(cards, SHAPES, strict=False):
        stroke(page, card, shape, 0, add=False)
    stroke(page, page.query_selector("#asked"), SHAPES[1], 4, add=False)
    assert answers(page) == ["Class 2"]
    assert len(page.query_selector_all(".answer li")) == 2  # a class without examples has no share


def test_what_the_page_refuses_it_says_and_goes_on(page, tmp_path):
    def alert() -> str:
        page.wait_for_selector("#alert:not([hidden])")
        return page.inner_text("#alert")

    page.click("#learn")
    assert alert() == "Give at least one example of a class."
    page.click("#asked [data-do=add]")
    assert alert() == "Draw something first."
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    fine = tmp_path / "fine.png"
    draw("bar", 0).save(fine)
    page.set_input_files("#asked input[type=file]", [broken, fine])
    assert alert() == "broken.png cannot be read as an image."
    page.locator("#asked .thumbs li").wait_for()  # the other is there
    page.click("#bundled")
    page.locator("#asked .thumbs li").nth(2).wait_for()
    for name, value, sentence in (
        ("rate", "-0.1", "The rate must be a number that is not negative."),
        ("rate", "", "The rate must be a number that is not negative."),
        ("steps", "-1", "Steps must be a whole number, 0 or more."),
        ("steps", "1.5", "Steps must be a whole number, 0 or more."),
        ("rate", "1e30", "Learning diverged at rate 1e+30 in 20 steps: take a lower rate."),
    ):
        before = page.input_value(f"#{name}")
        page.fill(f"#{name}", value)
        page.click("#learn")
        assert alert() == sentence
        page.fill(f"#{name}", before)
    page.fill("#steps", "0")  # the start's answer: near chance, but an answer
    assert len(answers(page)) == 3
    assert "in 0 steps" in page.inner_text("#took")
    assert page.is_hidden("#alert")
    page.set_input_files("#file", broken)
    assert alert() == "This is not an ONNX file."
    page.fill("#steps", "5")
    assert len(answers(page)) == 3  # the model that was there is still there


LEARN = """async ({support, labels, queries, options}) => {
    const images = (list) => list.map((image) => Float32Array.from(image, (x) => x ?? NaN));
    try {
        return await lazyleap.learner().learn(images(support), labels, images(queries), options);
    } catch (error) {
        return error.message;
    }
}"""


def ask(page, support, labels, queries, **options):
    def flat(images) -> list:
        return [[None if np.isnan(x) else float(x) for x in image.ravel()] for image in images]

    case = {"support": flat(support), "labels": labels, "queries": flat(queries)}
    case["options"] = options
    return page.evaluate(LEARN, case)


def test_the_browser_answers_as_onnxruntime_does(page, adapt):
    images = [np.asarray(draw(s, v), np.float32)[None] / 255 for v in (0, 1) for s in SHAPES]
    learner = load(WEB.parent / "adapt.py").Learner(adapt)
    stacked, labels = np.stack(images), np.arange(3)
    for steps, rate in ((0, 0.1), (1, 0.1), (10, 0.1), (10, 0)):
        found = ask(page, images[:3], [0, 1, 2], images[3:], steps=steps, rate=rate)
        expected = learner.learn(stacked[:3], labels, stacked[3:], steps, rate)
        np.testing.assert_allclose(np.array(found["probabilities"])[:, :3], expected, atol=1e-4)
        assert len(found["losses"]) == steps


def test_what_has_no_answer_is_refused_without_the_page_too(page):
    image = np.asarray(draw("bar", 0), np.float32) / 255
    assert ask(page, [], [], [image]) == "Give at least one example of a class."
    assert ask(page, [image], [0], []) == "Give at least one image to classify."
    assert ask(page, [image], [WAY], [image]) == f"Label {WAY} is not in 0..{WAY - 1}."
    assert ask(page, [image], [-1], [image]) == f"Label -1 is not in 0..{WAY - 1}."
    assert ask(page, [image], [0, 1], [image]) == "1 examples, but 2 labels."
    for support, query in ((image * np.nan, image), (image, image * np.nan)):
        said = ask(page, [support], [0], [query])
        assert said == "An image holds a value that is not a number."
    assert ask(page, [image[:-1]], [0], [image]) == "An image has 756 values instead of 784."
