"""Paths: what the type admits under `/data` is below `/data` to every reader that opens it.

Thousands of values here, a million each with `DELEGATION_LONG=1`.
"""

from __future__ import annotations

import ctypes
import fnmatch
import ntpath
import os
import posixpath
import re
import shlex
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import unquote, unquote_plus, urljoin, urlsplit

import bracex
import pytest
from cases import every
from hypothesis import given
from hypothesis import strategies as st
from value_edges import BATCH, FITTED, HIDDEN, LOOKALIKES, admitted, edges, mixed, reading, readings
from werkzeug.security import safe_join

from delegation import path
from delegation.ignorable import IGNORABLE

UNDER = path("/data")
# As Microsoft states them ("Naming Files, Paths, and Namespaces"), whatever the extension.
RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\xb9\xb2\xb3]) *([.:]|\Z)", re.IGNORECASE
)


def below(where: str) -> bool:
    """Return whether a POSIX path is `/data` or below it, without anything to resolve."""
    return where == "/data" or where.startswith("/data/")


def refute(value: str) -> str | None:
    """Return how some reader takes an admitted path to another place, or None."""
    checks = {
        "posixpath": posixpath.normpath(value) == value,
        "pathlib": str(PurePosixPath(value)) == value,
        "urllib": unquote(unquote(value)) == value and below(urlsplit(value).path),
        "werkzeug": safe_join("/srv", value[1:]) == "/srv" + value,
        "shlex": shlex.split(shlex.quote(value)) == [value],
        "braces": [posixpath.normpath(p) for p in bracex.expand(value, keep_escapes=True)] == [value],
        "wildcards": not any(s[0] == "." and fnmatch.fnmatchcase("..", s) for s in value[1:].split("/")),
    }  # fmt: skip
    for name, holds in checks.items():
        if not holds:
            return name
    dropped = IGNORABLE.sub("", value)
    for ours, theirs in zip(value.split("/"), dropped.split("/"), strict=True):
        if ours != theirs and theirs.isascii():
            return "a file system that drops ignorable characters"
    for seen in readings(value):
        if (odd := refute_reading(seen, value.count("/"))) is not None:
            return f"{odd}, which reads {seen!a}"
    return None


def refute_reading(seen: str, depth: int) -> str | None:
    """Return how POSIX or Windows takes one reading of a path elsewhere, or None."""
    if not below(posixpath.normpath(seen)) or seen.count("/") != depth:
        return "posixpath"
    if not below(posixpath.normpath(unquote_plus(unquote(seen)))):
        return "urllib"
    parts = seen.split("/")[1:]
    for start in range(len(parts)):
        tail = "/".join(parts[start:])
        joined = PureWindowsPath("D:\\srv") / tail
        if joined.parts != ("D:\\", "srv", *parts[start:]) or ntpath.splitdrive(tail)[0]:
            return "pathlib on Windows"
    if ntpath.normpath(seen) != seen.replace("/", "\\"):
        return "ntpath"
    for part in parts:
        if part.rstrip(" .") != part or RESERVED.match(part):
            return "Windows, which trims or knows a device"
        if part.count(":") == 1 or (":" in part and "$" in part):
            return "NTFS, which opens a stream"
        if set(part) & set('\\/*?"'):
            return "Windows, which knows wildcards"
    return None


@reading
@given(tails=st.lists(mixed, min_size=BATCH, max_size=BATCH))
def test_no_reader_takes_an_admitted_path_out_of_its_top(tails: list[str]) -> None:
    """POSIX, Windows, NFKC, code pages, escapes, braces, wildcards: one place or refused."""
    for tail in tails:
        value = admitted("path", f"/data/{tail}")
        if isinstance(value, str) and UNDER.admits(value):
            assert refute(value) is None, value


def test_the_paths_that_are_read_are_many() -> None:
    """Of pieces that honest names have, most are admitted: the test above is asked something."""
    names = [
        "report",
        "x.txt",
        "C++",
        "(auth)",
        "[id]",
        "\u8cc7\u6599",
        "\u4e2d\uff08\uff11\uff09",
        "\ufb01n",
    ]
    values = [f"/data/{a}/{b}{c}" for a in names for b in names for c in names]
    assert [v for v in values if admitted("path", v) != v] == []
    assert [(v, why) for v in values if (why := refute(v)) is not None] == []


@pytest.mark.parametrize("place", ["/data/{}", "/data/{}/b", "/data/a{}b", "/data/..{}", "/data/{}..", "/data/.{}./b", "/data/C{}/x"])  # fmt: skip
def test_no_single_character_makes_a_reader_leave(place: str) -> None:
    """Every look-alike, every best fit, every ignorable character, at each odd place."""
    ascii_too = [chr(point) for point in range(0x100)]
    for character in [*ascii_too, *LOOKALIKES, *FITTED, *HIDDEN]:
        value = admitted("path", place.format(character))
        if isinstance(value, str):
            assert refute(value) is None, f"U+{ord(character):04X} in {place}"


@every(
    "value",
    ["/data/\ufe30/x", "/data/\ufe19/x", "/data/a\uff0f..", "/data/a\uff3c..", "/data/a\ufe68..", "/data/\uff05e", "/data/\xa5", "/data/\u20a9", "/data/\uffe5x",
     "/data/\uffe6x", "/data/C:/Windows/win.ini", "/data/x:stream", "/data/report.txt:hidden", "/data/a:", "/data/:a", "/data/1:a:b", "/data/a/C\uff1a/x", "/data/a\u200bb", "/data/.g\u200cit",
     "/data/\u2060..", "/data/a\ufe0fb", "/data/NUL", "/data/aux.txt", "/data/COM1", "/data/com\xb9.log", "/data/\uff23\uff2f\uff2e", "/data/\xd1UL", "/data/C\u03a9N.txt", "/data/nul .x",
     "/data/{.,x}./etc", "/data/.[.]/etc", "/data/.@(.)/etc", "/data/a::\uff04DATA", "/data/..\u3000", "/data/\xa0x", "/data/PROGRA~1", "/data/\u2100", "/data/12\u223630"],
)  # fmt: skip
def test_a_path_that_a_second_reader_takes_elsewhere_is_refused(value: str) -> None:
    """Each has a reader that opens, splits, trims, converts or hides it."""
    assert admitted("path", value) is None


@every(
    "value",
    ["/app/(auth)/[id]/page.tsx", "/app/[...slug]", "/src/C++/a#1", "/man/Foo::Bar.3pm.gz", "/log/2026-11-30T02:05:00Z", "/pci/0000:00:1f.2", "/\u8cc7\u6599/\u7b2c\uff11\u7ae0\uff08\u4e0a\uff09.txt",
     "/\u8cc7\u6599/1\uff5e3.txt", "/\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt", "/\u0915\u094d\u200d\u0937", "/\U0001f468\u200d\U0001f469\u200d\U0001f467.png", "/\U0001f937\U0001f3fd\u200d\u2642\ufe0f", "/\u845b\U000e0100\u57ce",
     "/\ufb01n/\uff21\uff22/\xbd cup", "/{{cookiecutter.name}}/setup.py", "/a,b/c=d/e@f", "/o'brien/R&D", "/.config/.git", "/console/null/auxiliary.h", "/a\u2192b/\u2018x\u2019"],
)  # fmt: skip
def test_a_path_that_all_read_alike_is_admitted(value: str) -> None:
    """Routes, manual pages, times, ideographs, emoji, Persian and Indic names stay."""
    assert admitted("path", value) == value
    assert path("/").admits(value)


def test_the_c_library_expands_no_admitted_pattern_out_of_the_top(tmp_path) -> None:
    """`glob(3)` finds only what is below the top, whatever brackets and parentheses a path holds."""
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    libc = ctypes.CDLL(None)
    tails = ["[.][.]/secret", ".[.]/secret", "[!a]/x", "[--/][--/]/secret", ".[!a]/secret", "+(.)/secret", "[[:punct:]][[:punct:]]/secret", ".[[:punct:]]/secret", "{a,..}/secret"]  # fmt: skip
    buffer = (ctypes.c_size_t * 16)()
    for tail in tails:
        if admitted("path", f"/data/{tail}") is None:
            continue
        buffer[0] = 0
        if libc.glob(os.fsencode(f"{tmp_path}/data/{tail}"), 1 << 10, None, buffer) == 0:
            found = ctypes.cast(buffer[1], ctypes.POINTER(ctypes.c_char_p))[0]
            assert os.path.realpath(found).startswith(os.fsencode(tmp_path / "data")), tail
            libc.globfree(buffer)


@reading
@given(tails=st.lists(edges, min_size=BATCH, max_size=BATCH))
def test_no_reader_takes_a_text_out_of_a_globs_folder(tails: list[str]) -> None:
    """A text that a glob admits is below the pattern's literal segments to every reader."""
    from delegation import glob

    under = glob("data/**")
    for tail in tails:
        value = admitted("text", f"data/{tail}")
        if not isinstance(value, str) or not under.admits(value):
            continue
        for seen in readings(value):
            for once in {seen, unquote(seen), unquote(unquote(seen))}:
                assert below(posixpath.normpath("/" + once)), value
                assert below(ntpath.normpath("/" + once).replace("\\", "/")), value


def test_the_options_of_braces_are_all_below() -> None:
    """What has several readings is none: a brace that does not expand is a plain name."""
    for value in ("/data/{a}", "/data/{{x}}", "/data/{}", "/data/}{"):
        assert bracex.expand(value) == [value]
        assert admitted("path", value) == value


def refute_relative(value: str) -> str | None:
    """Return how some reader takes a relative path out of a base that it is put behind, or None."""
    joined = {
        "posixpath": posixpath.normpath(posixpath.join("/data", value)),
        "pathlib": str(PurePosixPath("/data") / value),
        "werkzeug": "/data" + (safe_join("/", value) or "/.."),
    }
    for name, where in joined.items():
        if where != f"/data/{value}":
            return name
    for seen in readings(value):
        if any(c < " " for c in seen):  # code page 874's pictures, which are kept
            continue
        found = urlsplit(urljoin("https://files.acme.example/data/", seen))
        if found.netloc != "files.acme.example" or not found.path.startswith("/data/"):
            return f"urllib, which reads {seen!a}"
        if PureWindowsPath("D:\\srv").joinpath(seen).parts[:2] != ("D:\\", "srv"):
            return f"pathlib on Windows, which reads {seen!a}"
        if not ntpath.join("D:\\srv", seen).startswith("D:\\srv\\") or seen[0] in "-~@":
            return f"Windows or a command line, which reads {seen!a}"
    return refute(f"/data/{value}")


@reading
@given(tails=st.lists(mixed, min_size=BATCH, max_size=BATCH))
def test_no_reader_takes_an_admitted_relative_path_out_of_its_base(tails: list[str]) -> None:
    """Joined to a folder, a URL or a drive, it is below it to every reader."""
    for tail in tails:
        value = admitted("relative_path", tail)
        if isinstance(value, str):
            assert refute_relative(value) is None, value


@every(
    "value",
    ["", ".", "..", "/etc/passwd", "//srv/x", "../x", "a/../../x", "./a", "a/", "a//b", "C:/x", "C:x", "c:", "\\\\srv\\x", "..\\x", "a/b:stream", "file:x", "https:/x", "https:x", "git@h:x", "host::module", "Foo::Bar",
     "-rf", "--output=/etc/x", "~/x", "~root", "@args", "\uff20args", "\uff0ex/\uff0e\uff0e/y", "\uff0fetc", "a\uff1ab", "\u2010rf", "%2e%2e/x", "..%2fx", "a/..;/x", "..#x", "..?x", "{..,x}/y", "*", "$HOME/x", "`id`/x", "NUL", "aux.txt", "a\x00b", "a\nb", " a", "a ", "a./b", ":(top)x", ":/x", "\u200b../x"],
)  # fmt: skip
def test_a_relative_path_that_leaves_its_base_or_begins_something_else_is_refused(value) -> None:
    """Roots, drives, streams, schemes, hosts, options, homes, lists of arguments, escapes, devices."""
    assert admitted("relative_path", value) is None


@every("value", ["a", "a/b c.txt", ".git/config", "#1 plan.md", "src/C#", "app/[id]/(auth)/page.tsx", "a/-x", "man/Foo::Bar.3pm", "log/2026-11-30T02:05:00Z", "R&D/O'Brien", "\u8cc7\u6599/1\uff5e3.txt", "...x", "..git", "+x", "=x", "!x"])  # fmt: skip
def test_a_relative_path_of_a_project_is_admitted(value) -> None:
    """Names of files as projects have them stay, and mean the same below any base."""
    assert admitted("relative_path", value) == value
    assert refute_relative(value) is None


@pytest.mark.parametrize("place", ["{}", "{}x", "{}/x", "{}:x", "x{}y/z", "x/{}"])
def test_no_single_character_makes_a_relative_path_leave(place: str) -> None:
    """Every look-alike, every best fit, every ignorable character, at its beginning and behind it."""
    ascii_too = [chr(point) for point in range(0x100)]
    for character in [*ascii_too, *LOOKALIKES, *FITTED, *HIDDEN]:
        value = admitted("relative_path", place.format(character))
        if isinstance(value, str):
            assert refute_relative(value) is None, f"U+{ord(character):04X} in {place}"
