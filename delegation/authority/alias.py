"""Resolves aliases: the names that a tool has where it comes from, under which calls may name it.

`getUser`, `API-post-search`, `user-profile/update`: visible, on one line, and in letters that are not
mistaken for others. Grants, rules and records speak of a tool by its own name alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, Protocol

from delegation.authority.pattern import TOOL_NAME
from delegation.errors import MalformedError
from delegation.lookalikes import readings
from delegation.shown import shown_text

MAX_ALIAS: Final = 200  # characters
MAX_ALIASES: Final = 8
_NOW: Final = 2**63  # after every revision
RESERVED_PREFIX: Final = "delegation."  # announce, revoke: requests to the service itself
WANTED: Final = "a dotted tool name, or an alias of 1 to 200 visible characters"
# Beside Latin letters only these stand without looking like them: UTS #39, "highly restrictive".
_BESIDE_LATIN: Final = frozenset(
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"}
)
# Latin letters that no mark makes of an ASCII letter, and that look like none.
_OWN_LATIN: Final = frozenset("æøœßþðđłħŋÆØŒÞĐŁĦŊ")


class HasAliases(Protocol):
    """A tool's definition, as far as aliases go."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Its aliases."""


@lru_cache(maxsize=4096)
def is_alias(text: str) -> bool:
    """Return whether a text may be an alias: it shows itself, and reads as one thing to everybody.

    No wildcard, no space but a lone one between others, nothing that is unseen or read from right to
    left, no character that some reader takes for another, letters of one script (or Latin beside
    those of East Asia), and not the prefix of requests to the service in any case or with marks.
    """
    if not 1 <= len(text) <= MAX_ALIAS or "*" in text:
        return False
    plain = text.replace("\\", "")
    if shown_text(plain) != plain or readings(text) != {text} or not _is_one_script(text):
        return False
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return not bare.casefold().startswith(RESERVED_PREFIX)


class Names:
    """Whose each name and alias was, at each revision of a catalogue.

    A tool's own name stays its own; an alias is a tool's from the definition that has it to the next.

    Args:
        history: For each tool its definitions, oldest first, with the revision that brought them.
    """

    __slots__ = ("_aliases", "_own")

    def __init__(self, history: Mapping[str, Sequence[tuple[int, HasAliases]]]) -> None:
        """Read who had what."""
        self._own: dict[str, int] = {}
        self._aliases: dict[str, tuple[tuple[int, str], ...]] = {}
        entries = [(n, name, tool) for name, all_ in history.items() for n, tool in all_]
        had: dict[str, tuple[str, ...]] = {}
        for revision, name, tool in sorted(entries, key=lambda entry: entry[0]):
            self._add(revision, name, had.get(name, ()), tool.aliases)
            had[name] = tool.aliases

    def _add(self, revision: int, name: str, had: Iterable[str], has: Iterable[str]) -> None:
        self._own.setdefault(name, revision)
        for alias in {*had} ^ {*has}:
            event = (revision, name if alias in has else "")
            self._aliases[alias] = (*self._aliases.get(alias, ()), event)

    def after(self, revision: int, name: str, had: Iterable[str], has: Iterable[str]) -> Names:
        """Return whose each name is after one more definition, of a tool that had other aliases."""
        made = Names({})
        made._own, made._aliases = {**self._own}, {**self._aliases}
        made._add(revision, name, had, has)
        return made

    def meant(self, name: str, at: int) -> str:
        """Return the own name of the tool that a name meant at a revision; empty for none."""
        if self._own.get(name, at + 1) <= at:
            return name
        events = reversed(self._aliases.get(name, ()))
        return next((holder for revision, holder in events if revision <= at), "")

    def own_name(self, name: str, pinned: int) -> str:
        """Return the own name of the tool that a call means; the name as it is, if it is no alias.

        An alias means a tool if it was that tool's at the pinned revision and is its own now.

        Args:
            name: What the call names.
            pinned: The revision that the root pins.
        """
        if name not in self._aliases:
            return name
        then, now = self.meant(name, pinned), self.meant(name, _NOW)
        return now if now and then == now else name

    def is_moved(self, name: str, pinned: int) -> bool:
        """Return whether a name means one tool now, and meant another one when it was pinned."""
        then, now = self.meant(name, pinned), self.meant(name, _NOW)
        return bool(then and now) and then != now


def called(value: object) -> str:
    """Return what a call names its tool by: its own name, or an alias.

    Raises:
        MalformedError: It is neither.
    """
    if type(value) is not str or not (TOOL_NAME.fullmatch(value) or is_alias(value)):
        raise MalformedError("tool", wanted=WANTED)
    return value


def recorded_name(name: str) -> str:
    """Return the name under which a call is recorded, empty where none is known.

    What is no tool's name and was not resolved is in the record as it was sent, and nowhere else.
    """
    return name if TOOL_NAME.fullmatch(name) else ""


def aliases_of(name: str, values: Iterable[object]) -> tuple[str, ...]:
    """Return a tool's aliases, sorted, each once, without its own name.

    Raises:
        MalformedError: One has another form, or there are too many.
    """
    found = set()
    for value in values:
        if type(value) is not str or not is_alias(value):
            raise MalformedError("aliases", wanted=f"1 to {MAX_ALIAS} visible characters each")
        found.add(value)
    found.discard(name)
    if len(found) > MAX_ALIASES:
        raise MalformedError("aliases", wanted=f"at most {MAX_ALIASES}")
    return tuple(sorted(found))


_ASCII: Final = re.compile(r"[ -~]*", re.ASCII)


def _is_one_script(text: str) -> bool:
    if _ASCII.fullmatch(text):
        return True
    scripts = set()
    for character in text:
        if not unicodedata.category(character).startswith("L"):
            continue
        script = "LATIN" if character.isascii() else unicodedata.name(character, "").split(" ")[0]
        base = unicodedata.normalize("NFD", character)[0]
        if script == "LATIN" and not (base.isascii() or base in _OWN_LATIN):
            return False  # such as \u0261, which is drawn as a g
        scripts.add(script)
    return len(scripts) <= 1 or scripts <= _BESIDE_LATIN
