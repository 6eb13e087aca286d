"""Environments for other people's applications, made once for each set of requirements and kept."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = Path(os.environ.get("DELEGATION_APPS", ROOT / ".venv-apps"))
# What the tests need of the project in there, without its own bounds for servers.
OURS = ("delegation[store]", "httpx2>=2.16,<3", "pytest>=9.2,<10")


@dataclass(frozen=True, slots=True)
class Environment:
    """What one application needs.

    Args:
        name: Of the environment.
        application: Name of the function in `applications` that makes it.
        requirements: Packages beside ours.
    """

    name: str
    application: str
    requirements: tuple[str, ...]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return PLACE / self.name / "bin" / "python"

    def make(self) -> None:
        """Make it, unless it is there with these requirements.

        Raises:
            CalledProcessError: Something cannot be installed.
        """
        ours = [one.replace("delegation[", f"{ROOT}[") for one in OURS]
        text = "\n".join([*self.requirements, *ours, (ROOT / "pyproject.toml").read_text()])
        want = hashlib.sha256(text.encode()).hexdigest()
        stamp = PLACE / self.name / "installed"
        if stamp.exists() and stamp.read_text() == want:
            return
        print(f"Making the environment {self.name}; this takes some minutes.", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", PLACE / self.name], check=True)
        install = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        editable = [part for one in ours for part in (("-e", one) if str(ROOT) in one else (one,))]
        subprocess.run([*install, *self.requirements, *editable], check=True)
        stamp.write_text(want)


ENVIRONMENTS = (
    Environment("prefect", "prefect", ("prefect>=3.9,<4",)),
    Environment("agno", "agno", ("agno[os]>=3.1,<4", "openai>=2")),
    Environment("titiler", "titiler", ("titiler.application>=2.4,<3",)),
    Environment("google-adk", "google_adk", ("google-adk>=2.13,<3",)),
    Environment("gradio", "gradio", ("gradio>=6,<7",)),
    Environment("marimo", "marimo", ("marimo>=0.25,<1",)),
    Environment("fastapi-0.115", "grammar", ("fastapi==0.115.0", "python-multipart>=0.0.27,<1", "httpx>=0.28,<1")),
    Environment("fastapi-0.128", "grammar", ("fastapi==0.128.0", "python-multipart>=0.0.27,<1", "httpx>=0.28,<1")),
    Environment("fastapi", "grammar", ("fastapi>=0.165,<1", "python-multipart>=0.0.27,<1", "httpx>=0.28,<1")),
)  # fmt: skip
