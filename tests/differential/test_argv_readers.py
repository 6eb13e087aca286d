"""Argument vectors: what starts programs hands every item on as it is, and shells do once it is quoted."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest
from cases import every
from hypothesis import given
from hypothesis import strategies as st
from value_edges import BATCH, admitted, edges, reading

SHOW = "import json,sys;print(json.dumps(sys.argv[1:]))"
ITEMS = ["", " ", "a b", "-rf", "--", "--x=/etc", "$HOME", "`id`", "a;b", "a\nb", "a\tb", "\"'\\", "*", "~", "@f", "%s", "\u8cc7\u6599", "\U0001f600", "e\u0301", "\u202e", "a=b", "!x", "&", "|", "<x", "{a,b}"]  # fmt: skip


@reading
@given(lists=st.lists(st.lists(edges | st.just(""), max_size=3), min_size=BATCH // 5, max_size=BATCH // 5))  # fmt: skip
def test_a_vector_is_quoted_and_read_back_item_by_item(lists: list[list[str]]) -> None:
    """Shlex splits what it joined; argparse hands all on behind `--`; no item holds U+0000."""
    for items in lists:
        value = admitted("argv", items)
        if value is None:
            continue
        assert value == items
        assert shlex.split(shlex.join(items)) == items
        parser = argparse.ArgumentParser(add_help=False)
        parser.add_argument("all", nargs="*")
        if items and "--" not in items:
            assert parser.parse_args(["--", *items]).all == items
        assert all("\x00" not in item for item in items)


def test_programs_get_the_items_that_were_judged() -> None:
    """`execve` into another Python, with each odd item, and git, which takes one as one name."""
    items = [item for item in ITEMS if admitted("argv", [item]) == [item]]
    assert len(items) >= len(ITEMS) - 1
    env = {**os.environ, "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-I", "-X", "utf8", "-c", SHOW, *items], capture_output=True, text=True, check=True, env=env)  # fmt: skip
    assert json.loads(done.stdout) == items
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    quoted = subprocess.run([git, "rev-parse", "--sq-quote", *items], capture_output=True, text=True, check=True)  # fmt: skip
    assert shlex.split(quoted.stdout) == items


def test_a_shell_reads_a_quoted_vector_as_its_items() -> None:
    """bash, given what shlex quotes, starts a program with the very items."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    items = [item for item in ITEMS if admitted("argv", [item]) == [item]]
    script = "printf '%s\\0' " + shlex.join(items)
    done = subprocess.run([bash, "-c", script], capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})  # fmt: skip
    assert done.stdout.decode().split("\0")[:-1] == items


@every("value", ["ls -l", ["a\x00b"], ["\ud800"], [1], [None], [["a"]], {"0": "a"}, None, ["a"] * 257])  # fmt: skip
def test_what_is_no_vector_is_refused(value) -> None:
    """One text is a shell's source; items that no program can be given are none."""
    assert admitted("argv", value) is None
