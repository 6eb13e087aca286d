"""Computes costs: whole minor units of an argument, exactly; what would be rounded is refused.

An amount of money is charged in a unit that its currency and places name: 125000 of JPY are no cents.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from delegation.authority.argument import Argument
from delegation.authority.arguments.families import NUMBERS
from delegation.authority.arguments.money import MAX_MONEY_PLACES, MoneyType
from delegation.authority.arguments.number import as_number
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.json_number import MAX_INTEGER

_RULE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_-]{0,63})(?:\*([1-9][0-9]{0,8}))?", re.ASCII)
# How many places a unit of money has, by what its name has after the currency's code.
_PLACES: Final = {"": 0, "_cents": 2, "_mills": 3, "_micros": 6, "_nanos": 9}


def refuse_rule(unit: str, rule: str, arguments: Mapping[str, Argument]) -> None:
    """Refuse a rule that names no required number, or money that the unit does not count.

    Raises:
        MalformedError: It does.
    """
    what = f"cost.{unit}"
    match = _RULE.fullmatch(rule)
    argument = None if match is None else arguments.get(match[1])
    if (
        argument is None
        or not argument.required
        or argument.is_nullable
        or argument.type.name not in NUMBERS
    ):
        raise MalformedError(
            what, wanted="the name of a required number argument, also times a whole number"
        )
    if isinstance(argument.type, MoneyType) and match is not None:
        _refuse_other_money(unit, int(match[2] or 1), argument.type)


def _refuse_other_money(unit: str, factor: int, of: MoneyType) -> None:
    code, places = of.currency.lower(), of.places or 0
    counted = {code + ending: held for ending, held in _PLACES.items()}
    counted |= {f"{code}_e{held}": held for held in range(MAX_MONEY_PLACES + 1)}
    if counted.get(unit, -1) < places or factor != 10 ** (counted[unit] - places):
        unit = next((name for name, held in counted.items() if held == places))
        raise MalformedError(
            "cost",
            wanted=f"in {unit} for money of {of.currency} in {places} places, or in a smaller unit "
            "of it times the power of ten between them",
        )


def amount_of(unit: str, rule: str, canonical: Mapping[str, Json]) -> int | Refusal:
    """Return what a rule charges for these arguments, or why it charges nothing.

    Args:
        unit: What is charged.
        rule: An argument's name, or name and factor as `amount*100`.
        canonical: The call's canonical arguments.
    """
    name, _, factor = rule.partition("*")
    value = canonical[name]
    number = as_number(value)
    place = f"arguments.{name}"
    if number is None or number < 0:
        return Refusal(
            "cost_negative", f"The cost in {unit} would be negative.", place, value,
            remedy="Send an amount of zero or more.",
        )  # fmt: skip
    amount = Fraction(number) * int(factor or 1)
    if amount.denominator != 1:
        return Refusal(
            "cost_fraction", f"The cost in {unit} would be no whole number of minor units.", place,
            value, remedy=f"Send {name} in whole minor units of {unit}.",
        )  # fmt: skip
    if amount > MAX_INTEGER:
        return Refusal(
            "cost_too_large", f"The cost in {unit} would be more than any budget holds.", place,
            value, remedy=f"Send a smaller {name}.",
        )  # fmt: skip
    return int(amount)
