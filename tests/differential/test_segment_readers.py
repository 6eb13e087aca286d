"""Segments: URL parsers, list readers and shells find an admitted path or globbed text in its place.

Node is asked where it is installed, as are bash, xargs and tar; all of them once for many values.
`DELEGATION_LONG=1` reads a million values with the parser of this process.
"""

from __future__ import annotations

import json
import ntpath
import os
import posixpath
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
from cases import every
from hypothesis import given
from hypothesis import strategies as st
from value_edges import BATCH, LOOKALIKES, SPACES, admitted, edges, reading, readings

from delegation import glob, path

BASE = "https://files.acme.example/top/"
UNDER, EACH, FREE, DATA = glob("reports/**"), glob("*/*"), glob("*"), path("/data/eu")
ATTACKS = [
    "reports/.\n./admin", "reports/..\t/x", "reports/..#x", "reports/..?x", "reports/..;/x", "reports/x\n/etc/hostname",
    "reports/..\u3000/x", "reports/..\xa0/x", "reports/..\u2003/x", "reports/{..,x}/y", "reports/.[.]/y", "reports/*", "reports/{a/..,x}",
    "reports/a#x", "reports/$HOME", "reports/C:/x", "reports/NUL", "reports/..\uff03x", "reports/\uff5b..,x\uff5d", "reports/.\uff3b.\uff3d/y", "reports/a\u25d9b",
]  # fmt: skip
FIRST = ["evil.example:x/y", "C:/x", "~root/x", "--upload-pack=id/x", "-rf/x", "@secret/x", "https:/2026", "git@evil.example:a/b", "\uff20x/y", "\u2550rf/x", "x\uff1ay/z", "\n/\n"]  # fmt: skip
ONE = ["https:evil.example", "git@evil.example:repo", "~root", "-rf", "@secret", "C:x"]
HONEST = ["2026/q3.pdf", "team a/b.txt", "to/user@example.com/x", "v1.2/x", "\u8cc7\u6599/1\uff5e3.txt", "app/[id]/(auth)", "a/-x", "R&D/O'Brien", "x/2026-11-30T02:05:00Z", "a+b/c=d,e", ".git/.config", "C++/!x"]  # fmt: skip
# Pieces that some of these readers act on, between pieces that names are made of.
PIECES = ["..", ".", "/", "x", "a", "[", "]", "{", "}", ",", "#", "?", ";", ":", "\t", "\n", "\r", " ", "~", "-", "@", "*", "!", "+", "&", "'", "=", "\\", "%2e", "$HOME", "\xe9"]  # fmt: skip


def sampled() -> list[str]:
    """Return thousands of tails, always the same."""
    ends = ["x", "/x", "", "/../x", "a,x}"]
    return [f"{a}{b}{c}" for a in PIECES for b in [*PIECES, *SPACES, *LOOKALIKES[::9]] for c in ends]  # fmt: skip


def globbed() -> list[str]:
    """Return what the glob admits of attacks, honest texts and samples."""
    tails = [f"reports/{tail}" for tail in [*HONEST, *sampled()]]
    texts = [value for value in [*ATTACKS, *tails] if admitted("text", value) == value]
    return [value for value in texts if UNDER.admits(value)]


@every("value", [*ATTACKS, *FIRST])
def test_a_text_that_some_reader_takes_elsewhere_is_in_no_wildcard(value: str) -> None:
    """URL parsers, lists of lines, Tomcat, Windows, shells, options and remote names."""
    free = ("reports/**", "reports/*", "reports/*/*") if value in ATTACKS else ("*/*", "**", "*/**")
    for pattern in free:
        assert not glob(pattern).admits(value), pattern


@pytest.mark.parametrize("value", ONE)
def test_an_identifier_that_some_reader_takes_elsewhere_is_in_no_wildcard(value: str) -> None:
    """`*` over an identifier is one name: no scheme, host, drive, home, option or file of them."""
    assert admitted("opaque", value) == value
    assert not FREE.admits(value)


@every("value", HONEST)
def test_a_text_that_all_read_alike_is_admitted_by_a_wildcard(value: str) -> None:
    """Files, addresses, versions, routes, times and names of any script stay."""
    assert UNDER.admits(f"reports/{value}")
    assert glob("**").admits(value)


def test_what_a_pattern_spells_out_is_its_authors() -> None:
    """Colons, tildes and signs stand where the grant itself writes them, and nowhere else."""
    assert glob("arn:aws:s3:::bucket/*").admits("arn:aws:s3:::bucket/key")
    assert glob("db:acme/*").admits("db:acme/rows")
    assert glob("~/notes/*").admits("~/notes/x")
    assert glob("*/C#").admits("src/C#")
    assert not glob("src/*").admits("src/C#")


@pytest.mark.parametrize("child", ["a/C#", "a/{x", "~root/x", "x:y/z", "a/ b", "a/\uff03"])
def test_a_literal_that_no_wildcard_stands_for_is_wider_than_it(child: str) -> None:
    """Narrowing stays sound: what a child spells out, its parent's wildcard must admit."""
    assert not glob(child).is_within(glob("*/*"))
    assert glob(child).witness(glob("*/*")) == child


@every("value", ["/data/eu/..#x", "/data/eu/..#", "/data/eu/..\uff03x", "/data/eu/..&x", "/data/eu/..+", "/data/eu/..,x", "/data/eu/...#x", "/data/eu/\uff5b..,x\uff5d/y", "/data/eu/.\uff3b.\uff3d/y", "/data/eu/{..\uff0cx}/y", "/data/eu/a\u2035id\u2035", "/data/eu/a\xa6b", "/data/eu/\u223croot", "/data/eu/a\u25d9b"])  # fmt: skip
def test_a_path_that_climbs_once_it_is_cut_is_refused(value: str) -> None:
    """Dots before a sign, braces and brackets in every guise, best fits of what shells act on."""
    assert admitted("path", value) is None


@every("value", ["/data/eu/#1 plan.md", "/data/eu/C#", "/data/eu/#x#", "/data/eu/.#x", "/data/eu/..git", "/data/eu/..._x", "/data/eu/R&D", "/data/eu/a'b"])  # fmt: skip
def test_number_signs_of_names_stay(value: str) -> None:
    """Issues, languages, files of Emacs: cut at the sign they are still in their folder."""
    assert admitted("path", value) == value
    assert posixpath.normpath(urljoin("file:///", value)[7:].split("#")[0]).startswith("/data/eu")


@reading
@given(tails=st.lists(edges, min_size=BATCH, max_size=BATCH))
def test_pythons_url_parser_finds_the_same_segments(tails: list[str]) -> None:
    """Joined to a base, an admitted text is below its folder, with as many segments, in one line."""
    for tail in tails:
        value = admitted("text", f"reports/{tail}")
        if not isinstance(value, str) or not UNDER.admits(value):
            continue
        assert len(value.splitlines()) == 1
        for seen in readings(value):
            if any(c < " " and c != "\n" for c in seen):  # code page 874's pictures, which are kept
                continue
            found = urlsplit(urljoin(BASE, seen))
            assert found.netloc == "files.acme.example"
            assert found.path.startswith("/top/reports/"), value
            assert found.path.count("/") == value.count("/") + 2
            assert "\n" not in seen
            assert ntpath.join("D:\\srv", seen).startswith("D:\\srv\\reports/")


def test_nodes_url_parser_finds_the_same_segments() -> None:
    """`new URL` for a text in a folder, a first segment that is free, and a file's path."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    texts = globbed()
    free = [v for v in [*HONEST, *sampled()] if admitted("text", v) == v and EACH.admits(v)]
    files = [f"/data/eu/{v}" for v in sampled() if admitted("path", f"/data/eu/{v}") is not None]
    assert min(len(texts), len(free), len(files)) >= 100
    program = (
        "const [b,t,f]=JSON.parse(require('fs').readFileSync(0));const u=(v,x)=>{const r=new URL(v,x);return r.host+r.pathname};"
        "console.log(JSON.stringify([t.map(v=>u(v,b)),f.map(v=>u('file://'+v))]))"
    )
    answer = subprocess.run(
        [node, "-e", program], input=json.dumps([BASE, [*texts, *free], files]),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    joined, opened = json.loads(answer.stdout)
    for value, found in zip([*texts, *free], joined, strict=True):
        assert unquote(found) == f"files.acme.example/top/{value}"
    for value, found in zip(files, opened, strict=True):
        where = unquote(found)
        assert posixpath.normpath(where) == "/data/eu" or where.startswith("/data/eu/"), value


def test_readers_of_lists_find_one_name_a_line(tmp_path: Path) -> None:
    """Given to xargs and tar line by line, admitted texts are found, and nothing else."""
    values = globbed()
    lines = "".join(f"{value}\n" for value in values).encode()
    listed = subprocess.run(
        ["xargs", "-d", "\\n", "printf", "%s\\0"], input=lines, capture_output=True, check=True
    )
    assert listed.stdout.decode().split("\0")[:-1] == values
    if shutil.which("tar") is None:
        pytest.skip("tar is not installed")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "x").write_text("1")
    (tmp_path / "secret").write_text("2")
    made = subprocess.run(
        ["tar", "-c", "-v", "-f", "made.tar", "--ignore-failed-read", "-T", "-"],
        input=lines + b"reports/x\n", capture_output=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    names = set(made.stdout.decode().split())
    assert "reports/x" in names
    assert all(name.startswith("reports/") for name in names)


def test_bash_expands_an_admitted_text_within_its_folder(tmp_path: Path) -> None:
    """Braces and patterns written without quotes lead to the text itself or to files beside it."""
    for folder in ("reports/a", "reports/x", "secret/x", "x"):
        (tmp_path / folder).mkdir(parents=True)
    values = [v for v in globbed() if len(v) <= 40]
    escaped = [re.sub(r"([^\w.,/{}\[\]~*?!^-])", r"\\\1", v) for v in values]
    script = "".join(f"printf '%s\\0' {word}; printf '\\0'\n" for word in escaped)
    done = subprocess.run(
        ["bash", "-s"], input=script.encode(), capture_output=True, cwd=tmp_path,
        env={**os.environ, "LC_ALL": "C.UTF-8"}, check=True,
    )  # fmt: skip
    answers = done.stdout.decode().split("\0\0")[:-1]
    assert len(answers) == len(values) >= 100
    for value, answer in zip(values, answers, strict=True):
        for word in answer.split("\0"):
            assert posixpath.normpath(word).startswith("reports/"), value
            assert word.count("/") == value.count("/"), value


PARTS = st.lists(edges, min_size=BATCH, max_size=BATCH)


@reading
@given(values=PARTS)
def test_a_segment_is_one_segment_of_a_url_once_it_is_escaped(values: list[str]) -> None:
    """However often it is decoded, normalised or fitted, the path before and behind it stays."""
    for one in values:
        value = admitted("segment", one)
        if not isinstance(value, str):
            continue
        url = f"https://api.acme.example/v1/files/{quote(value, safe='')}/raw"
        for seen in {url, unquote(url), unquote(unquote(url)), *readings(unquote(url))}:
            found = urlsplit(urljoin(BASE, seen))
            assert found.netloc == "api.acme.example", value
            where = posixpath.normpath(re.sub(r";[^/]*", "", found.path))
            assert where.count("/") == 4, value
            assert where.endswith("/raw"), value
            assert where.startswith("/v1/files/"), value
            kept = [part.rstrip(". ") for part in seen.split("/")[5:-1]]  # as Windows has names
            assert all(kept), value
        assert len(value.splitlines()) == 1


def test_a_segment_is_one_segment_to_node_and_to_a_server() -> None:
    """`new URL`, and the parser of Starlette's routes, find the value in its place."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    values = [v for v in [*HONEST_SEGMENTS, *sampled()] if admitted("segment", v) == v]
    assert len(values) >= 500
    urls = [f"https://api.acme.example/v1/files/{quote(v, safe='')}/raw" for v in values]
    program = "console.log(JSON.stringify(JSON.parse(require('fs').readFileSync(0)).map(u=>new URL(u).pathname.split('/').map(decodeURIComponent))))"  # fmt: skip
    done = subprocess.run([node, "-e", program], input=json.dumps(urls), capture_output=True, text=True, check=True)  # fmt: skip
    for value, found in zip(values, json.loads(done.stdout), strict=True):
        assert found == ["", "v1", "files", value, "raw"]


HONEST_SEGMENTS = ["user:1", "~ana", "a*b", "ana@acme.example", "v1.2", "Q3 report", "R&D", "it's", "\u8cc7\u6599", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "C++", "a|b", "$x", "(x)", "..x", "x..", ". x", "x . .", "-x", "=x", "a,b"]  # fmt: skip


@every("value", HONEST_SEGMENTS)
def test_a_segment_as_people_name_things_is_admitted(value: str) -> None:
    """Ids, addresses, titles in any script, signs that a URL escapes."""
    assert admitted("segment", value) == value


@every("value", ["", ".", "..", " .. ", "...", ". .", ".. .", ". ..", " . . ", ".\xa0.", "\u2024 \u2024", ".\u3000", "a/b", "a\\b", "a?b", "a#b", "a%2fb", "%2e", "..;x", ";", "a\nb", "a\x00", "\uff0f", "\u2215", "a\uff05", "\uff0e\uff0e", "\u2025", ".\u200d.", "a\u202eb", "\xa5", "e\u0301", "x" * 2049])  # fmt: skip
def test_what_leaves_or_empties_a_segment_is_refused(value: str) -> None:
    """Separators, ends, escapes, dots alone, parameters, and what reads as one of them."""
    assert admitted("segment", value) is None
