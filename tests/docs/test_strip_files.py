"""The files by which proxies take headers away are made from the one list, and each page uses its own."""

from __future__ import annotations

import pytest
from proxies import DEPLOY, PAGE, STRIPS, strip_file

from delegation.integrations.request_headers import (
    NEVER_SHOWN,
    OVERRIDES,
    OWN,
    SHOWN,
    STATED_BY_PROXIES,
    folded,
    is_override,
)


@pytest.mark.parametrize("name", list(STRIPS))
def test_a_strip_file_is_the_list(name: str) -> None:
    """`python tests/proxies.py`, with tests on the path, writes them anew."""
    assert (DEPLOY / STRIPS[name]).read_text() == strip_file(name)
    assert f"[{STRIPS[name]}]({STRIPS[name]})" in PAGE


def test_the_lists_say_nothing_twice() -> None:
    """Each name has one fate, in the spelling in which names are compared."""
    lists = (OVERRIDES, STATED_BY_PROXIES, SHOWN, NEVER_SHOWN)
    names = [name for one in lists for name in one]
    assert len(names) == len(set(names))
    assert all(folded(name) == name for name in names)
    assert all(is_override(name) == (name in OVERRIDES) for name in names)
    assert not OWN & (OVERRIDES | STATED_BY_PROXIES | SHOWN)
