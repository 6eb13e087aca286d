"""Money: a whole number of minor units of one currency, that is shown with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from delegation.authority.arguments.argument_type import NoCanonicalFormError
from delegation.authority.arguments.currencies import MINOR_UNITS
from delegation.authority.arguments.number import IntegerType
from delegation.authority.fields import integer
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.json_number import MAX_INTEGER

MAX_MONEY_PLACES: Final = 9


@dataclass(frozen=True, slots=True)
class MoneyType:
    """An amount of a currency, in its minor units: 1250 is 12.50 USD.

    Args:
        currency: Three letters of ISO 4217.
        places: Digits behind the point that one unit of the value stands for: 0 to 9, 6 for
            micros. None is as ISO 4217 has it, which has none for metals.
        min: Least amount in minor units. Amounts below zero are none unless this says so.
        max: Greatest amount in minor units.
    """

    name: ClassVar[str] = "money"
    currency: str
    places: int | None = None
    min: int = 0
    max: int = MAX_INTEGER

    def __post_init__(self) -> None:
        if type(self.currency) is not str or self.currency not in MINOR_UNITS:
            raise MalformedError("money currency", wanted="a currency code of ISO 4217")
        places = MINOR_UNITS[self.currency] if self.places is None else self.places
        object.__setattr__(self, "places", integer("money places", places, 0, MAX_MONEY_PLACES))
        IntegerType(self.min, self.max)

    def canonicalise(self, value: Json) -> Json:
        """Return the amount as an integer; `12.50` and `"12.50"` are none."""
        try:
            return IntegerType(self.min, self.max).canonicalise(value)
        except NoCanonicalFormError as error:
            error.remedy = f"Send {self.wanted}."
            raise

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        least, most = self.shown(self.min), self.shown(self.max)
        ends = "" if (self.min, self.max) == (0, MAX_INTEGER) else f", from {least} to {most}"
        return f"a whole number of minor units of {self.currency}, of which 1250 is {self.shown(1250)}{ends}"

    def shown(self, amount: int) -> str:
        """Return an amount with its currency, such as `12.50 USD`."""
        sign, digits, places = "-" * (amount < 0), str(abs(amount)), self.places or 0
        digits = digits.rjust(places + 1, "0")
        whole, fraction = digits[: len(digits) - places], digits[len(digits) - places :]
        return f"{sign}{whole}{'.' if fraction else ''}{fraction} {self.currency}"

    def to_json(self) -> Json:
        """Return the type's JSON."""
        body: dict[str, Json] = {
            "type": self.name, "currency": self.currency, "places": self.places,
        }  # fmt: skip
        if (self.min, self.max) == (0, MAX_INTEGER):
            return body
        return {**body, "min": self.min, "max": self.max}
