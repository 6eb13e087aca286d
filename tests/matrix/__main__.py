"""`make matrix`: our extras beside other people's packages, and the core tests at both ends of our bounds.

python -m matrix                     everything; writes the tables of docs/reference/compatibility.md
python -m matrix --resolve           only what installs together; prints
python -m matrix --tests tests/api   other tests at both ends than the core; prints
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from matrix import page
from matrix.bounds import ROOT, tools
from matrix.peers import CORE, PEERS, PYTHONS, UNUSED
from matrix.resolving import Beside, all_extras, beside, installed, lowest, resolved


def main(arguments: list[str] | None = None) -> int:
    """Try what the arguments ask for; 0 if all of it holds."""
    parser = argparse.ArgumentParser(prog="matrix", description=__doc__)
    parser.add_argument("--resolve", action="store_true", help="run no tests, save nothing")
    parser.add_argument("--tests", action="append", help="a path; may be repeated")
    given = parser.parse_args(arguments)
    rows = {} if given.tests else {python: _beside(python) for python in PYTHONS}
    good = all(row.is_good for each in rows.values() for row in each)
    if given.resolve:
        return 0 if good else 1
    ends = _ends(given.tests or CORE)
    good = good and all(said.endswith("passed") for _, said in ends.values())
    if good and not given.tests:
        page.save(rows[PYTHONS[0]], ends)
        _say("Saved the tables of docs/reference/compatibility.md.")
    return 0 if good else 1


# A bound of a part that no core test touches would otherwise be found by its first user.
EVERY_MODULE = """
import importlib, pkgutil, delegation, delegation_api
for package in (delegation, delegation_api):
    for one in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if "migrations" not in one.name and not one.name.endswith("__main__"):
            importlib.import_module(one.name)
"""


def _beside(python: str) -> list[Beside]:
    alone = resolved(all_extras(), python)
    found = []
    for peer in PEERS:
        row = beside(peer, python, alone)
        kept = ", ".join(f"{name} {version}" for name, version in row.lowered)
        _say(f"Python {python}  {'ok   ' if row.is_good else 'WRONG'} {peer} {row.version} {kept}{row.fault}")  # fmt: skip
        found.append(row)
    return found


def _ends(paths: Sequence[str]) -> dict[str, tuple[dict[str, str], str]]:
    """Run tests in an environment of the oldest and one of the newest that we allow."""
    python = PYTHONS[0]
    oldest, above = lowest(python)
    if above:
        _say(f"WRONG bounds that nothing resolves to: {'; '.join(above)}")
        raise SystemExit(1)
    found = {}
    for name, pins in (("oldest", oldest), ("newest", resolved(all_extras(), python))):
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matrix-")))
            program = installed(folder, pins, tools(UNUSED), python)
            subprocess.run([program, "-c", EVERY_MODULE], cwd=folder, check=True, timeout=300)
            words = [
                str(program),
                "-m",
                "pytest",
                "-q",
                "-n",
                "2",
                "-p",
                "no:cacheprovider",
                *paths,
            ]
            env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)  # fmt: skip
        said = done.stdout.strip().splitlines()[-1].partition(" in ")[0] if done.stdout else ""
        _say(f"{'ok   ' if done.returncode == 0 else 'WRONG'} {name}: {said}")
        if done.returncode != 0:
            _say(done.stdout[-6000:] + done.stderr[-2000:])
        found[name] = (pins, said)
    return found


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
