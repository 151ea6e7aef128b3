"""The version stands in two files; they must agree, or citations name the wrong program."""

import tomllib
from pathlib import Path

from gradchain._version import VERSION


def test_the_version_cited_is_the_version_released():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["version"] == VERSION
