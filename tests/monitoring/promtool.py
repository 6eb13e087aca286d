"""Prometheus's own programs, and what tests read of rules, dashboards and pages of metrics."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
RULES = DEPLOY / "rules.yaml"
DASHBOARD = DEPLOY / "dashboard.json"
_NAME = re.compile(r"\b((?:delegation|process)_[a-z_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'([a-z_]+)(=~|!~|!=|=)"([^"]*)"')


def program(name: str) -> str:
    """Return one of Prometheus's programs, or skip by its name; where CI is set that is a failure."""
    found = shutil.which(name)
    if found is None:
        message = f"{name} is not installed (Debian: prometheus)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return found


def promtool(*words: str, given: bytes = b"") -> str:
    """Run promtool and return what it said; it must find nothing wrong."""
    done = subprocess.run(
        [program("promtool"), *words], input=given, capture_output=True, timeout=280, check=False
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


@functools.cache
def rules() -> list[dict]:
    """Return every rule that is shipped."""
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


@functools.cache
def panels() -> list[dict]:
    """Return every panel of the dashboard that shows something."""
    return [one for one in json.loads(DASHBOARD.read_text())["panels"] if one["type"] != "row"]


def questions() -> Iterator[tuple[str, str]]:
    """Return each expression of panels as a person's screen would ask it, with its panel's title."""
    for panel in panels():
        for target in panel["targets"]:
            filled = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            yield panel["title"], filled


def asked(expression: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Return the series that an expression asks for: each name, with its matchers."""
    for name, inside in _NAME.findall(expression):
        yield name, _MATCHER.findall(inside)


def families(text: str) -> dict[str, str]:
    """Return the kind of each metric of a page, by the name under which it was declared."""
    found = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    assert len(found) == len(dict(found)), "a family stands on the page twice"
    return dict(found)


def samples(text: str) -> dict[str, float]:
    """Return each series of a page with its value."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}
