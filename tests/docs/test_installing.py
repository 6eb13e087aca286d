"""Whatever tells somebody to install names what exists: our distribution by path, an extra it has, a library it needs."""

from __future__ import annotations

import ast
import re
from importlib import metadata
from pathlib import Path

from matrix import page
from matrix.bounds import EXTRAS, PROJECT, lower, ours
from matrix.peers import CORE, PEERS, PYTHONS, UNUSED
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from delegation import __version__
from delegation.distribution import NAME, VERSION, installing

ROOT = Path(__file__).parents[2]
SOURCES = [*(ROOT / "delegation").rglob("*.py"), *(ROOT / "api").rglob("*.py")]
PLACES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", ".ci/setup.sh")),
    *(p for p in (ROOT / "docs").rglob("*") if p.suffix not in {".png", ".svg"} and p.is_file()),
    *SOURCES,
]  # fmt: skip
WHEEL = f"./{NAME.replace('-', '_')}-{VERSION}-py3-none-any.whl"
ASKED = re.compile(r"\bpip install((?: +-[-\w]+)*) +(?:'([^']+)'|\"([^\"]+)\"|([^\s`'\"]+))")


def asked_for(text: str) -> list[str]:
    """Return what each `pip install` of a text asks for: one thing each, after its options."""
    found = (quoted or double or bare for _, quoted, double, bare in ASKED.findall(text))
    return [word if word == "." else word.rstrip(".,);") for word in found]


def is_ours(word: str) -> set[str] | None:
    """Return the extras that a path of ours is asked with, None for anything else."""
    match = re.fullmatch(rf"(?:\.|/source|{re.escape(WHEEL)})(?:\[([a-z,]+)\])?", word)
    return set(filter(None, (match[1] or "").split(","))) if match else None


def test_each_pip_install_names_what_there_is() -> None:
    """A stranger's package, or an extra that nobody has, installs without a word."""
    needed = {canonicalize_name(n) for n in ours()}
    wrong = []
    for place in PLACES:
        text = place.read_text()
        for word in asked_for(text):
            extras = is_ours(word)
            if "{" in word:  # a remedy made at run time: below
                continue
            if not (extras <= EXTRAS.keys() if extras is not None else is_needed(word, needed)):
                wrong.append((place.name, word))
        if re.search(r"(?<![\w\"'])delegation\[[a-z]", text):
            wrong.append((place.name, "the distribution is delegation-chain"))
    assert wrong == []


def is_needed(word: str, needed: set[str]) -> bool:
    """Whether it is a library that one of our extras needs."""
    return canonicalize_name(Requirement(word).name) in needed


def test_there_are_installs_to_be_looked_at() -> None:
    """The reading finds what it is for, and refuses what stood there before."""
    for name in (
        "README.md",
        "docs/reference/cli.md",
        "docs/deploy/index.md",
        "docs/how-to/operations.md",
    ):
        assert any(is_ours(w) is not None for w in asked_for((ROOT / name).read_text())), name
        assert "not published yet" in (ROOT / name).read_text()
    assert asked_for("pip install 'delegation[all]'") == ["delegation[all]"]
    assert is_ours("delegation[all]") is None
    assert asked_for("RUN x/pip install --no-cache-dir '/source[all]'") == ["/source[all]"]


def test_each_missing_extra_is_one_of_ours_and_its_remedy_says_how() -> None:
    """By path, since it is at no registry yet; the sentence says so."""
    named = set()
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and name in {"MissingExtraError", "installing"}:
                named |= {a.value for a in node.args[:1] if isinstance(a, ast.Constant)}
    assert {"client", "postgres", "render", "server", "store"} <= named
    assert named <= EXTRAS.keys()
    for extra in named:
        words = asked_for(installing(extra))
        assert [is_ours(word) for word in words] == [{extra}, {extra}], words
        assert "not published yet" in installing(extra)


def test_the_distribution_is_named_once() -> None:
    """Code, pyproject and what is installed agree; extras refer to it by its own name."""
    assert (PROJECT["name"], PROJECT["version"]) == (NAME, VERSION)
    assert __version__ == VERSION == metadata.version(NAME)
    for lines in EXTRAS.values():
        for line in lines:
            if (one := Requirement(line)).name.startswith("delegation"):
                assert one.name == NAME
                assert one.extras <= EXTRAS.keys()


def test_the_page_has_the_bounds_of_pyproject_and_all_peers() -> None:
    """`make matrix` writes both tables: a bound changed since was not tried."""
    peers, bounds = page.read()
    assert list(peers) == list(PEERS)
    assert all(peers.values())
    assert bounds == page.declared()


def test_what_the_matrix_runs_is_there() -> None:
    """Its tests exist, its Pythons are ours, what it leaves out of `dev` is in there."""
    assert all((ROOT / path).exists() for path in CORE)
    assert all(SpecifierSet(PROJECT["requires-python"]).contains(python) for python in PYTHONS)
    assert {canonicalize_name(Requirement(line).name) for line in EXTRAS["dev"]} >= UNUSED
    assert all(lower(one) for _, one in ours().values())
