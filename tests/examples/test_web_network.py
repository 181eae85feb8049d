"""examples/web asks its own file server alone, by the browser's log of all it asked."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.examples.conftest import CHROMIUM, FLAGS, needs_browser

pytestmark = [pytest.mark.system, needs_browser]
OUTSIDE = "http://outside.example/"


def visit(playwright, site: str, log: Path, do) -> dict:
    """Let ``do`` act on the page at ``site``; the log of all that the browser asked and reached.

    Returns the addresses ``asked`` for on behalf of the site, by the page, by its workers or by
    the browser for it, and the hosts ``reached``, by whomever.
    """
    flags = [*FLAGS, f"--log-net-log={log}", "--net-log-capture-mode=Everything"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
    page = browser.new_page()
    page.goto(site)
    do(page)
    browser.close()
    content = json.loads(log.read_text())
    names = {number: name for name, number in content["constants"]["logEventTypes"].items()}
    asked, reached = set(), set()
    for event in content["events"]:
        name, about = names[event["type"]], event.get("params", {})
        # The key says for which site; the browser's own errands (updates) are for none or others.
        if name == "URL_REQUEST_START_JOB" and "127.0.0.1" in about.get(
            "network_isolation_key", ""
        ):
            asked.add(about["url"])
        if name == "TCP_CONNECT_ATTEMPT" and "address" in about:
            reached.add(about["address"])
    return {"asked": asked, "reached": reached}


def learn(page) -> None:
    page.wait_for_selector("#learn:enabled", timeout=60_000)
    page.click("#bundled")
    page.locator("#asked .thumbs li").nth(2).wait_for()
    page.click("#learn")
    page.wait_for_selector(".answer")


def test_all_that_is_asked_and_reached_is_the_file_server(playwright, site, tmp_path):
    found = visit(playwright, site, tmp_path / "log.json", learn)
    assert [url for url in found["asked"] if not url.startswith(site)] == []
    assert found["reached"] == {urlsplit(site).netloc}
    kinds = {Path(urlsplit(url).path).suffix for url in found["asked"]}
    assert {".js", ".css", ".wasm", ".onnx", ".json", ".png"} <= kinds  # the log saw it all


def fetch(page) -> None:
    page.evaluate(f"fetch('{OUTSIDE}').catch(() => null)")


def test_the_log_would_show_a_request_to_elsewhere(playwright, site, tmp_path):
    """A folder's listing has no policy, as the page has: there the request is made, and seen."""
    found = visit(playwright, f"{site}node_modules/", tmp_path / "log.json", fetch)
    assert OUTSIDE in found["asked"]


def test_the_page_forbids_itself_to_ask_elsewhere(playwright, site, tmp_path):
    assert OUTSIDE not in visit(playwright, site, tmp_path / "log.json", fetch)["asked"]
