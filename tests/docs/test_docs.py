"""Docs are run: every Python block executes, every code and kind has its heading, every link leads somewhere."""

from __future__ import annotations

import re
import subprocess
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
from blocks import OUTPUT, blocks, differs  # noqa: E402
from codes import codes  # noqa: E402


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if "```python\n" in p.read_text()],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_every_python_block_runs(page: Path, capsys) -> None:
    """The blocks of a page run top to bottom in one namespace, and print what the page shows."""
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks(page, "python"):
        exec(compile(block.text, str(page), "exec", dont_inherit=True), names)
        assert differs(block, capsys.readouterr().out) == ""


def test_the_pages_that_teach_have_blocks() -> None:
    """Nobody removes an example to make this suite green."""
    for name in (
        "README.md",
        "docs/explanation/concepts.md",
        "docs/reference/caveats.md",
        "docs/reference/token-format.md",
        "docs/explanation/verification.md",
        "docs/reference/http-api.md",
        "docs/explanation/approvals.md",
        "docs/explanation/log.md",
        "docs/tutorials/delegate.md",
        "docs/tutorials/guard.md",
    ):
        assert "```python" in (ROOT / name).read_text()


def test_an_output_that_is_another_one_is_noticed(tmp_path: Path) -> None:
    """What a page shows under a block is compared, but where it leaves something out."""
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n\nIt says\n\n```text output\n1 is ...\n```\n")
    (block,) = blocks(page, "python")
    assert differs(block, "1 is one\n") == ""
    assert "line 1 shows" in differs(block, "2 is one\n")


def test_each_shown_output_stands_under_what_prints_it() -> None:
    """Nothing is shown that nobody compares; each tutorial shows some."""
    for page in PAGES:
        shown = page.read_text().count(f"```{OUTPUT}\n")
        compared = [b for kind in ("python", "sh run") for b in blocks(page, kind) if b.shown]
        assert len(compared) == shown, page
        assert shown > 5 or page.parent.name != "tutorials", page


def test_every_code_has_a_heading() -> None:
    """A code that a caller may meet is in errors.md, and nothing else is."""
    headings = set(
        re.findall(
            r"^### `([a-z0-9_]+)`$", (ROOT / "docs/reference/errors.md").read_text(), re.MULTILINE
        )
    )
    assert headings == set(codes())


def test_every_step_kind_type_and_field_is_documented() -> None:
    """Steps, constraint kinds, argument types and grant fields cannot be added in silence."""
    verification, caveats = (
        (ROOT / "docs/explanation/verification.md").read_text(),
        (ROOT / "docs/reference/caveats.md").read_text(),
    )
    for number, name in STEPS.items():
        assert f"| {number} | {name} |" in verification
    for kind in KINDS:
        assert f"\n### {kind}\n" in caveats
    for name in TYPES:
        assert re.search(rf"^\| `{name}`", caveats, re.MULTILINE), name
    for field in FIELDS:
        assert f"`{field}`" in caveats


def test_each_step_names_modules_that_there_are() -> None:
    """Whoever follows the table to the code arrives."""
    rows = re.findall(
        r"^\| \d+ \|.*\|(.*)\|$",
        (ROOT / "docs/explanation/verification.md").read_text(),
        re.MULTILINE,
    )
    named = [one for row in rows for one in re.findall("`([^`]+)`", row)]
    assert len(named) > len(rows)
    assert [one for one in named if not any((ROOT / "delegation").glob(f"{one}.py"))] == []


def test_every_finding_of_the_log_has_a_row() -> None:
    """What `log verify` may say is in the table of docs/explanation/log.md, and nothing else is."""
    from typing import get_args

    from delegation.transparency.audit import FindingCode

    page = (ROOT / "docs/explanation/log.md").read_text()
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


def test_every_page_that_is_named_exists() -> None:
    """Code, remedies, tests and build files name pages by their place in this tree."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    kinds = {".py", ".md", ".toml", ".css", ".js", ".html", ".yaml", ""}
    named = re.compile(r"(?<![\w./-])docs/[a-z][\w/-]*\.(?:md|svg|png)\b")
    files = [ROOT / name for name in listed.stdout.splitlines()]
    nowhere = {
        (file.name, place)
        for file in files
        if file.suffix in kinds and file.is_file()
        for place in named.findall(file.read_text("utf-8"))
        if not (ROOT / place).exists()
    }
    assert nowhere == set()


def test_the_index_links_every_page() -> None:
    """A page that nothing leads to is not read."""
    linked = set(re.findall(r"\]\(([^)#:]+)", (ROOT / "docs/index.md").read_text()))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if not page.startswith("adr/0")} - linked == {"index.md"}


def test_every_member_of_a_denial_is_listed() -> None:
    """In the order of the answer, and nothing else."""
    page = (ROOT / "docs/reference/http-api.md").read_text().partition("| member | what |")[2]
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    assert re.findall(r"`([a-z_]+)`", " ".join(rows)) == list(Denial(1, "c", "m").to_json())


def test_no_code_of_a_proof_or_token_is_thin() -> None:
    """Each says what brings it about, before what to do: at least two sentences and a colon's worth."""
    page = (
        (ROOT / "docs/reference/errors.md")
        .read_text()
        .partition("## Steps 1 to 6")[2]
        .partition("\n## ")[0]
    )
    for code, text in re.findall(r"### `(\w+)`\n\n(.*?)(?=\n\n###|\Z)", page, re.DOTALL):
        assert len(text.split()) >= 17, code


def test_no_page_names_a_machine() -> None:
    """Paths of one machine stand nowhere."""
    for page in [*PAGES, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]:
        assert not re.search(r"/(work|tmp|root|home)/[a-z]", page.read_text()), page
