"""The site: every page in its menu, every link leads somewhere, every option is named."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
import yaml

from pipeline.cli import app
from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]*)\)")


class Loose(yaml.SafeLoader):
    """Reads the names of Python objects as words."""


Loose.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def named(menu: Any) -> Iterator[str]:
    """The pages of a menu."""
    if isinstance(menu, str):
        yield menu
    else:
        for entry in menu.values() if isinstance(menu, dict) else menu:
            yield from named(entry)


def test_every_page_is_in_the_menu():
    menu = yaml.load((ROOT / "mkdocs.yml").read_text(), Loose)["nav"]
    assert sorted(named(menu)) == PAGES


def slug(heading: str) -> str:
    plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading))
    return plain.strip().lower().replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_a_heading(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in LINK.findall(text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name}: {link}"


def commands(group: Any, before: str = "") -> Iterator[tuple[str, set[str]]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            options = {o for p in command.params for o in p.opts if o.startswith("--")}
            yield f"{before}{name}", options - {"--help"}


def test_every_command_and_option_is_on_its_page():
    rows = re.findall(r"^\| `([^`]+)` \|.*\| ([^|]*) \|$", (DOCS / "commands.md").read_text(), re.M)
    written = {
        re.sub(r"( [A-Z.]+)+$", "", name): set(re.findall(r"--[\w-]+", o)) for name, o in rows
    }
    assert written == dict(commands(typer.main.get_command(app)))


def test_what_the_site_does_not_have_is_named_and_not_linked():
    path = ROOT / "docs" / "hooks.py"
    spec = importlib.util.spec_from_file_location("hooks", path)
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    page = SimpleNamespace(file=SimpleNamespace(src_uri="results/omniglot.md"))
    known = {"export.md": True, "results/omniglot/a.log": True}
    files = SimpleNamespace(get_file_from_path=known.get)
    text = (
        "[here](../export.md#x), [log](omniglot/a.log), "
        "[the grid](../../grids/omniglot/params.yaml), [`results/x`](../../results/x), "
        "[far](https://x.org), [below](#y), ![a](b.svg)"
    )
    assert hooks.on_page_markdown(text, page=page, files=files) == (
        "[here](../export.md#x), [log](omniglot/a.log), the grid (`grids/omniglot/params.yaml`), "
        "`results/x`, [far](https://x.org), [below](#y), ![a](b.svg)"
    )
    assert hooks.on_page_content("see :func:<code>f</code>") == "see <code>f</code>"
