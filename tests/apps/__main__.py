"""`make apps`: other people's applications behind a guard.

python -m apps                 all of them
python -m apps prefect agno    these
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from apps.environments import ENVIRONMENTS, PLACE, ROOT, Environment


def main(names: list[str]) -> int:
    """Make the environments that are named, or all, and run the tests in each; 0 if all pass."""
    unknown = set(names) - {one.name for one in ENVIRONMENTS}
    if unknown:
        print(f"There is no {', '.join(sorted(unknown))}; there are {', '.join(one.name for one in ENVIRONMENTS)}.")  # fmt: skip
        return 2
    good = True
    for one in ENVIRONMENTS:
        if not names or one.name in names:
            one.make()
            good = _passes(one) and good
    return 0 if good else 1


def _passes(one: Environment) -> bool:
    print(f"== {one.name}", flush=True)
    home = PLACE / one.name / "home"
    home.mkdir(exist_ok=True)
    env = {
        **os.environ, "DELEGATION_APPLICATION": one.application, "HOME": str(home), "PREFECT_HOME": str(home / "prefect"),
        "PYTHONPATH": str(Path(__file__).parents[1]), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1",
    }  # fmt: skip
    tests = [Path(__file__).with_name("guarded_application.py")]
    run = [
        one.python,
        "-m",
        "pytest",
        "-q",
        "--noconftest",
        "-c",
        str(Path(__file__).with_name("pytest.ini")),
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run([*run, *tests], cwd=ROOT, env=env, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
