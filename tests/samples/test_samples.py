"""Every sample runs as a user would run it, from another folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import warm

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.py"))


@pytest.mark.parametrize("sample", SAMPLES, ids=[s.stem for s in SAMPLES])
def test_a_sample_runs(sample: Path, tmp_path: Path) -> None:
    """It ends with exit code 0 and says something."""
    done = subprocess.run(
        [*warm.python(), str(sample)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_there_is_a_sample_for_each_kind_of_user() -> None:
    """Orchestrator agents, downstream services and reviewers each have a program to start from."""
    assert {s.stem for s in SAMPLES} >= {"offline_delegation", "downstream_service", "reviewer"}
