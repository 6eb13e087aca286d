"""Currencies: the table is that of ISO 4217, as another package carries it."""

from __future__ import annotations

from iso4217 import Currency

from delegation.authority.arguments.money import MINOR_UNITS


def test_the_table_is_the_maintenance_agencys() -> None:
    """Every code with its digits; none for what has no minor unit; those for tests are left out."""
    published = {one.code: one.exponent for one in Currency if one.code not in {"XTS", "XXX"}}
    assert dict(MINOR_UNITS) == published
