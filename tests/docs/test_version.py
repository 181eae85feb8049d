"""The version stands in four places."""

from __future__ import annotations

import re
import tomllib

import yaml

import lazyleap
from tests.conftest import ROOT


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    (latest, *_) = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert {project, citation, latest} == {lazyleap.__version__}
