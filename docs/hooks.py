"""For the site alone: links to files that are no pages become their names, roles plain words."""

from __future__ import annotations

import posixpath
import re
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")
ROLE = re.compile(r":(?:py:)?(?:func|class|mod|meth|attr|data):(?=<code>|`)")


def on_page_markdown(markdown: str, page: Any, files: Any, **_: Any) -> str:
    """Links to what the site does not have: the words, and the path in the project."""
    here = posixpath.dirname(page.file.src_uri)

    def plain(link: re.Match[str]) -> str:
        place = posixpath.normpath(posixpath.join(here, link[2]))
        if files.get_file_from_path(place) is not None:
            return link[0]
        path = posixpath.normpath(posixpath.join("docs", here, link[2]))
        words = link[1].strip("`")
        return f"`{path}`" if words in (path, link[2]) else f"{words} (`{path}`)"

    return LINK.sub(plain, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Docstrings' ``:func:`` and the like leave their name alone."""
    return ROLE.sub("", html)
