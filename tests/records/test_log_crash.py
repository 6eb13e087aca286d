"""The log after crashes: whatever step it died at, the next process goes on and signs no fork."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import warm
from logs import audited, busy, publisher, reopened, with_files
from world import World

from delegation.records.log import files as log_files
from delegation.records.log import publish
from delegation.transparency.checkpoint import Checkpoint
from delegation.transparency.merkle import verify_consistency

one_engine = pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.thorough)], indirect=True
)


class Died(BaseException):
    """Stands for the end of a process: no handler of ours sees it."""


class Dies:
    """Counts steps that are done, and ends the process before or after the n-th of them."""

    def __init__(self, monkeypatch, at: int, *, after: bool) -> None:
        self.left, self.after = at, after
        self.steps: list[str] = []
        for owner, name in (
            (publish, "sequence"),
            (log_files, "write_whole"),
            (publish.Publisher, "_refuse_fork"),
            (publish, "sign_head"),
            (publish.Publisher, "_swap"),
        ):
            monkeypatch.setattr(owner, name, self.counted(name, getattr(owner, name)))

    def counted(self, name: str, inner):
        """Return the step, counted."""

        def step(*args, **kw):
            self.steps.append(name)
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Died
            result = inner(*args, **kw)
            if self.left == 0:
                raise Died
            return result

        return step


@one_engine
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dying_between_any_two_steps_loses_and_forks_nothing(
    filed: World, url: str, tmp_path: Path, monkeypatch, after: bool
) -> None:
    """At each step of an update: the next process signs a continuation of all that was ever seen."""
    with_files(filed, tmp_path)
    busy(filed, calls=1)
    filed.tracker.update_log()
    seen: list[Checkpoint] = [filed.tracker.log_checkpoint()]
    deaths = 0
    for step in range(1, 40):
        busy(filed, calls=1)
        with monkeypatch.context() as patched:
            dies = Dies(patched, step, after=after)
            try:
                filed.tracker.update_log()
            except Died:
                deaths += 1
        seen += [c for c in (kept.read() for kept in kepts(filed)) if c is not None]
        seen.append(filed.tracker.log_checkpoint())
        again = reopened(filed, url, tmp_path)
        status = again.tracker.update_log()
        assert (status.waiting, status.stopped) == (0, "")
        assert status.signed == status.size
        assert audited(again, tmp_path)
        seen.append(again.tracker.log_checkpoint())
        again.tracker.close()
        if dies.left > 0:
            break
    assert deaths >= 8
    assert set(dies.steps) == {"sequence", "write_whole", "_refuse_fork", "sign_head", "_swap"}
    last = seen[-1]
    for one in seen:
        path = filed.tracker.log_consistency(one.size, last.size)
        assert verify_consistency(one.size, last.size, one.root, last.root, path)


def kepts(world: World):
    """Return the places outside the database that remember a checkpoint."""
    kept = publisher(world)
    return (kept.memory, kept.folder.checkpoint)


CHILD = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from sqlalchemy import event
from world import NOW
from delegation.tracker import Tracker
left = int(sys.argv[1])
def step():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
inner = Path.replace
def replace(self, target):
    step()
    result = inner(self, target)
    step()
    return result
tracker = Tracker.open({url!r}, ring_file={ring!r}, log_dir={folder!r}, clock=lambda: NOW)
Path.replace = replace
event.listen(tracker._store._database.engine, "commit", lambda _: step())
for _ in range(3):
    decision = tracker.check("?", None, {{}})
    print(decision.id, flush=True)
    status = tracker.update_log()
    print(tracker.log_checkpoint().size, flush=True)
"""


@one_engine
def test_kill_9_loses_nothing_that_was_acknowledged(filed: World, url: str, tmp_path: Path) -> None:
    """A process kills itself at its n-th commit or rename; another goes on: all acknowledged is there."""
    ring_file = tmp_path / "ring.json"
    filed.tracker._desk.ring.save(ring_file)
    code = CHILD.format(
        tests=str(Path(__file__).parents[1]),
        url=url,
        ring=str(ring_file),
        folder=str(tmp_path / "log"),
    )
    from delegation.tracker import Tracker

    acknowledged: list[str] = []
    sizes: list[int] = []
    kills = 0
    for step in (1, 2, 3, 4, 5, 7, 9, 11, 13, 16, 1000):
        done = subprocess.run(
            [*warm.python(), "-c", code, str(step)],
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        kills += done.returncode != 0
        for line in done.stdout.split():
            (sizes if line.isdecimal() else acknowledged).append(line)
    assert kills >= 8
    with Tracker.open(
        url, ring_file=ring_file, log_dir=tmp_path / "log", clock=lambda: filed.at
    ) as tracker:
        status = tracker.update_log()
        assert (status.stopped, status.waiting) == ("", 0)
        assert status.size >= max(map(int, sizes))
        for name in acknowledged:
            assert tracker.decision_proof(name).verify(status.keys).id == name
        filed.tracker.close()
        filed.tracker = tracker
        assert audited(filed, tmp_path)
        assert tracker.compare_log() == ()
