"""Facts that keep the house in order: import contracts, file sizes, folders, names, secrets."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = [*sorted((ROOT / "delegation").rglob("*.py")), *sorted((ROOT / "api").rglob("*.py"))]
SAMPLES = sorted((ROOT / "samples").glob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
CONTRACT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_imports_run_down() -> None:
    """The import contract of pyproject.toml holds."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(program), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_has_its_layer() -> None:
    """A new room that no contract knows would be above the law."""
    layers = re.split(r"[ |]+", " | ".join(CONTRACT["contracts"][0]["layers"]))
    for entry in (ROOT / "delegation").iterdir():
        if entry.name.startswith(("_", ".")) or entry.suffix not in {"", ".py"}:
            continue
        assert f"delegation.{entry.stem}" in layers, entry.name


def test_no_file_holds_two_concepts() -> None:
    """A file stays under 400 lines."""
    lines = {_name(file): len(file.read_text().splitlines()) for file in [*SOURCES, *TESTS]}
    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_there_are_no_other_folders() -> None:
    """The top level is agreed."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    tops = {line.split("/")[0] for line in listed.stdout.splitlines() if "/" in line}
    assert tops <= {"delegation", "api", "tests", "docs", "samples", ".ci", ".github"}


def test_the_code_says_what_it_does() -> None:
    """Every module has a docstring, every public function too; nothing prints but the command line."""
    assert [said for file in SOURCES for said in _unsaid(file)] == []


def _unsaid(file: Path) -> Iterator[str]:
    text = file.read_text()
    if "migrations" in file.parts:
        return
    tree = ast.parse(text)
    if not ast.get_docstring(tree):
        yield f"{_name(file)}: no docstring"
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ):
            yield f"{_name(file)}:{node.lineno}: print"
    for word in ("TODO", "FIXME", "NotImplementedError", "xfail"):
        if word in text:
            yield f"{_name(file)}: {word}"
    if re.search(r"/(work|tmp|root)/[a-z]", text):
        yield f"{_name(file)}: a path of one machine"


def test_only_one_room_reads_the_clock_or_draws_chance() -> None:
    """Below the composition root, time and chance come in by the door; keys and tokens draw their own."""
    allowed = {
        "tracker.py",  # delegation/tracker
        "callers.py",  # likewise
        "asked_request.py",  # names of requests
        "keys.py",
        "keyring.py",
        "proof.py",
        "token.py",
        "third_party.py",
        "issuer.py",
        "biscuit.py",
        "leaves.py",  # salts
        "retry.py",  # how long a pause is, and nothing else
        "marker.py",  # names of transactions
    }
    for file in SOURCES:
        if file.name in allowed or {"cli", "rehearsal", "client", "testing"} & set(
            file.relative_to(ROOT).parts
        ):
            continue
        text = file.read_text()
        assert not re.search(
            r"\btime\.time\(|datetime\.now\(|import secrets|urandom|import random", text
        ), file


def test_the_driver_is_used_in_one_place() -> None:
    """A driver's own errors are no SQLAlchemy's: only where they are said as such is it used by hand."""
    users = {file.name for file in SOURCES if re.search(r"\.cursor\(", file.read_text())}
    assert users == {"sqlite.py"}


def test_statuses_are_decided_in_one_place() -> None:
    """No router knows an HTTP status but the success it declares."""
    for file in (ROOT / "api" / "delegation_api" / "routers").glob("*.py"):
        assert not re.search(r"HTTPException|status_code=[345]", file.read_text()), file


RULE_ROOMS = [
    *sorted((ROOT / "delegation" / "judge").glob("*.py")),
    *(
        ROOT / "delegation" / "records" / "settling" / f"{name}.py"
        for name in ("approvals", "facts", "flow", "creation_limits", "rate", "roots")
    ),
]
# What stands in a token's bytes alone, and what has been taken from a line; everything else that walks
# a chain's own links does not see what stands above its task.
OWN_LINKS = {
    "capability._admitting": "step 8 asks the token's own bytes; `above` asks the chains above",
    "capability._denied": "the same",
    "capability._not_held": "the same",
    "capability._unfit_link": "the same",
    "capability._with_handed": "the same",
    "window._denied": "step 7 asks the leaf's own grant, and names who set its bound",
    "window.deny_outside_window": "step 7 asks the leaf's own grant, and names who set its bound",
}
# A rule that is given facts is given a line; these make one, or answer requests that no rule is about.
OWN_CHAIN = {
    "reserved_tools.settle_opening": "makes the line",
    "reserved_tools._deny_one_more": "names the leaf in what it denies",
    "reserved_tools._settled": "records what was decided",
    "reserved_tools.settle_reserved": "showing a link or cutting one below is no call",
    "reserved_tools._refusal": "asks only which of its own new links may be recorded",
}


def test_rules_walk_the_line_and_no_chain() -> None:
    """What is refused under a link is refused in every child task: nobody decides on a chain alone."""
    assert len(RULE_ROOMS) > 25
    assert [said for file in RULE_ROOMS for said in _off_the_line(file)] == []


def _off_the_line(file: Path) -> Iterator[str]:
    for function in ast.walk(ast.parse(file.read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        name = f"{file.stem}.{function.name}"
        given = {
            ast.unparse(a.annotation)
            for a in function.args.args + function.args.kwonlyargs
            if a.annotation
        }
        if {"Facts", "Chain"} <= given and name not in OWN_CHAIN:
            yield f"{name} is given facts with a chain"
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and node.attr == "links":
                walked = ast.unparse(node.value)
                is_line = walked == "line" or walked.startswith("Line(")
                is_record = walked in {"row", "TASKS.c", "self", "made"}  # counts, lists of ids
                if not (is_line or is_record or name in OWN_LINKS or file.stem == "line"):
                    yield f"{name} walks {walked}.links"
