"""The pages of examples/web load nothing from another host, and say so to the browser."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import ROOT

WEB = ROOT / "examples" / "web"
PAGES = sorted(path.name for path in WEB.glob("*.html"))
LOCAL = {"'self'", "'none'", "'wasm-unsafe-eval'", "blob:", "data:"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_s_policy_names_no_other_host(page):
    text = (WEB / page).read_text()
    (policy,) = re.findall(r'"Content-Security-Policy"\s+content="([^"]+)"', text)
    rules = dict(rule.split(None, 1) for rule in policy.split(";") if rule.strip())
    assert rules["default-src"] in ("'none'", "'self'")
    assert {source for sources in rules.values() for source in sources.split()} <= LOCAL
    assert "'unsafe-inline'" not in rules.get("script-src", "")
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", text)
    assert not re.findall(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", text)  # none in the page itself


def test_its_packages_are_pinned():
    wanted = json.loads((WEB / "package.json").read_text())["dependencies"]
    locked = json.loads((WEB / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert locked[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in about for place, about in locked.items() if place)
