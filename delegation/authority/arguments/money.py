"""Reads money: a whole number of minor units of one currency, that is shown with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final

from delegation.authority.arguments.argument_type import NoCanonicalFormError
from delegation.authority.arguments.number import IntegerType
from delegation.authority.fields import integer
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.json_number import MAX_INTEGER

# The currencies of ISO 4217, and how many digits their minor units have behind the point. Generated from
# the maintenance agency's list one (`Pblshd` 2026-01-01), as the package `iso4217` 1.16.20260101 carries it,
# and held against that package by `tests/authority/test_currencies.py`. The codes for tests and for no
# currency (XTS, XXX) are left out.
_BY_PLACES: Final[Mapping[int | None, str]] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN "
        "BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD "
        "FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW "
        "KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR "
        "MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG "
        "SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD "
        "USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
    None: "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XUA",
}
# Digits by code; None for metals and funds, which have no minor unit.
MINOR_UNITS: Final[Mapping[str, int | None]] = MappingProxyType(
    {code: places for places, codes in _BY_PLACES.items() for code in codes.split()}
)
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
