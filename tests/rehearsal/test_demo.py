"""The demo: every harmful attempt is refused, every honest call passes, and the picture is drawn."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import warm


def test_the_demo_ends_well(tmp_path: Path) -> None:
    """Exit 0, counts told, SVG written, and the store opens again."""
    run = [*warm.python(), "-m", "delegation.cli", "demo"]
    done = subprocess.run(
        run, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "with a shared broad credential: 16 of 16" in done.stdout
    assert "with the tracker:               0 of 16" in done.stdout
    for code in ("resource_widened", "proof_signature", "replayed", "holder_contradicts_registry", "container_signature",
                 "link_revoked", "task_closed", "budget_spent", "audience_not_granted", "proof_other_access", "delegate_only", "argument_refused"):  # fmt: skip
        assert code in done.stdout, code
    ET.parse(tmp_path / "demo" / "graph.svg")
    tasks = subprocess.run(
        [*run[:-1], "tasks", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Refund for ticket 4711" in tasks.stdout
    assert "Refund for ticket 4712" in tasks.stdout
    waiting = subprocess.run(
        [*run[:-1], "approvals", "list", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "ord-91" in waiting.stdout, waiting.stderr
    again = subprocess.run(
        run, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert again.returncode == 0
