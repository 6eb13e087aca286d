"""What pyproject.toml says we need: each requirement of ours, its extra, and its lower bound."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: Final[dict[str, list[str]]] = PROJECT["optional-dependencies"]
NOT_SHIPPED: Final = ("dev", "bench")


def ours() -> dict[str, tuple[str, Requirement]]:
    """Return what is required by users: name -> (extra, requirement); the extra is empty for the base."""
    found: dict[str, tuple[str, Requirement]] = {}
    lists = {"": PROJECT["dependencies"], **EXTRAS}
    for extra, lines in lists.items():
        if extra in NOT_SHIPPED:
            continue
        for line in lines:
            one = Requirement(line)
            if canonicalize_name(one.name) != canonicalize_name(PROJECT["name"]):
                found[canonicalize_name(one.name)] = (extra, one)
    return found


def lower(requirement: Requirement) -> str:
    """Return the oldest version that a requirement allows; empty if it says none."""
    said = [s.version for s in requirement.specifier if s.operator in {">=", "=="}]
    return said[0] if said else ""


def tools(unused: frozenset[str]) -> list[str]:
    """Return what tests need of the extra `dev`."""
    return [
        line for line in EXTRAS["dev"] if canonicalize_name(Requirement(line).name) not in unused
    ]
