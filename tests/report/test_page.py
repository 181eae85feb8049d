"""The page in a real browser: whole without a network, readable on a phone, nothing overlapping."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--no-first-run", "--disable-default-apps"),
]
OVERLAPS = """() => [...document.querySelectorAll('figure svg')].flatMap(svg => {
  const texts = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim());
  const boxes = texts.map(t => t.getBoundingClientRect());
  const hit = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  const pairs = texts.flatMap((_, i) => texts.slice(i + 1).map((_, j) => [i, i + 1 + j]));
  return pairs.filter(([i, j]) => hit(boxes[i], boxes[j]))
    .map(pair => pair.map(i => texts[i].textContent));
})"""
CUT = """() => [...document.querySelectorAll('figure svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(t => t.textContent.trim()).filter(t => {
    const box = t.getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1
      || box.bottom > frame.bottom + 1;
  }).map(t => t.textContent);
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH to look at the page with")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(params=[(390, "light"), (1280, "light"), (1280, "dark")], ids=str)
def opened(request: pytest.FixtureRequest, browser: Any, reported: Path) -> Iterator[Any]:
    """The page with what it asked for (``requests``) and complained of (``complaints``)."""
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.complaints, page.requests, page.width = [], [], width
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto((reported / "results/toy/report.html").as_uri())
    yield page
    page.close()


def test_whole_without_a_network(opened: Any) -> None:
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in opened.requests if url.startswith("file:")]) == 1


def test_no_sideways_scrolling(opened: Any) -> None:
    opened.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert opened.evaluate("document.documentElement.scrollWidth") <= opened.width


def test_all_charts_are_there_and_named(opened: Any) -> None:
    charts = opened.locator("figure svg[role=img]")
    assert charts.count() == 5
    for chart in charts.all():
        chart.scroll_into_view_if_needed()
        assert chart.is_visible()
        assert chart.bounding_box()["height"] > 200
        assert "maml exact" in chart.get_attribute("aria-label")


def test_no_text_of_a_chart_overlaps_or_is_cut(opened: Any) -> None:
    assert opened.evaluate(OVERLAPS) == []
    assert opened.evaluate(CUT) == []


def test_headings_descend_one_by_one(opened: Any) -> None:
    levels = [int(h.evaluate("h => h.tagName[1]")) for h in opened.locator("h1,h2,h3").all()]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_identifiers_are_unique(opened: Any) -> None:
    found = opened.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(found) == len(set(found))
    assert {"omni", "missing", "settings", "columns"} <= set(found)


def test_text_of_charts_follows_the_colour_scheme(opened: Any) -> None:
    colours = """() => [getComputedStyle(document.body).color,
      getComputedStyle(document.querySelector('figure svg .role-title-text text')).fill]"""
    page, title = opened.evaluate(colours)
    dark = opened.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (page == title) if dark else (title == "rgb(51, 51, 51)")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_the_long_tail_fits_too(browser: Any, longtail: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto((longtail / "results/toy/report.html").as_uri())
    assert page.locator("figure svg[role=img]").count() == 5
    assert page.evaluate(OVERLAPS) == page.evaluate(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    tight = page.locator("table.tight")
    assert tight.locator("tbody tr").count() == 9
    if width == 1280:  # no column hides to the right
        assert tight.evaluate("t => t.scrollWidth - t.parentElement.clientWidth") <= 0
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_attacks_fit_too(browser: Any, attacked: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto((attacked / "results/toy/report.html").as_uri())
    assert page.locator("figure svg[role=img]").count() == 6
    assert page.evaluate(OVERLAPS) == page.evaluate(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    loaded = "i => [i.complete, i.naturalWidth > 0, i.alt.length > 0]"
    pictures = page.locator(".strips img").all()
    assert len(pictures) == 20
    assert all(all(picture.evaluate(loaded)) for picture in pictures)
    if width == 1280:  # no column hides to the right
        for table in (*page.locator("table.tight").all(), *page.locator("table.strips").all()):
            assert table.evaluate("t => t.scrollWidth - t.parentElement.clientWidth") <= 0
    page.close()
