r"""Reads plain regular expressions of ECMA-262 into the parts of a shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NoReturn

from delegation.authority.arguments.character_class import (
    LAST,
    CharacterClass,
    Ranges,
    complement,
    merged,
)
from delegation.authority.arguments.shape_parts import (
    MAX_CHOICE,
    MAX_LENGTH,
    Choice,
    Literal,
    Part,
    Run,
)
from delegation.errors import MalformedError

MAX_PATTERN: Final = 4096  # characters
_DIGITS: Final[Ranges] = ((0x30, 0x39),)
_WORD: Final[Ranges] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACES: Final = merged(
    (ord(c), ord(c))
    for c in "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_CLASSES: Final[dict[str, Ranges]] = {
    "d": _DIGITS, "w": _WORD, "s": _SPACES,
    "D": complement(_DIGITS), "W": complement(_WORD), "S": complement(_SPACES),
}  # fmt: skip
_ESCAPED: Final = "^$\\.*+?()[]{}|/"
_CONTROLS: Final = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_NO_LINE_END: Final = complement(merged((c, c) for c in (0x0A, 0x0D, 0x2028, 0x2029)))
_ALL: Final[Ranges] = ((0, LAST),)
_ANYTHING: Final = Run(CharacterClass.of_ranges(_ALL), 0, None)
_TIMES: Final = re.compile(r"\{([0-9]{1,5})(,([0-9]{1,5})?)?\}", re.ASCII)
_POINT: Final = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}")


def parts_of(pattern: str) -> tuple[Part, ...]:
    """Return the parts of the texts in which an expression finds a match.

    Raises:
        MalformedError: It is none, or says what parts cannot.
    """
    if type(pattern) is not str or len(pattern) > MAX_PATTERN:
        _give_up()
    reader = _Reader(pattern)
    found = reader.alternatives(is_top=True)
    if reader.at != len(pattern) or (reader.is_unicode and reader.is_legacy):
        _give_up()
    return _joined([Choice(found)]) if len(found) > 1 else found[0]


class _Reader:
    """What is left of an expression while it is read, and how deep its groups are."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at, self.depth = pattern, 0, 0
        # Whether it says what it says only with the `u` flag, or is none with it.
        self.is_unicode = self.is_legacy = False

    def next(self) -> str:
        """Return the next character, empty at the end."""
        return self.pattern[self.at : self.at + 1]

    def takes(self, text: str) -> bool:
        """Return whether this is next, and take it."""
        is_next = self.pattern.startswith(text, self.at)
        self.at += len(text) * is_next
        return is_next

    def taken(self) -> str:
        """Take the next character."""
        if not self.next():
            _give_up()
        self.at += 1
        return self.pattern[self.at - 1]

    def alternatives(self, *, is_top: bool) -> tuple[tuple[Part, ...], ...]:
        """Read what stands between bars; at the top each is anchored or open at its ends."""
        found = [self.sequence(is_top=is_top)]
        while self.takes("|"):
            found.append(self.sequence(is_top=is_top))
        return tuple(dict.fromkeys(found))

    def sequence(self, *, is_top: bool) -> tuple[Part, ...]:
        """Read terms up to a bar, a closing parenthesis or the end."""
        is_begun = not is_top or self.takes("^")
        parts: list[Part] = [] if is_begun else [_ANYTHING]
        while self.next() not in {"", "|", ")"}:
            if is_top and self.takes("$"):
                if self.next() not in {"", "|"}:
                    _give_up()
                return _joined(parts)
            parts += self.term()
        if self.next() == ")" and is_top:
            _give_up()
        return _joined([*parts, _ANYTHING] if is_top else parts)

    def term(self) -> Iterator[Part]:
        """Read one term with what says how often it comes."""
        if self.takes("("):
            self.depth += 1
            if self.depth > 16:  # noqa: PLR2004  # far from Python's recursion limit
                _give_up()
            if self.takes("?") and not self.takes(":"):
                _give_up()
            inner = self.alternatives(is_top=False)
            if not self.takes(")"):
                _give_up()
            self.depth -= 1
            least, most = self.times()
            yield from _group(inner, least, most)
            return
        ranges = self.ranges()
        least, most = self.times()
        if most != 0:
            yield Run(CharacterClass.of_ranges(ranges), least, most)

    def times(self) -> tuple[int, int | None]:
        """Read how often; lazily or not, the texts are the same."""
        found = _TIMES.match(self.pattern, self.at)
        bounds: tuple[int, int | None] = (1, 1)
        if self.takes("*"):
            bounds = (0, None)
        elif self.takes("+"):
            bounds = (1, None)
        elif self.takes("?"):
            bounds = (0, 1)
        elif found is not None:
            self.at = found.end()
            least = int(found[1])
            bounds = (least, int(found[3]) if found[3] else None if found[2] else least)
        else:
            return bounds
        self.takes("?")
        if self.next() in {"*", "+", "?"}:
            _give_up()
        least, most = bounds
        if not least <= (least if most is None else most) <= MAX_LENGTH:
            _give_up()
        return bounds

    def ranges(self) -> Ranges:
        """Read one character, dot, escape or bracketed class."""
        if (character := self.taken()) == "[":
            return self.bracketed()
        if character == ".":
            return _NO_LINE_END
        if character == "\\":
            return self.escape()
        if character in "^$*+?{}])":
            _give_up()
        return ((ord(character), ord(character)),)

    def escape(self, *, in_class: bool = False) -> Ranges:
        """Read what stands behind a backslash."""
        if (found := _POINT.match(self.pattern, self.at)) is not None:
            self.at = found.end()
            self.is_unicode |= found[3] is not None
            point = int(found[1] or found[2] or found[3], 16)
            if point > LAST or 0xD800 <= point <= 0xDFFF:  # noqa: PLR2004  # halves of a pair
                _give_up()
            return ((point, point),)
        if (character := self.taken()) in _CLASSES:
            return _CLASSES[character]
        if character in _CONTROLS:
            return ((_CONTROLS[character],) * 2,)
        if character == "0" and not self.next().isdigit():
            return ((0, 0),)
        if character.isalnum() or not character.isascii():
            _give_up()
        self.is_legacy |= character not in (_ESCAPED + "-" * in_class)
        return ((ord(character), ord(character)),)

    def bracketed(self) -> Ranges:
        """Read a class up to its closing bracket."""
        is_others = self.takes("^")
        found: list[tuple[int, int]] = []
        while not self.takes("]"):
            low = self.atom()
            if self.next() == "-" and self.pattern[self.at + 1 : self.at + 2] not in {"]", ""}:
                self.at += 1
                high = self.atom()
                if _is_one(low) and _is_one(high):
                    if low[0][0] > high[0][0]:
                        _give_up()
                    found.append((low[0][0], high[0][0]))
                    continue
                self.is_legacy = True  # a hyphen beside a class stands for itself
                found += [(0x2D, 0x2D), *high]
            found += low
        ranges = complement(merged(found)) if is_others else merged(found)
        if not ranges:
            _give_up()
        return ranges

    def atom(self) -> Ranges:
        """Read one member of a class."""
        if (character := self.taken()) == "\\":
            return ((8, 8),) if self.takes("b") else self.escape(in_class=True)
        return ((ord(character), ord(character)),)


def _is_one(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _group(inner: tuple[tuple[Part, ...], ...], least: int, most: int | None) -> Iterator[Part]:
    """Yield a group as few parts as it needs."""
    if most == 0 or inner == ((),):
        return
    single = [part for parts in inner for part in parts]
    if all(len(parts) == 1 for parts in inner) and all(
        isinstance(p, Run) and p.min == p.max == 1 for p in single
    ):
        ranges = merged(r for p in single if isinstance(p, Run) for r in p.of.ranges)
        yield Run(CharacterClass.of_ranges(ranges), least, most)
    elif least == most == 1 and len(inner) == 1:
        yield from single
    elif most is not None and most <= MAX_CHOICE:
        yield Choice(tuple(map(_joined, inner)), least, most)
    else:
        run = single[0] if len(inner) == len(single) == 1 else None
        if not isinstance(run, Run) or run.max is not None or run.min > 1:
            _give_up()
        yield Run(run.of, least * run.min, None)


def _joined(parts: list[Part] | tuple[Part, ...]) -> tuple[Part, ...]:
    """Return parts with neighbouring single characters as one text."""
    found: list[Part] = []
    for part in parts:
        text = _text(part)
        last = found[-1] if found else None
        if text is None:
            found.append(part)
        elif isinstance(last, Literal) and len(last.text) < 256:  # noqa: PLR2004  # as long as one is
            found[-1] = Literal(last.text + text)
        else:
            found.append(Literal(text))
    return tuple(found)


def _text(part: Part) -> str | None:
    """Return the printable character that a part is, or None."""
    if isinstance(part, Literal):
        return part.text
    if isinstance(part, Run) and part.min == part.max == 1 and _is_one(part.of.ranges):
        character = chr(part.of.ranges[0][0])
        return character if " " <= character <= "~" else None
    return None


def _give_up() -> NoReturn:
    raise MalformedError("A pattern", wanted="a plain regular expression")
