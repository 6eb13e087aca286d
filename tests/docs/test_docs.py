"""Docs are run: every Python block executes, every code and kind has its heading, every link leads somewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from delegation.authority.arguments import TYPES
from delegation.authority.constraints import KINDS
from delegation.authority.grant import FIELDS
from delegation.judge.decision import STEPS, Denial

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
sys.path.insert(0, str(Path(__file__).parent))
from codes import codes  # noqa: E402


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if "```python\n" in p.read_text()],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_every_python_block_runs(page: Path, capsys) -> None:
    """The blocks of a page run top to bottom in one namespace."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(page), "exec", dont_inherit=True), names)
    capsys.readouterr()


def test_the_pages_that_teach_have_blocks() -> None:
    """Nobody removes an example to make this suite green."""
    for name in (
        "README.md",
        "docs/concepts.md",
        "docs/caveats.md",
        "docs/token-format.md",
        "docs/verification.md",
        "docs/http-api.md",
        "docs/approvals.md",
        "docs/log.md",
    ):
        assert "```python" in (ROOT / name).read_text()


def test_every_code_has_a_heading() -> None:
    """A code that a caller may meet is in errors.md, and nothing else is."""
    headings = set(
        re.findall(r"^### `([a-z0-9_]+)`$", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    )
    assert headings == set(codes())


def test_every_step_kind_type_and_field_is_documented() -> None:
    """Steps, constraint kinds, argument types and grant fields cannot be added in silence."""
    verification, caveats = (
        (ROOT / "docs/verification.md").read_text(),
        (ROOT / "docs/caveats.md").read_text(),
    )
    for number, name in STEPS.items():
        assert f"| {number} | {name} |" in verification
    for kind in KINDS:
        assert f"\n### {kind}\n" in caveats
    for name in TYPES:
        assert re.search(rf"^\| `{name}`", caveats, re.MULTILINE), name
    for field in FIELDS:
        assert f"`{field}`" in caveats


def test_every_finding_of_the_log_has_a_row() -> None:
    """What `log verify` may say is in the table of docs/log.md, and nothing else is."""
    from typing import get_args

    from delegation.transparency.audit import FindingCode

    page = (ROOT / "docs/log.md").read_text()
    assert re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE) == list(get_args(FindingCode))


def test_every_link_leads_somewhere() -> None:
    """Relative links name files that exist."""
    links = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
    nowhere = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in links.findall(page.read_text())
        if not (page.parent / target).exists()
    ]
    assert nowhere == []


def test_the_index_links_every_page() -> None:
    """A page that nothing leads to is not read."""
    linked = set(re.findall(r"\]\(([^)#:]+)", (ROOT / "docs/index.md").read_text()))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if not page.startswith("adr/")} - linked == {"index.md"}


def test_every_member_of_a_denial_is_listed() -> None:
    """In the order of the answer, and nothing else."""
    page = (ROOT / "docs/http-api.md").read_text().partition("| member | what |")[2]
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    assert re.findall(r"`([a-z_]+)`", " ".join(rows)) == list(Denial(1, "c", "m").to_json())


def test_no_code_of_a_proof_or_token_is_thin() -> None:
    """Each says what brings it about, before what to do: at least two sentences and a colon's worth."""
    page = (
        (ROOT / "docs/errors.md").read_text().partition("## Steps 1 to 6")[2].partition("\n## ")[0]
    )
    for code, text in re.findall(r"### `(\w+)`\n\n(.*?)(?=\n\n###|\Z)", page, re.DOTALL):
        assert len(text.split()) >= 17, code


def test_no_page_names_a_machine() -> None:
    """Paths of one machine stand nowhere."""
    for page in [*PAGES, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]:
        assert not re.search(r"/(work|tmp|root|home)/[a-z]", page.read_text()), page
