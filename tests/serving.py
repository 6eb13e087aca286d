"""A real `delegation serve` in its own process, for tests."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import warm

ROOT = Path(__file__).parents[1]


@contextmanager
def serving(store: Path | str, folder: Path, *options: str, **env: str) -> Iterator[dict]:
    """Serve a store until the block ends; yield what the program said at its start."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DELEGATION_")}
    words = ["serve", "--store", str(store), "--port", "0", "--json", "--show-keys", *options]
    with (folder / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [*warm.python(), "-m", "delegation.cli", *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**kept, "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}", **env},
        )
        try:
            line = process.stdout.readline()  # the socket listens already
            assert line, (folder / "serve.log").read_text()
            yield json.loads(line)
        finally:
            process.terminate()
            try:
                process.wait(90)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
            process.stdout.close()
