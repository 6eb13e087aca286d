"""Recorded runs: hostile input is read safely, and every hand-off becomes one recorded link."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import warm
from hypothesis import given
from hypothesis import strategies as st

from delegation.authority.arguments.text import MAX_TEXT, TextType
from delegation.errors import MalformedError
from delegation.graph import edges
from delegation.rehearsal.inference import TOOLS, calls_per_hand_off, capabilities
from delegation.rehearsal.whowhen import inert, read_file, read_folder, read_record
from delegation.tracker import Tracker

RUN = {
    "question": "SECRET QUESTION", "ground_truth": "SECRET ANSWER", "mistake_agent": "WebSurfer", "mistake_step": "3", "history": [
        {"role": "human", "content": "SECRET QUESTION"},
        {"role": "Orchestrator (thought)", "content": "Updated Ledger:\n{broken"},
        {"role": "Orchestrator (-> WebSurfer)", "content": "search"},
        {"role": "WebSurfer", "content": "I typed 'cats' into 'the box'.\n\nHere"},
        {"role": "WebSurfer", "content": "I clicked '<b>\u202e\x00it'.\n"},
        {"role": "WebSurfer", "content": "I scrolled down one page"},
        {"role": "Orchestrator (-> ComputerTerminal)", "content": "```python\nprint(1)\nprint(2)\n```"},
        {"role": "ComputerTerminal", "content": "The script ran, then exited with Unix exit code: 0"},
        {"role": "Orchestrator (termination condition)", "content": "done"},
        {"role": 5}, "nonsense", {"role": "WebSurfer", "content": None},
    ],
}  # fmt: skip
CHAT = {"history": [
    {"name": "Excel_Expert", "role": "assistant", "content": "```sh\nls\n```"},
    {"name": "Computer_terminal", "role": "user", "content": "exitcode: 1 (failed)"},
    {"name": "Computer_terminal", "role": "user", "content": "There is no code"},
    {"name": "Excel_Expert", "role": "user", "content": "I clicked 'x'."},
]}  # fmt: skip


def test_an_orchestrated_run_is_read() -> None:
    """Hand-offs and actions come out in order; question and answer nowhere."""
    run = read_record("hand/1", RUN)
    assert [(h.index, h.holder) for h in run.hand_offs] == [
        (2, "WebSurfer"),
        (6, "ComputerTerminal"),
    ]
    assert [(a.index, a.tool, a.arguments) for a in run.actions] == [
        (3, "browser.type", {"text": "cats", "field": "the box"}), (4, "browser.click", {"target": "<b> it"}),
        (5, "browser.scroll", {"direction": "down"}), (7, "code.run", {"language": "python", "lines": 2}),
    ]  # fmt: skip
    assert (run.mistake_agent, run.mistake_step, run.root) == ("WebSurfer", 3, "Orchestrator")
    assert "SECRET" not in repr(run)


def test_a_group_chat_is_read() -> None:
    """Each change of speaker is one hand-off by a made-up manager; only terminals act."""
    run = read_record("chat/1", CHAT)
    assert [(h.index, h.holder) for h in run.hand_offs] == [
        (1, "Computer_terminal"),
        (3, "Excel_Expert"),
    ]
    assert [(a.tool, a.arguments) for a in run.actions] == [
        ("code.run", {"language": "sh", "lines": 1})
    ]
    assert (run.root, run.kind) == ("chat-manager", "group chat")


@pytest.mark.parametrize("body", [None, [], {}, {"history": "x"}, {"history": [None] * 3000}, 7])
def test_what_is_no_record_is_refused(body) -> None:
    """Another shape is malformed, never guessed at."""
    with pytest.raises(MalformedError):
        read_record("x", body)


@given(
    body=st.recursive(
        st.none() | st.text(max_size=8) | st.integers(),
        lambda i: (
            st.lists(i, max_size=3)
            | st.dictionaries(
                st.sampled_from(["history", "name", "role", "content", "mistake_step"]),
                i,
                max_size=4,
            )
        ),
        max_leaves=10,
    )
)
def test_no_record_raises_anything_else(body) -> None:
    """Whatever the file holds, reading it is safe."""
    try:
        read_record("x", body)
    except MalformedError:
        return


@given(text=st.text(max_size=400))
def test_inert_text_is_one_plain_line(text: str) -> None:
    """Scraped text becomes NFC without control or direction characters."""
    from delegation.authority.arguments import parse_type

    shown = inert(text)
    assert parse_type({"type": "text", "multiline": False}).canonicalise(shown) == shown


def test_unreadable_files_are_refused_by_name(tmp_path: Path) -> None:
    """Garbage and emptiness are malformed."""
    (tmp_path / "x.json").write_bytes(b"\xff{")
    with pytest.raises(MalformedError):
        read_file(tmp_path / "x.json")
    with pytest.raises(MalformedError):
        read_folder(tmp_path)


def test_a_grant_is_inferred_from_the_other_runs_only() -> None:
    """Leave one out: what only this run shows is not granted to it."""
    runs = [read_record("a/1", RUN), read_record("a/2", {"history": RUN["history"][:4]})]
    first = {c.tool.text for c in capabilities(runs, 0, "WebSurfer")}
    second = {c.tool.text for c in capabilities(runs, 1, "WebSurfer")}
    assert first == {"browser.type"}
    assert second == {"browser.type", "browser.click", "browser.scroll"}
    assert calls_per_hand_off(runs, 1, "WebSurfer") == 3
    assert capabilities(runs[:1], 0, "WebSurfer") == []


def rehearse(folder: Path, store: Path) -> list[dict]:
    """Run the command over a real server and return its report."""
    command = [
        *warm.python(),
        "-m",
        "delegation.cli",
        "rehearse",
        "whowhen",
        str(folder),
        "--store",
        str(store),
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "SECRET" not in done.stdout
    return json.loads(done.stdout)["runs"]


def agree(store: Path, report: list[dict], hand_offs: dict[str, int]) -> None:
    """Check a rehearsed store against the records."""
    with Tracker.open(f"sqlite:///{store}") as tracker:
        for run in report:
            entry = tracker.lineage(run["task"]).entry
            below = [link for link in entry.links if link.parent is not None]
            assert len(below) == run["delegations"] == hand_offs[run["run"]]
            assert set(edges(entry)) == {(link.parent, link.id) for link in below}
            assert entry.task.inferred
            assert entry.task.title == run["run"]
            assert sum(d.allowed for d in entry.calls) == run["allowed"]
            assert all(link.formats == (run["format"],) for link in entry.links)
        with tracker._store.read() as reader:
            assert reader.catalogue().revision == len(TOOLS)


def test_synthetic_runs_are_rehearsed_over_http(tmp_path: Path) -> None:
    """Two small records: every hand-off is a link, denied calls are told, nothing secret is stored."""
    for kind, bodies in {"hand-crafted": [RUN, RUN], "algorithm-generated": [CHAT, CHAT]}.items():
        (tmp_path / kind).mkdir()
        for n, body in enumerate(bodies, start=1):
            (tmp_path / kind / f"{n}.json").write_text(json.dumps(body))
    store = tmp_path / "s.db"
    report = rehearse(tmp_path, store)
    assert [r["format"] for r in report] == ["biscuit", "macaroon", "biscuit", "macaroon"]
    agree(
        store,
        report,
        {
            "hand-crafted/1": 2,
            "hand-crafted/2": 2,
            "algorithm-generated/1": 2,
            "algorithm-generated/2": 2,
        },
    )
    assert b"SECRET" not in store.read_bytes()


@pytest.mark.thorough
def test_all_recorded_runs_are_rehearsed(tmp_path: Path, data_dir: Callable[[str], Path]) -> None:
    """Recorded delegations equal the hand-offs in the files; drawn edges equal the stored parents."""
    folder = data_dir("whowhen")
    runs = read_folder(folder)
    hand_offs = {run.name: len(run.hand_offs) for run in runs}
    counted = 0
    for file in folder.glob("*/*.json"):
        history = json.loads(file.read_text())["history"]
        counted += sum(m["role"].startswith("Orchestrator (-> ") for m in history)
        if "name" in history[0]:
            counted += sum(a["name"] != b["name"] for a, b in itertools.pairwise(history))
    report = rehearse(folder, tmp_path / "s.db")
    assert sum(r["delegations"] for r in report) == sum(hand_offs.values()) == counted
    agree(tmp_path / "s.db", report, hand_offs)
    assert any(r["denied"] for r in report)
    assert sum(r["allowed"] for r in report) > 0
    stored = (tmp_path / "s.db").read_bytes()
    for file in folder.glob("*/*.json"):
        answer = str(json.loads(file.read_text())["question"])
        assert answer[:60].encode() not in stored


@pytest.mark.skipif(
    not os.environ.get("DELEGATION_DATA"), reason="DELEGATION_DATA names no folder of records"
)
def test_what_real_agents_wrote_is_text_without_change() -> None:
    """Every message of the records, whatever is in it, is its own canonical form; but what is too long."""
    folder, of = Path(os.environ["DELEGATION_DATA"]) / "whowhen", TextType()
    said = [
        entry["content"]
        for file in folder.glob("*/*.json")
        for entry in json.loads(file.read_text("utf-8"))["history"]
        if isinstance(entry.get("content"), str)
    ]
    fitting = [text for text in said if len(text) <= MAX_TEXT]
    assert len(fitting) >= len(said) - 1 > 1500
    assert all(of.canonicalise(text) == text for text in fitting)
