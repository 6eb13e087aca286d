"""Shows a value of agents whole: what cannot be seen is a marked escape, nothing is cut or deleted.

The text is JSON, so that whoever reads it can read the value back, even after a clipboard wrote it
in normal form C: an escape is JSON's own, and a backslash of the value is doubled. Drawings do not
use this; they clean their text (`graph.names.clean`). Not done here: telling look-alike letters
apart; colours, frames and directions, which are the page's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, Literal, TypeAlias

from delegation import canonical
from delegation.assigned import UNASSIGNED
from delegation.hidden import is_unseen

PieceKind: TypeAlias = Literal["syntax", "text", "escape"]
MAX_MARKS: Final = 4  # on one character; honest writing has no more, and more cover the neighbours
# What is plain at a glance, or a character. A lone space between others is plain anywhere; more of
# them, and those at an end, where nothing collapses them and no layout can be drawn with them.
_SPACED: Final = re.compile(r"([ !#-\[\]-~]+)|.", re.DOTALL)
_TIGHT: Final = re.compile(r"((?:[!#-\[\]-~]|(?<=\S) (?=\S))+)|.", re.DOTALL)
_LOOSE: Final = re.compile(r"^ |  | $")
_SHORT: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
_BASES: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "So", "Mn", "Mc"})
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of what is shown.

    Args:
        kind: `syntax` of JSON, `text` as the value has it, or an `escape` for what cannot be seen.
        text: What is shown.
    """

    kind: PieceKind
    text: str


def pieces(
    value: Any, *, lines: bool = True, ltr: bool = False, tight: bool = False
) -> Iterator[Piece]:
    """Yield a JSON value as text in pieces; together they are JSON that has exactly this value.

    Args:
        value: JSON, finite numbers and lone surrogates included.
        lines: Whether members and items stand on lines of their own.
        ltr: Whether letters that are read from right to left are escaped too: where nothing keeps
            them from reordering their neighbours, as on a terminal.
        tight: Whether a space beside another white space or at an end is escaped: where such are
            collapsed, or could draw columns and lines that look like somebody else's.
    """
    write = partial(_string, quoted=True, ltr=ltr, tight=tight)
    yield from _merged(_json(value, "\n" if lines else "", write))


def text_pieces(text: str, *, ltr: bool = False, tight: bool = True) -> Iterator[Piece]:
    """Yield a text in pieces, as it stands inside a JSON string but that quotes are left alone.

    It is tight, as `pieces` has it, unless a frame shows its ends and keeps its spaces.
    """
    yield from _merged(_string(text, quoted=False, ltr=ltr, tight=tight))


def shown(value: Any, *, lines: bool = False) -> str:
    """Return a JSON value as text for a terminal or a file: JSON that has exactly this value."""
    return "".join(piece.text for piece in pieces(value, lines=lines, ltr=True, tight=True))


def shown_text(text: str, *, ltr: bool = True) -> str:
    """Return a text whole, with escapes for what cannot be seen.

    It reads back as what stands inside a JSON string, once its quotes are escaped, too.

    Args:
        text: Anything, lone surrogates included.
        ltr: As `pieces` has it.
    """
    if text.isascii() and text.isprintable() and "\\" not in text and not _LOOSE.search(text):
        return text
    return "".join(piece.text for piece in text_pieces(text, ltr=ltr))


def size_of(value: Any) -> str:
    """Return what kind of value it is and how long, in words."""
    if isinstance(value, str):
        length = len(value)
        said = f"text, {length:,} {'character' if length == 1 else 'characters'}"
        size = len(value.encode("utf-8", "surrogatepass"))
        said += f", {size:,} {'byte' if size == 1 else 'bytes'}"
        if rows := value.count("\n"):
            said += f", {rows + 1:,} lines"
        if reads_right_to_left(value):
            said += ", with letters read from right to left"
        return said
    if isinstance(value, bool):
        return "true or false"
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"list of {len(value)}"
    return f"object of {len(value)}" if isinstance(value, dict) else "number"


def kind_of(name: str, value: Any, amounts: Mapping[str, str]) -> str:
    """Return `size_of` a member, and what amounts of money are in it, in words.

    Args:
        name: The member's name.
        value: Its value.
        amounts: By place, as `authority.amounts` says them.
    """
    said = [
        f"{place.removeprefix(name)} {amount}".strip()
        for place, amount in amounts.items()
        if place == name or place.startswith((f"{name}.", f"{name}["))
    ]
    return ", ".join([size_of(value), *said])


def reads_right_to_left(text: str) -> bool:
    """Return whether a text has letters or digits that are read from right to left."""
    return not text.isascii() and any(map(_is_right_to_left, text))


def _json(value: Any, newline: str, write: Callable[[str], Iterable[Piece]]) -> Iterator[Piece]:
    """Yield JSON; `newline` is a line break with the indentation, or empty for one line."""
    if isinstance(value, str):
        yield from write(value)
    elif isinstance(value, list | tuple | dict) and value:
        ends = "{}" if isinstance(value, dict) else "[]"
        inner = newline and newline + "  "
        for number, item in enumerate(value):
            yield Piece("syntax", (("," if newline else ", ") if number else ends[0]) + inner)
            if isinstance(value, dict):
                yield from write(item)
                yield Piece("syntax", ": ")
                yield from _json(value[item], inner, write)
            else:
                yield from _json(item, inner, write)
        yield Piece("syntax", newline + ends[1])
    else:
        yield Piece(
            "syntax",
            "{}" if value == {} else "[]" if value in ([], ()) else canonical.text_of(value),
        )


def _string(text: str, *, quoted: bool, ltr: bool, tight: bool) -> Iterator[Piece]:
    if quoted:
        yield Piece("syntax", '"')
    cluster = ""  # the plain character that marks would stand on, with those that stand there
    for found in (_TIGHT if tight else _SPACED).finditer(text):
        character = found[0]
        if found[1] or _is_plain(character, cluster, quoted=quoted, ltr=ltr):
            cluster = cluster + character if _is_mark(character[-1]) else character[-1]
            yield Piece("text", character)
        else:
            cluster = ""
            yield Piece("escape", _escaped(character))
    if quoted:
        yield Piece("syntax", '"')


def _is_plain(character: str, cluster: str, *, quoted: bool, ltr: bool) -> bool:
    """Return whether a character shows itself, and only itself, after what stands before it."""
    if character.isascii():
        return character == '"' and not quoted
    if not _shows(character) or (ltr and _is_right_to_left(character)):
        return False
    if _is_mark(character):
        carries = bool(cluster) and unicodedata.category(cluster[-1]) in _BASES
        if not carries or len(cluster) > MAX_MARKS:
            return False
    # What composes with the character before it looks like another text.
    return unicodedata.is_normalized("NFC", cluster + character)


@lru_cache(maxsize=8192)
def _shows(character: str) -> bool:
    """Return whether a character outside ASCII is seen by itself, whatever stands around it."""
    if UNASSIGNED.match(character) or is_unseen(character):
        return False
    kind = unicodedata.category(character)
    over = unicodedata.combining(character) == 1  # struck through what it stands on
    return kind[0] not in "CZ" and kind != "Me" and not over


@lru_cache(maxsize=8192)
def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in {"Mn", "Mc"}


@lru_cache(maxsize=8192)
def _is_right_to_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in _RIGHT_TO_LEFT


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character in _SHORT:
        return _SHORT[character]
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2))


def _merged(parts: Iterable[Piece]) -> Iterator[Piece]:
    """Yield pieces with neighbours of one kind as one; a line break ends its piece."""
    kind: PieceKind = "syntax"
    held: list[str] = []
    for part in parts:
        if held and (part.kind != kind or held[-1] == "\\n"):
            yield Piece(kind, "".join(held))
            held = []
        kind = part.kind
        held.append(part.text)
    if held:
        yield Piece(kind, "".join(held))
