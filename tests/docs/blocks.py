"""The fenced blocks of a page: what runs, and the output that is shown under it."""

from __future__ import annotations

import doctest
import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OUTPUT = "text output"


@dataclass(frozen=True)
class Block:
    """A block that runs.

    Args:
        text: What runs.
        shown: The output that the page shows right under it, None if it shows none.
        line: Where it begins in the page.
    """

    text: str
    shown: str | None
    line: int


def blocks(page: Path, kind: str) -> list[Block]:
    """Return the blocks of a page that have a word after their fence, each with its shown output."""
    whole = page.read_text("utf-8")
    found = list(_FENCE.finditer(whole))
    after = [*found[1:], None]
    return [
        Block(
            one[2],
            following[2] if following and following[1] == OUTPUT else None,
            whole.count("\n", 0, one.start()) + 1,
        )
        for one, following in zip(found, after, strict=False)
        if one[1] == kind
    ]


def differs(block: Block, printed: str) -> str:
    """Return how an output is not the one that is shown, where `...` stands for anything; empty if it is."""
    if block.shown is None:
        return ""
    want, got = (
        "".join(f"{line.rstrip()}\n" for line in text.strip("\n").split("\n"))
        for text in (block.shown, printed)
    )
    if doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS):
        return ""
    return f"line {block.line} shows:\n{want}\nand prints:\n{got}"
