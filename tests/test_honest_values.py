"""Values that nobody invented: file names of this system and its packages, mailboxes of real data.

Each that is refused is listed with its reason; the share refused is bounded, and so is what counts
as a reason. `DELEGATION_LONG=1` walks all of the system instead of its first thousands.
"""

from __future__ import annotations

import os
import re
import sysconfig
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from delegation.authority.arguments import NoCanonicalFormError, parse_type

NAMES = None if os.environ.get("DELEGATION_LONG") else 4_000
TREES = (sysconfig.get_path("purelib"), "/usr/share", "/usr/lib", "/etc", "/var/lib")
# Why a name that somebody chose is refused; Debian's `package:architecture` files are the first.
REASONS = {
    "path_foreign_character": re.compile(r"[\\%;*?\"<>|~$`\uff1a\uff5c\uff1f\xa5]|(?:\A|/)(?:.?:|[^/:]*:[^/:]*(?:/|\Z))"),
    "path_escape": re.compile("%"),
    "path_trailing_dot": re.compile(r"(?:\A|/)\s|[.\s](?:/|\Z)"),
    "text_not_normal": re.compile(r"[^\x00-\x7f]"),
}  # fmt: skip
_MAILBOX = re.compile(rb"(?<![\w.%+-])[A-Za-z0-9](?:[A-Za-z0-9._+-]*[A-Za-z0-9])?@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,12}\b")  # fmt: skip


def files(tree: str) -> Iterator[str]:
    """Yield the names below a tree, as paths from it."""
    for folder, subfolders, names in os.walk(tree):
        subfolders.sort()
        yield from (os.path.join(folder, name) for name in sorted(names))  # noqa: PTH118  # a text


def reason(kind: str, value: str) -> str | None:
    """Return why a value is refused, or None."""
    try:
        parse_type(kind).canonicalise(value)
    except NoCanonicalFormError as refused:
        return refused.code
    return None


def test_names_of_an_installed_system_are_paths() -> None:
    """Of thousands, the few that are refused hold what their code says."""
    found = [name for tree in TREES for name in islice(files(tree), NAMES)]
    assert len(found) >= 3000
    refused = {name: code for name in found if (code := reason("path", name)) is not None}
    shown = [f"{code}: {name}" for name, code in sorted(refused.items())]
    unreasoned = [s for s, (n, c) in zip(shown, sorted(refused.items()), strict=True)
                  if c not in REASONS or not REASONS[c].search(n)]  # fmt: skip
    print(f"{len(refused)} of {len(found)} refused", Counter(refused.values()), *shown, sep="\n")
    assert unreasoned == []
    others = [name for name in refused if "/dpkg/" not in name]
    assert len(others) <= len(found) / 500, "\n".join(shown)


def test_mailboxes_of_real_data_are_mailboxes(data_dir) -> None:
    """Whatever recorded runs and documents hold as addresses is admitted, or local by name."""
    found: set[str] = set()
    for folder in ("whowhen", "documents", "reports", "oaaf"):
        for file in data_dir(folder).rglob("*"):
            if file.is_file() and file.suffix != ".pdf":
                found |= {m.decode() for m in _MAILBOX.findall(file.read_bytes())}
    refused = {v: code for v in sorted(found) if (code := reason("email", v)) is not None}
    print(f"{len(refused)} of {len(found)} refused", *refused.items(), sep="\n")
    assert len(found) >= 20
    assert set(refused.values()) <= {"host_local_name"}


def test_names_in_other_scripts_are_paths() -> None:
    """Programs' names in the languages of their menus, as Debian's packages translate them."""
    lines = [
        line
        for file in sorted(Path("/usr/share/applications").glob("*.desktop"))
        for line in file.read_text("utf-8").splitlines()
    ]
    found = {re.sub(r"^.*?=|[/%;*?\"<>|~$`:]", "", s).strip(". ") for s in lines if re.match(r"(Generic)?Name\[|Comment\[", s)}  # fmt: skip
    odd = {name: code for name in sorted(found) if (code := reason("path", f"/data/{name}"))}
    print(f"{len(odd)} of {len(found)} refused", *odd.items(), sep="\n")
    assert len(found) >= 100
    # Zero-width spaces between Khmer words, two joiners in a row, letters that are not NFC.
    assert set(odd.values()) <= {"ignorable_character", "text_not_normal"}
    assert len(odd) <= len(found) / 50


def test_every_emoji_that_terminals_know_is_part_of_a_path() -> None:
    """Families, professions, flags and keycaps of the emoji table that comes with rich."""
    from rich._emoji_codes import EMOJI

    refused = {
        name: reason("path", f"/data/{emoji}.png")
        for name, emoji in EMOJI.items()
        if not set('*?"<>|~$`') & set(emoji) and reason("path", f"/data/{emoji}.png") is not None
    }
    print(f"{len(refused)} of {len(EMOJI)} refused", *refused.items(), sep="\n")
    assert sum("\u200d" in emoji for emoji in EMOJI.values()) >= 500
    # A question mark by NFKC, and so a wildcard.
    assert set(refused) == {"exclamation_question_mark", "interrobang"}
