"""Makes the tables of `delegation.lookalikes` and `delegation.ignorable` again from published data.

`python tests/unicode_tables.py best-fit FOLDER` writes `tests/data/best_fit.txt` from the Unicode
consortium's mapping files bestfit*.txt (MAPPINGS/VENDORS/MICSFT/WindowsBestFit);
`python tests/unicode_tables.py` prints the runs that the two modules hold. Properties come from
perl 5.36, whose tables are Unicode 14.0's; NFKC from Python 3.11, whose tables are too.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

BEST_FIT = Path(__file__).parent / "data" / "best_fit.txt"
_SCRIPTS = "Arab Syrc Nkoo Mand Mong Phag Adlm Rohg Mani Phlp Sogd Chrs"
# What perl is asked for, by the name of the table in `delegation.ignorable`.
PROPERTIES = {
    "IGNORABLE": r"\p{Default_Ignorable_Code_Point}",
    "_PICTOGRAPH": r"\p{Extended_Pictographic}",
    "_EMOJI": r"(?=\p{Emoji})(?!\p{Emoji_Modifier}|\p{Regional_Indicator})[^\x00-\x7f]",
    "_IDEOGRAPH": r"\p{Unified_Ideograph}",
    "_MONGOLIAN": r"(?=\p{Script=Mongolian})\p{Letter}",
    "_VIRAMA": r"\p{Canonical_Combining_Class=9}",
    "_JOINS_AFTER": r"\p{Joining_Type=D}|\p{Joining_Type=L}",
    "_JOINS_BEFORE": r"\p{Joining_Type=D}|\p{Joining_Type=R}",
    "_TRANSPARENT": r"(?=\p{Joining_Type=T})(?!\p{Default_Ignorable_Code_Point})(?:"
    + "|".join(rf"\p{{Script_Extensions={script}}}" for script in _SCRIPTS.split())
    + ")",
}


def runs(code_points: Iterable[int]) -> str:
    """Return code points as hexadecimal pairs: how many to skip, how many follow."""
    words, end = [], 0
    ordered = sorted(set(code_points))
    for index, point in enumerate(ordered):
        if index and point == ordered[index - 1] + 1:
            words[-1] += 1
        else:
            words += [point - end, 1]
        end = point + 1
    return " ".join(f"{word:x}" for word in words)


def unicode_14(pattern: str) -> set[int]:
    """Return the assigned or reserved code points that perl finds to match, surrogates apart."""
    program = (
        "no warnings; for my $c (0..0xd7ff, 0xe000..0x10ffff) "
        '{ print "$c " if chr($c) =~ /^(?:' + pattern + ")$/ }"
    )
    command = ["perl", "-e", program]
    return {
        int(word)
        for word in subprocess.run(
            command, check=True, capture_output=True, text=True
        ).stdout.split()
    }


def perl_unicode() -> str:
    """Return the version of perl's Unicode tables; empty without perl."""
    command = ["perl", "-MUnicode::UCD", "-e", "print Unicode::UCD::UnicodeVersion()"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def read_best_fit(text: str) -> dict[int, set[str]]:
    """Return which ASCII characters each other code point becomes on some Windows code page."""
    found: dict[int, set[str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            _, *pairs = line.split()
            for pair in pairs:
                point, byte = (int(part, 16) for part in pair.split(">"))
                found.setdefault(point, set()).add(chr(byte))
    return found


def extract_best_fit(folder: Path) -> str:
    """Return the best fits to ASCII of each code page, with the digests of the files read."""
    lines = [
        "# code page, then code point > ASCII byte; from MAPPINGS/VENDORS/MICSFT/WindowsBestFit"
    ]
    for file in sorted(folder.glob("bestfit*.txt"), key=lambda file: int(file.stem[7:])):
        data = file.read_bytes()
        table = data[data.index(b"\nWCTABLE") : data.index(b"\nENDCODEPAGE")]
        rows = re.findall(rb"^0x([0-9a-fA-F]{4})\s+0x([0-9a-fA-F]+)", table, re.MULTILINE)
        pairs = [
            f"{int(point, 16):x}>{int(byte, 16):x}"
            for point, byte in rows
            if int(point, 16) > 0x7F >= int(byte, 16)
        ]
        lines.append(f"# {file.name} sha256 {hashlib.sha256(data).hexdigest()}")
        lines.append(" ".join([file.stem[7:], *pairs]))
    return "\n".join(lines) + "\n"


@cache
def compatibility_forms() -> dict[int, str]:
    """Return NFKC of each code point beyond ASCII that it changes."""
    forms = {point: unicodedata.normalize("NFKC", chr(point)) for point in range(0x80, 0x110000)}
    return {point: form for point, form in forms.items() if form != chr(point)}


def compatibility_readings(characters: str) -> set[int]:
    """Return the code points beyond ASCII whose NFKC holds one of these characters."""
    return {
        point
        for point, form in compatibility_forms().items()
        if not set(characters).isdisjoint(form)
    }


def best_fits(characters: str) -> set[int]:
    """Return the code points beyond ASCII that some Windows code page fits to one of these."""
    fits = read_best_fit(BEST_FIT.read_text("ascii"))
    return {point for point, fit in fits.items() if not set(characters).isdisjoint(fit)}


def best_fit_readings(characters: str, kept: str) -> set[int]:
    """Return the code points that, or whose one-character NFKC, some code page fits to one of these.

    Args:
        characters: ASCII characters.
        kept: Code points that are left out, and what becomes them.
    """
    found = best_fits(characters) - set(map(ord, kept))
    return found | {
        point
        for point, form in compatibility_forms().items()
        if len(form) == 1 and ord(form) in found
    }


def letter_fits() -> dict[str, set[int]]:
    """Return which code points some page fits to each letter and digit, less letters with marks.

    Those become their letter to whoever takes NFKD and case apart, and drops the marks.
    """
    found: dict[str, set[int]] = {}
    for point, fits in read_best_fit(BEST_FIT.read_text("ascii")).items():
        form = unicodedata.normalize("NFKC", chr(point)).casefold()
        bare = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", form))
        for letter in {fit.lower() for fit in fits if fit.isalnum()} - {bare}:
            found.setdefault(letter, set()).add(point)
    return dict(sorted(found.items()))


def main() -> None:
    """Write the extract of best fits, or print the tables."""
    if sys.argv[1:2] == ["best-fit"]:
        BEST_FIT.write_text(extract_best_fit(Path(sys.argv[2])), "ascii")
        return
    from delegation.lookalikes import _BEST_FIT, _COMPATIBILITY, KEPT

    for character in _COMPATIBILITY:
        print(repr(character), "NFKC", runs(compatibility_readings(character)))
    for character in _BEST_FIT:
        print(repr(character), "best fit", runs(best_fit_readings(character, KEPT)))
    for letter in "ACLMNOPRTUX0123456789":
        print(letter, "fitted", runs(best_fits(letter + letter.lower())))
    for letter, points in letter_fits().items():
        print(letter, "letters", runs(points))
    for name, pattern in PROPERTIES.items():
        print(name, runs(unicode_14(pattern)))


if __name__ == "__main__":
    main()
