"""Generated references are as the code is: `python -m references` from `tests/` writes them anew."""

from __future__ import annotations

import re

import pytest
from references import DOCS, PAGES
from references.python import names_of

IMPORTS = re.compile(r"^ *from (delegation[\w.]*) import (\([^)]*\)|[^\n#]*)", re.MULTILINE)
WORD = re.compile(r"\b(?!as\b)\w+")


@pytest.mark.parametrize("place", PAGES)
def test_a_reference_is_what_the_code_says(place: str) -> None:
    """A signature, an option or an answer that changed stands in its page."""
    written = (DOCS / place).read_text("utf-8")
    assert written == PAGES[place](), "run: cd tests && python -m references"


@pytest.mark.parametrize("place", PAGES)
def test_each_anchor_of_a_reference_leads_to_a_heading(place: str) -> None:
    """Names are linked to where they are described."""
    text = (DOCS / place).read_text("utf-8")
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert {a for a in re.findall(r"\]\(#([^)]+)\)", text) if a not in headings} == set()


def test_what_pages_import_is_in_the_reference() -> None:
    """An example uses what is promised; only the page of the bytes shows insides."""
    unknown = set()
    for page in DOCS.rglob("*.md"):
        if page.name == "token-format.md" or page.parent.name == "adr":
            continue
        for module, names in IMPORTS.findall(page.read_text("utf-8")):
            unknown |= {
                (page.name, module, n) for n in {*WORD.findall(names)} - {*names_of(module)}
            }
    assert unknown == set()


def test_no_reference_tells_of_this_run() -> None:
    """Addresses of objects, folders and this machine's defaults would make it another page each time."""
    for place in PAGES:
        text = (DOCS / place).read_text("utf-8")
        assert not re.search(r" at 0x[0-9a-f]+|<object|/(work|tmp|root|home)/", text), place


def test_decisions_are_numbered_without_gaps() -> None:
    """A number is one decision, and the next one is the next number."""
    numbers = [int(file.name[:4]) for file in sorted((DOCS / "adr").glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
