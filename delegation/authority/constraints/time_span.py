"""Constrains instants and days: from one on, before another, also from a task's opening."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar, Final, TypeAlias

from delegation.authority.arguments import ArgumentType
from delegation.authority.constraints.constraint import Constraint, Value
from delegation.authority.constraints.wording import Wording
from delegation.authority.fields import closed_object
from delegation.canonical import Json
from delegation.errors import MalformedError

_INSTANT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,18}))?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_RELATIVE: Final = re.compile(r"task([+-])(0|[1-9]\d{0,9})([sd])", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_WANTED: Final = (
    "an RFC 3339 instant in UTC, such as 2026-01-31T12:00:00Z, a day such as 2026-01-31, task+3600s"
    " or task+7d, or null; both ends alike"
)
# What is compared: seconds (or days) since 1970 and the digits of the fraction, which order as text.
_Place: TypeAlias = tuple[int, str]


@dataclass(frozen=True, slots=True)
class During(Constraint):
    """An instant, or a day, from one on and before another.

    Args:
        start: The first that is admitted; None is open. An instant in UTC, a day, or, until a task is
            opened, seconds (`task+0s`) or days (`task+0d`) from its opening.
        end: The first that is not admitted any more, likewise.

    Raises:
        MalformedError: An end has another form than that or than the other, both are open, or they
            admit nothing.
    """

    kind: ClassVar[str] = "during"
    since: ClassVar[int] = 2
    start: str | None = None
    end: str | None = None

    def __post_init__(self) -> None:
        ends = [one for one in (self.start, self.end) if one is not None]
        sorts = {_sort(one) for one in ends}
        if not ends or len({is_day for is_day, _ in sorts}) != 1:
            raise MalformedError("during", wanted=_WANTED)
        start, end = self._places
        if start is not None and end is not None and len(sorts) == 1 and start >= end:
            raise MalformedError("during", wanted="one that starts before it ends")

    @property
    def _places(self) -> tuple[_Place | None, _Place | None]:
        return (
            None if self.start is None else _place(self.start),
            None if self.end is None else _place(self.end),
        )

    @property
    def is_of_days(self) -> bool:
        """Whether it speaks of days and not of instants."""
        return _sort(self.start or self.end or "")[0]

    @property
    def is_relative(self) -> bool:
        """Whether an end is counted from the opening of a task that is not known yet."""
        return any(one is not None and _sort(one)[1] for one in (self.start, self.end))

    def admits(self, value: Value) -> bool:
        """Return whether it is such an instant or day; none is while an end is relative."""
        if not isinstance(value, str) or self.is_relative:
            return False
        try:
            is_day, is_relative = _sort(value, is_canonical=False)
            place = _place(value)
        except MalformedError:
            return False
        start, end = self._places
        return (
            (is_day, is_relative) == (self.is_of_days, False)
            and (start is None or place >= start)
            and (end is None or place < end)
        )

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is that of instants, or of days."""
        return of.name == ("date" if self.is_of_days else "datetime")

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether the parent starts no later and ends no earlier."""
        if not isinstance(parent, During):
            return False
        for mine, theirs in ((self.start, parent.start), (self.end, parent.end)):
            if theirs is not None and (mine is None or _sort(mine) != _sort(theirs)):
                return False
        own, held = self._places, parent._places  # noqa: SLF001  # of the same class
        return (
            self.is_of_days == parent.is_of_days
            and (held[0] is None or (own[0] is not None and own[0] >= held[0]))
            and (held[1] is None or (own[1] is not None and own[1] <= held[1]))
        )

    def opened(self, at: int) -> Constraint:
        """Return it with ends counted from an opening as instants, or as days in UTC."""
        return During(_fixed(self.start, at), _fixed(self.end, at)) if self.is_relative else self

    def body(self) -> Json:
        """Return the ends."""
        return {"from": self.start, "to": self.end}

    def probes(self) -> Iterable[Value]:
        """Return the ends and what is just beside them."""
        for one in (self.start, self.end):
            if one is not None and not _sort(one)[1]:
                yield one
                number = _place(one)[0]
                for beside in (number - 1, number + 1):
                    try:
                        yield _day(beside) if self.is_of_days else _instant(beside, "")
                    except OverflowError:
                        continue

    @classmethod
    def parse(cls, body: Json) -> During:
        """Return the constraint that this body states.

        Raises:
            MalformedError: A field is missing, unknown or of another form.
        """
        fields = closed_object("during", body, frozenset({"from", "to"}))
        return cls(fields["from"], fields["to"])  # type: ignore[arg-type]  # checked by `_sort`

    def _wording(self, _: ArgumentType | None) -> Wording:
        ends = {"from": self.start, "before": self.end}
        said = " and ".join(f"{word} {end}" for word, end in ends.items() if end)
        return Wording(
            f"a {'day' if self.is_of_days else 'moment'} {said}",
            f"during {self.start or ''} … {self.end or ''}",
        )


def end_of(value: str | date | None) -> str | None:
    """Return an end as people write it: instants of another zone, and Python's own dates, in UTC.

    Raises:
        MalformedError: A `datetime` has no zone.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise MalformedError("during", wanted="instants with their zone")
        value = value.isoformat()
    elif isinstance(value, date):
        return value.isoformat()
    if value is None or _INSTANT.fullmatch(value) is None:
        return value
    try:
        return _instant(*_place(value))
    except OverflowError as error:
        raise MalformedError("during", wanted=_WANTED) from error


def _sort(text: object, *, is_canonical: bool = True) -> tuple[bool, bool]:
    """Return whether an end is a day, and whether it is relative."""
    if type(text) is str:
        relative = _RELATIVE.fullmatch(text)
        if relative is not None and relative.groups()[:2] != ("-", "0"):
            return relative[3] == "d", True
        if _DAY.fullmatch(text):
            _place(text)
            return True, False
        if _INSTANT.fullmatch(text) and (not is_canonical or _instant(*_place(text)) == text):
            return False, False
    raise MalformedError("during", wanted=_WANTED)


def _place(text: str) -> _Place:
    relative = _RELATIVE.fullmatch(text)
    if relative is not None:
        return int(relative[1] + relative[2]), ""
    match = _INSTANT.fullmatch(text)
    try:
        if match is None:
            return date.fromisoformat(text).toordinal() - _EPOCH.toordinal(), ""
        whole = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[4].replace('Z', '+00:00')}")
        return (whole - _EPOCH) // _SECOND, (match[3] or "").rstrip("0")
    except (ValueError, OverflowError) as error:
        raise MalformedError("during", wanted=_WANTED) from error


def _fixed(text: str | None, at: int) -> str | None:
    relative = None if text is None else _RELATIVE.fullmatch(text)
    if text is None or relative is None:
        return text
    number = _place(text)[0]
    try:
        if relative[3] == "s":
            return _instant(at + number, "")
        return _day((_EPOCH + timedelta(seconds=at)).toordinal() - _EPOCH.toordinal() + number)
    except OverflowError as error:
        raise MalformedError("during", wanted="ends before the year 10000") from error


def _instant(seconds: int, fraction: str) -> str:
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def _day(number: int) -> str:
    return (_EPOCH + timedelta(days=number)).date().isoformat()
