"""`make bench`: measure all families and save them, or a quick look at some.

python -m bench            everything; writes bench.json, docs/reference/performance.md and its plots
python -m bench --quick    a minute or two, small sizes; prints only
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from bench import page
from bench.about import about
from bench.run import FAMILIES, Mode, measured


def main(arguments: list[str] | None = None) -> int:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing saved")
    parser.add_argument(
        "--only", action="append", choices=FAMILIES, help="a family; may be repeated"
    )
    parser.add_argument("--save", action="store_true", help="save a quick run, marked as one")
    parser.add_argument(
        "--whole", action="append", choices=FAMILIES, default=[],
        help="a family that a quick run measures at full size; may be repeated",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    mode = Mode.QUICK if given.quick else Mode.FULL
    whole = f", but {' and '.join(given.whole)} whole" if given.whole else ""
    describe = about(mode.value + whole)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="delegation-bench-")))
        rows = []
        for family in given.only or FAMILIES:
            size = Mode.FULL if family in given.whole else mode
            rows += measured(size, (family,), folder, say=_say)
    results = {**describe(), "rows": [row.to_json() for row in rows]}
    for family in dict.fromkeys(row.family for row in rows):
        chosen = [r for r in results["rows"] if r["family"] == family]
        sys.stdout.write(
            f"\n{family}\n\n{page.table([{k: v for k, v in r.items() if k != 'family'} for r in chosen])}"
        )
    failed = [row for row in rows if row.failed]
    for row in failed:
        _say(f"FAILED: {row.what}, {row.subject}: {row.failed}")
    if failed:
        sys.stdout.write("\nNothing saved: rows failed.\n")
    elif (mode is Mode.FULL or given.save) and not given.only:
        page.save(results)
        sys.stdout.write("\nSaved bench.json, docs/reference/performance.md and its plots.\n")
    else:
        sys.stdout.write(
            "\nNothing saved: only a whole run of all families replaces the published figures.\n"
        )
    return 1 if failed else 0


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
