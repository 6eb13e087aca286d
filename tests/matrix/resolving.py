"""Resolutions by uv: ours alone, a peer alone, both together, the lowest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from matrix.bounds import PROJECT, ROOT, lower, ours


class UnresolvedError(Exception):
    """No versions satisfy all requirements; the resolver's own sentence."""


@dataclass(frozen=True, slots=True)
class Beside:
    """How our extras and a peer's newest release share an environment.

    Args:
        peer: Its name.
        version: The newest that installs without us.
        lowered: Our requirements that it keeps below their newest, with the version.
        fault: Why there is no common environment, empty if there is one.
    """

    peer: str
    version: str
    lowered: tuple[tuple[str, str], ...] = ()
    fault: str = ""

    @property
    def is_good(self) -> bool:
        """Whether both install."""
        return not self.fault


def uv(*words: str, given: str = "", env: dict[str, str] | None = None) -> str:
    """Run uv beside this Python and return what it wrote."""
    program = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [program, *words],
        cwd=ROOT,
        input=given,
        env={**os.environ, "UV_NO_PROGRESS": "1", **(env or {})},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if done.returncode != 0:
        raise UnresolvedError(done.stderr.strip())
    return done.stdout


def resolved(needs: Sequence[str], python: str, *, lowest: bool = False) -> dict[str, str]:
    """Return the versions that satisfy all needs: name -> version."""
    words = ["pip", "compile", "-q", "--no-annotate", "--no-header", "--python-version", python]
    if lowest:
        words += ["--resolution", "lowest-direct"]
    lines = [Requirement(line) for line in uv(*words, "-", given="\n".join(needs)).splitlines()]
    return {canonicalize_name(line.name): lower(line) for line in lines}


def all_extras() -> list[str]:
    """Return what the extra `all` needs, without building anything."""
    return [str(requirement) for _, requirement in ours().values()]


def beside(peer: str, python: str, alone: dict[str, str]) -> Beside:
    """Resolve a peer by itself, and what it has then with every extra.

    Args:
        peer: Its name.
        python: Version of Python.
        alone: Ours without it.
    """
    name = canonicalize_name(peer)
    try:
        newest = resolved([peer], python)[name]
        both = resolved([*all_extras(), f"{peer}=={newest}"], python)
    except UnresolvedError as error:
        return Beside(peer, "", fault=str(error))
    lowered = tuple(
        (one, both[one]) for one in sorted(ours()) if Version(both[one]) < Version(alone[one])
    )
    return Beside(peer, newest, lowered)


def lowest(python: str) -> tuple[dict[str, str], list[str]]:
    """Return the lowest resolution, and our requirements that it could not take at their bound."""
    found = resolved(all_extras(), python, lowest=True)
    above = [
        f"{name} {found[name]}, bound {lower(one)}"
        for name, (_, one) in ours().items()
        if Version(found[name]) != Version(lower(one))
    ]
    return found, above


def installed(folder: Path, pins: dict[str, str], needs: Sequence[str], python: str) -> Path:
    """Make an environment with our checkout and what the tests need; return its Python."""
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
    home = folder / "env"
    uv("venv", "-q", "--no-python-downloads", "-p", python, str(home))
    checkout = f"{PROJECT['name']}[all] @ {ROOT.as_uri()}"
    uv(
        "pip",
        "install",
        "-q",
        "-c",
        str(constraints),
        checkout,
        *needs,
        env={"VIRTUAL_ENV": str(home)},
    )
    return home / "bin" / "python"
