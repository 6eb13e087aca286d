"""Runs `delegation rehearse whowhen` and `delegation demo`, and the service that they start."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from delegation.client import Client
from delegation.errors import ServiceError
from delegation.graph.names import clean
from delegation.rehearsal.desk import Desk, leave_open
from delegation.rehearsal.runs import Outcome, rehearse
from delegation.rehearsal.whowhen import read_folder
from delegation.tracker import Tracker
from delegation.tracker.location import endings_file, journal_head, memory_file

ISSUER: Final = "http://127.0.0.1:8470"  # where `make serve` listens: its tokens stay its own
STORE: Final = Path("delegation.db")
_WIDTH: Final = 120  # columns where there is no terminal to ask


def rehearse_whowhen(
    directory: Path, *, store: Path | None = None, as_json: bool = False, limit: int | None = None
) -> int:
    """Rehearse the records of a folder over HTTP and print what came of them; return an exit code.

    Raises:
        MalformedError: The folder holds no records, or one of them is none.
        ServiceError: The service did not start or answer.
    """
    runs = read_folder(directory)[:limit]
    file = store or STORE
    wide = None if sys.stdout.isatty() else _WIDTH
    console = Console(highlight=False, stderr=as_json, width=wide)
    with (
        served(file, file.with_suffix(".ring.json"), issuer=ISSUER) as client,
        Progress(
            TextColumn("rehearsing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[run]}"),
            console=console, transient=True,
        ) as progress,
    ):  # fmt: skip
        bar = progress.add_task("runs", total=len(runs), run="")

        def done(outcome: Outcome) -> None:
            progress.update(bar, advance=1, run=clean(outcome.run.name, 40))

        outcomes = rehearse(client, runs, done=done)
    if as_json:
        sys.stdout.write(json.dumps(_report(outcomes), indent=2) + "\n")
    else:
        _print(console, outcomes, file)
    expected = sum(len(run.hand_offs) for run in runs)
    return 0 if sum(outcome.delegations for outcome in outcomes) == expected else 1


def _report(outcomes: Sequence[Outcome]) -> dict[str, object]:
    return {
        "runs": [
            {
                "run": outcome.run.name,
                "task": outcome.task,
                "format": outcome.format,
                "delegations": outcome.delegations,
                "calls": outcome.calls,
                "allowed": outcome.allowed,
                "denied": [
                    {"index": place, "role": role, "reason": code}
                    for place, role, code in outcome.denials
                ],
                "labelled_mistake": {
                    "agent": outcome.run.mistake_agent,
                    "step": outcome.run.mistake_step,
                    "is_denied": outcome.is_mistake_denied,
                },
            }
            for outcome in outcomes
        ]
    }


def _print(console: Console, outcomes: Sequence[Outcome], store: Path) -> None:
    table = Table(
        title="Rehearsed runs (grants inferred from the other runs)", title_justify="left"
    )
    for name, justify in (("run", "left"), ("token", "left"), ("links", "right"), ("calls", "right"),
                          ("allowed", "right"), ("denied", "right"), ("why denied, at", "left"),
                          ("labelled mistake", "left")):  # fmt: skip
        is_short = name in {"run", "token", "links", "calls", "allowed", "denied"}
        table.add_column(name, justify=justify, overflow="fold", no_wrap=is_short)  # type: ignore[arg-type]  # literals
    for outcome in outcomes:
        places = ", ".join(f"{code} @{place}" for place, _, code in outcome.denials[:3])
        more = f" +{len(outcome.denials) - 3}" if len(outcome.denials) > 3 else ""  # noqa: PLR2004
        blamed = f"{outcome.run.mistake_agent} @{outcome.run.mistake_step}"
        cells = (
            outcome.run.name, outcome.format, outcome.delegations, outcome.calls, outcome.allowed,
            len(outcome.denials), places + more, blamed + (" denied" if outcome.is_mistake_denied else ""),
        )  # fmt: skip
        table.add_row(*(Text(clean(str(cell), 120)) for cell in cells))
    console.print(table)
    reasons: Counter[str] = Counter()
    for outcome in outcomes:
        reasons += outcome.reasons
    calls, allowed = sum(o.calls for o in outcomes), sum(o.allowed for o in outcomes)
    links, mistakes = (
        sum(o.delegations for o in outcomes),
        sum(o.is_mistake_denied for o in outcomes),
    )
    console.print(
        f"{len(outcomes)} runs, {links} delegations, {calls} calls: "
        f"{allowed} allowed, {calls - allowed} denied"
    )
    for code, number in reasons.most_common():
        console.print(f"  {number:4} denied at step {code}", markup=False)
    console.print(
        f"{mistakes} labelled mistakes were denied calls; most are wrong words, which no grant sees."
    )
    console.print(f"Draw one: delegation graph TASK --store {store} -o run.svg", markup=False)
    for outcome in outcomes[:3]:
        console.print(f"  {outcome.task}  {clean(outcome.run.name)}", markup=False)


def demo(folder: Path, *, as_json: bool = False) -> int:
    """Run the support desk in a folder, afresh, and print every attempt; return an exit code.

    As JSON, attempts go to standard error and what came of them to standard output.

    0 only if every harmful attempt was refused, every honest call went through, and the call that needs
    consent waits.

    Raises:
        ServiceError: The service did not start or answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store, ring = folder / "delegation.db", folder / "delegation.ring.json"
    beside = (
        *(Path(f"{store}{ending}") for ending in ("-wal", "-shm")),
        *(name(ring) for name in (memory_file, endings_file, journal_head)),
    )
    for old in (store, ring, *beside):
        old.unlink(missing_ok=True)
    wide = None if sys.stdout.isatty() else 100
    console = Console(highlight=False, stderr=as_json, width=wide)
    with served(store, ring, issuer=ISSUER) as client:
        desk = Desk(client, console)
        is_right = desk.run()
        picture = folder / "graph.svg"
        picture.write_bytes(client.drawing(desk.task.id, "svg"))
        console.print(client.drawing(desk.task.id, "txt").decode(), markup=False, end="")
        left, asked = leave_open(client, desk.keys)
    is_right = is_right and asked.approval is not None
    console.print(f"\nLeft open: {left.title}, where a refund waits for consent", markup=False)
    console.print(f"The picture: {picture}   The store: {store}", markup=False)
    console.print(
        "Open the same store: make serve   Look closer: delegation lineage " + desk.task.id
    )
    if as_json:
        report = {
            "task": desk.task.id,
            "open_task": left.id,
            "approval": asked.approval,
            "store": str(store),
            "picture": str(picture),
            "as_expected": is_right,
        }
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0 if is_right else 1


START_SECONDS: Final = 60  # a cold start on a busy machine; a healthy one takes two
_STOP_SECONDS: Final = 10


@contextmanager
def served(store: Path, ring: Path, *, issuer: str) -> Iterator[Client]:
    """Start the service over a store and give an operator's client to it; end it afterwards.

    Args:
        store: SQLite file, made if it is not there.
        ring: The key ring beside it, made likewise.
        issuer: URL under which tokens are issued.

    Raises:
        ServiceError: It did not start.
    """
    store.parent.mkdir(parents=True, exist_ok=True)
    with Tracker.open(f"sqlite:///{store}", ring_file=ring, issuer=issuer) as tracker:
        name = f"rehearsal-{secrets.token_hex(4)}"
        secret = tracker.create_api_key(name, "operator")
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "delegation.cli", "serve", "--port", "0", "--no-make-keys"]
        command += ["--store", str(store), "--ready-file", str(ready), "--issuer", issuer]
        log = Path(folder) / "log"
        with log.open("wb") as out:
            # Our own interpreter and arguments only: nothing of a transcript reaches the command.
            process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        try:
            with Client(_url(process, ready, log), api_key=secret, timeout=30) as client:
                client.health()
                yield client
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with Tracker.open(f"sqlite:///{store}", ring_file=ring) as tracker:
                tracker.revoke_api_key(name)


def _url(process: subprocess.Popen[bytes], ready: Path, log: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if ready.exists():
            return str(json.loads(ready.read_text(encoding="utf-8"))["url"])
        if process.poll() is not None:
            break
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise ServiceError(0, "unreachable", "The service did not start: " + " ".join(said[-3:])[:300])
