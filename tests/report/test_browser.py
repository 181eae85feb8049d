"""The page in headless Chromium, wide and narrow, light and dark; nothing is asked of a network."""

from __future__ import annotations

import pytest

from tests.report.conftest import AXE

pytestmark = pytest.mark.system
LOOKS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]

OPEN = """document.querySelectorAll('details:not(.data), #glyphs-lt-recall details').forEach(
  (one) => { one.open = true })"""


def show(browser, results, width=1280, scheme="light"):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.asked, page.errors = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    page.goto((results / "report.html").as_uri())
    page.wait_for_selector("body[data-drawn]", timeout=60_000)
    return page


@pytest.fixture(scope="module")
def page(browser, drawn):
    opened = show(browser, drawn)
    yield opened
    opened.close()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_each_look_is_whole_and_accessible(browser, drawn, width, scheme):
    page = show(browser, drawn, width, scheme)
    assert page.errors == []
    assert [url for url in page.asked if not url.startswith(("data:", "file:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    ink = {"light": "rgb(31, 35, 40)", "dark": "rgb(230, 237, 243)"}[scheme]
    assert page.evaluate("getComputedStyle(document.body).color") == ink
    title = page.locator("#glyphs-accuracy-steps .role-axis-title text").first
    assert title.evaluate("node => getComputedStyle(node).fill") == ink
    assert page.locator("figure[data-chart]:not(:has(.plots svg))").count() == 0
    if AXE.is_file() and (width, scheme) in LOOKS[1:3]:
        page.evaluate(OPEN)
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
        assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
    page.close()


def column(page, region, index):
    cells = page.locator(f'[aria-label="{region}"] tbody tr > :nth-child({index})')
    return cells.all_inner_texts()


def test_a_heading_sorts_by_number_and_by_word_with_the_keyboard(page):
    region = "glyphs: All settings"
    heading = page.locator(f'[aria-label="{region}"] th:has-text("training CPU")')
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    index = heading.evaluate("node => node.cellIndex") + 1
    values = [float(text) for text in column(page, region, index)]
    assert values == sorted(values)
    page.keyboard.press("Enter")
    assert [float(text) for text in column(page, region, index)] == sorted(values, reverse=True)
    page.click(f'[aria-label="{region}"] th button:has-text("setting")')
    names = column(page, region, 1)
    assert [name.split()[0] for name in names] == ["anil"] + 8 * ["maml"] + ["meta_sgd"]
    lazy = [name for name in names if name.startswith("maml lazy") and "end" not in name]
    assert [name.split("k=")[1].split()[0] for name in lazy] == ["5", "10", "20", "20"]


def test_words_filter_rows(page):
    field = page.get_by_label("Filter: Settings in pairs").first
    field.fill("meta_sgd exact")
    shown = page.locator(
        '[aria-label="glyphs: Settings in pairs"] tbody tr:visible'
    ).all_inner_texts()
    assert len(shown) == 2
    assert all("meta_sgd" in text and "exact" in text for text in shown)
    assert page.get_by_text("2 of 45 rows").count() == 1
    field.fill("")


def test_a_mark_tells_its_numbers(page):
    mark = page.locator("#glyphs-accuracy-cpu .mark-symbol path").first
    mark.hover()
    tip = page.locator("#vg-tooltip-element.visible")
    tip.wait_for()
    assert "maml exact k=1" in tip.inner_text()
    assert "40.5" in tip.inner_text()
    assert tip.evaluate("node => getComputedStyle(node).visibility") == "visible"


def test_a_legend_hides_in_all_charts_of_its_task_and_shows_again(page):
    marks = page.locator("#glyphs-accuracy-cpu .mark-symbol path")
    others = page.locator("#glyphs-lt-balanced-error-cpu .mark-symbol path")
    before = marks.count(), others.count()
    button = page.locator('[data-task="glyphs"] .legend button:has-text("maml exact")')
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    page.wait_for_function(
        "n => document.querySelectorAll('#glyphs-accuracy-cpu .mark-symbol path').length === n",
        arg=before[0] - 2,
    )
    assert others.count() == before[1]
    button.click()
    page.wait_for_function(
        "n => document.querySelectorAll('#glyphs-accuracy-cpu .mark-symbol path').length === n",
        arg=before[0],
    )


def test_control_and_wheel_zoom_and_the_wheel_alone_scrolls(page):
    plot = page.locator("#glyphs-accuracy-cpu .plots svg")
    plot.scroll_into_view_if_needed()
    labels = page.locator("#glyphs-accuracy-cpu .role-axis-label text")
    before = labels.all_inner_texts()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    page.mouse.wheel(0, -200)
    page.wait_for_timeout(200)
    assert labels.all_inner_texts() == before
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    page.wait_for_timeout(200)
    assert labels.all_inner_texts() != before


def test_a_setting_leads_to_its_details_and_a_chart_to_its_data(page):
    page.click('[aria-label="glyphs: All settings"] a:has-text("maml exact k=5")')
    details = page.locator("#run-maml-exact-k5-s0")
    assert details.get_attribute("open") is not None
    text = details.inner_text()
    assert "git checkout 0123456789abcdef" in text
    assert "the ONNX file agrees with PyTorch (in float32 within 3.0e-04; PyTorch's own" in text
    data = page.locator("#glyphs-accuracy-steps details.data")
    data.locator("summary").click()
    data.locator("tbody tr").nth(10 * 21 - 1).wait_for()
    assert data.locator("tbody tr").count() == 10 * 21
