"""Reads the addresses that a host name spells: some resolvers answer any such name with what it spells.

`10-0-0-1.anything` may be a host of anybody, and is one more spelling of `10.0.0.1` where a service
of the kind of nip.io, Windows (`fe80--1.ipv6-literal.net`) or a cloud answers it. Which do, nobody can
list; so the spelling decides. Not read: octal and hexadecimal quarters, numbers glued to a word
(`v10-0-0-1`), and names that lead to an address without spelling it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# Four numbers between dots and hyphens, wherever they stand; they may overlap.
_QUARTERS: Final = re.compile(
    r"(?<![a-z0-9])(?=([0-9]{1,3})[.-]([0-9]{1,3})[.-]([0-9]{1,3})[.-]([0-9]{1,3})(?![a-z0-9]))"
)
_HEXADECIMAL: Final = re.compile(r"(?<![a-z0-9])(?:0x)?([0-9a-f]{8})(?=\.)")  # ends a label
_DECIMAL: Final = re.compile(r"(?<![a-z0-9-])([0-9]{9,10})(?=\.)")  # is a label
_GROUP: Final = re.compile(r"[0-9a-f]{0,4}")
_ZONE: Final = re.compile(r"s[0-9]+$")
_MAX_QUARTER: Final = 255
_GROUPS: Final = 8
# What leads nowhere is what versions and identifiers look like: the rest of 0.0.0.0/8, multicast,
# the reserved end, and IPv6 that nobody was given.
_FIRST_NETWORK: Final = 1 << 24
_MULTICAST: Final = 224 << 24
_USED: Final = frozenset({0, 0x64, *range(0x2000, 0x3000), *range(0xFC00, 0x10000)})


def spelled_addresses(name: str) -> Iterator[Address]:
    """Yield the addresses that a canonical name spells, but for those that lead nowhere.

    In decimal quarters between dots or hyphens, as one decimal or hexadecimal number, or as IPv6 with
    hyphens for colons.
    """
    for number in {*_numbers(name)}:
        if number == 0 or _FIRST_NETWORK <= number < _MULTICAST:
            yield ipaddress.IPv4Address(number)
    for label in name.split("."):
        if "--" in label or label.count("-") >= _GROUPS - 1:
            yield from _by_groups(_ZONE.sub("", label).split("-"))


def _numbers(name: str) -> Iterator[int]:
    for found in _QUARTERS.findall(name):
        quarters = [int(text) for text in found]
        if max(quarters) <= _MAX_QUARTER:
            yield int.from_bytes(quarters)
    for text in _HEXADECIMAL.findall(name):
        yield int(text, 16)
    for text in _DECIMAL.findall(name):
        yield int(text)


def _by_groups(parts: list[str]) -> Iterator[ipaddress.IPv6Address]:
    """Yield what any run of parts spells, from one that is not empty to one that is not."""
    for first, top in enumerate(parts):
        if not top or _GROUP.fullmatch(top) is None or int(top, 16) not in _USED:
            continue
        groups = [top]
        for part in parts[first + 1 : first + _GROUPS]:
            if _GROUP.fullmatch(part) is None:
                break
            groups.append(part)
            if part and ("" in groups or len(groups) == _GROUPS):
                try:
                    yield ipaddress.IPv6Address(":".join(groups))
                except ValueError:  # it is shortened twice
                    break
