"""Reads dates and times of RFC 3339, each in one spelling, in UTC.

What two readers of times take for two times is refused: leap seconds (one rolls over, one knows
none), the hour 24, a space for the `T`, more digits of a second than clocks keep.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import ClassVar, Final

from delegation.authority.arguments.argument_type import (
    NoCanonicalFormError,
    PlainType,
    text_in,
)
from delegation.authority.fields import integer
from delegation.canonical import Json

MAX_PLACES: Final = 9
_DATE: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_DATETIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,18}))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class DateTimeType(PlainType):
    """A moment such as `2026-11-30T07:00:00Z`, of the years 1 to 9999.

    Args:
        places: Most digits of a fraction of a second, 0 to 9. What reads times keeps six and
            rounds or cuts the rest, so nine are for a service that reads nanoseconds.
    """

    name: ClassVar[str] = "datetime"
    places: int = 6

    def __post_init__(self) -> None:
        integer("datetime places", self.places, 0, MAX_PLACES)

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return "a date and time such as 2026-11-30T07:00:00Z"

    def canonicalise(self, value: Json) -> Json:
        """Return the moment in UTC, with `T` and `Z`, its fraction without zeros at the end."""
        value = text_in(value, "a date and time")
        if (match := _DATETIME.fullmatch(value)) is None:
            raise NoCanonicalFormError(
                "datetime_form",
                "it is no date and time of RFC 3339",
                remedy=f"Send {self.wanted}, with Z or with an offset as +01:00.",
            )
        day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
        digits = (fraction or "").rstrip("0")
        if len(digits) > self.places:
            raise NoCanonicalFormError(
                "datetime_places",
                f"it has {len(digits)} digits of a second",
                remedy=f"Send a date and time with at most {self.places} digits of a second.",
            )
        try:
            clock = time(int(hour), int(minute), int(second))
            moment = datetime.combine(date.fromisoformat(day), clock)
            if sign is not None:
                moment = _shifted(moment, sign, int(hours), int(minutes))
        except (ValueError, OverflowError) as error:
            raise NoCanonicalFormError(
                "datetime_range",
                "there is no such day, time or offset in the years 1 to 9999, or it is a leap second",
                remedy=f"Send {self.wanted} that the calendar has; seconds run from 00 to 59.",
            ) from error
        return f"{moment.isoformat()}{'.' if digits else ''}{digits}Z"


@dataclass(frozen=True, slots=True)
class DateType(PlainType):
    """A day such as `2026-11-30`, of the years 1 to 9999."""

    name: ClassVar[str] = "date"

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return "a day such as 2026-11-30"

    def canonicalise(self, value: Json) -> Json:
        """Return the day as it is, if there is such a day."""
        value = text_in(value, "a date")
        if (match := _DATE.fullmatch(value)) is None:
            raise NoCanonicalFormError(
                "date_form", "it is no date of RFC 3339", remedy=f"Send {self.wanted}."
            )
        try:
            date(*map(int, match.groups()))
        except ValueError as error:
            raise NoCanonicalFormError(
                "date_range",
                "there is no such day in the years 1 to 9999",
                remedy=f"Send {self.wanted} that the calendar has.",
            ) from error
        return value


def _shifted(moment: datetime, sign: str, hours: int, minutes: int) -> datetime:
    if hours > 23 or minutes > 59:  # noqa: PLR2004  # of a clock
        raise ValueError("offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return moment - offset if sign == "+" else moment + offset
