"""Shell blocks that say `sh run` are run, top to bottom in one shell, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import warm
from cli_tree import commands

sys.path.insert(0, str(Path(__file__).parent))
from blocks import blocks, differs

ENDED = "== the block ends =="
ROOT = Path(__file__).parents[2]
PAGES = [p for p in sorted((ROOT / "docs").rglob("*.md")) if "```sh run\n" in p.read_text()]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_marked_shell_block_runs(page: Path, tmp_path: Path) -> None:
    """Each command of a page works as it stands there, in that order, and prints what the page shows."""
    written = blocks(page, "sh run")
    programs = warm.programs(tmp_path / "bin")
    folder = tmp_path / "work"
    folder.mkdir()
    script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + "".join(
        f"{block.text}printf '{ENDED}'\n" for block in written
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DELEGATION_")}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={
            **kept,
            "COLUMNS": "100",
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}",
        },
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    for block, printed in zip(written, done.stdout.split(ENDED), strict=False):
        assert differs(block, printed) == ""


def test_there_is_a_page_that_is_run() -> None:
    """Nobody removes the marks to make this suite green."""
    assert ROOT / "docs/reference/cli.md" in PAGES


def test_every_command_has_its_heading() -> None:
    """docs/reference/cli.md names all commands and none that is not there."""
    text = (ROOT / "docs/reference/cli.md").read_text()
    headings = set(re.findall(r"^## delegation (.+)$", text, re.MULTILINE))
    assert headings == {" ".join(path) for path, _ in commands()}
