"""Reads hosts: DNS names as A-labels and addresses in their one spelling; special ones are refused.

An agent that may name a host may name `169.254.169.254`, `[::ffff:7f00:1]` or `0177.1`. Every
spelling but the canonical one is refused, and so is every host that no agent should reach
(`special_hosts`), unless a grant names it exactly or the tool's definition says
`unsafe_special_addresses`. Not checked here: what a name resolves to; the service that connects must
check the address it really uses (docs/explanation/threat-model.md).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import ClassVar, Final

import idna

from delegation.authority.arguments.argument_type import (
    NoCanonicalFormError,
    PlainType,
    SpecialHostError,
    text_in,
)
from delegation.authority.arguments.character import character_found, first_refused
from delegation.authority.arguments.special_hosts import Address, is_special, is_special_name
from delegation.canonical import Json, refuse_odd_text
from delegation.errors import MalformedError
from delegation.ignorable import odd_ignorable
from delegation.lookalikes import MEANINGFUL

MAX_HOST: Final = 253
_NO_NAME: Final = re.compile(r"[^a-z0-9.-]")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
_OTHER_DOTS: Final = frozenset("\u3002\uff0e\uff61")  # IDNA reads them as dots
_NUMERIC: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.ASCII)  # inet_aton reads such labels


@dataclass(frozen=True, slots=True)
class HostType(PlainType):
    """A DNS name of at least two labels, or a public address.

    Args:
        unsafe_special_addresses: Also admit every special host (`special_hosts`), under whatever
            constraint; without it, only those that a grant's `host` or `url` names exactly.
    """

    name: ClassVar[str] = "host"
    unsafe_special_addresses: bool = False

    def __post_init__(self) -> None:
        if type(self.unsafe_special_addresses) is not bool:
            raise MalformedError("unsafe_special_addresses", wanted="a boolean")

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return "a host such as api.acme.example, or a public address"

    def canonicalise(self, value: Json) -> Json:
        """Return the name in lower-case A-labels, or the address in its one spelling."""
        value = text_in(value, "a host name or address")
        return canonical_host(value, special=self.unsafe_special_addresses)


def canonical_host(text: str, *, special: bool) -> str:
    """Return a host's canonical form.

    Args:
        text: A name, an IPv4 address, or an IPv6 address without brackets.
        special: Whether special-purpose addresses and local names are admitted.

    Raises:
        NoCanonicalFormError: It has none, or it is special and that is not admitted.
    """
    if not 0 < len(text) <= MAX_HOST:
        raise NoCanonicalFormError(
            "host_form", f"it has {len(text)} characters, not 1 to {MAX_HOST}"
        )
    if ":" in text or _is_numeric(text):
        return _canonical_address(text, special=special)
    name = _canonical_name(text)
    if not special and is_special_name(name):
        raise SpecialHostError(
            "host_local_name",
            "it is a name that only the inside of a network or machine answers, or that leads there",
        )
    return name


def _is_numeric(text: str) -> bool:
    """Return whether the last label is a number: `inet_aton` and browsers read an address there."""
    return _NUMERIC.fullmatch(text.rstrip(".").rpartition(".")[2].lower()) is not None


def address_of(host: str) -> Address | None:
    """Return the address that a canonical host is, or None for a name."""
    if ":" in host or _is_numeric(host):
        try:
            return ipaddress.ip_address(host)
        except ValueError:
            return None
    return None


def is_special_host(host: str) -> bool:
    """Return whether a canonical host is one that no agent should reach unless it is named."""
    address = address_of(host)
    return is_special_name(host) if address is None else is_special(address)


def _canonical_address(text: str, *, special: bool) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise _odd_address() from error
    # Python 3.13 spells mapped addresses otherwise than 3.11; in disguise they are refused anyway.
    if is_mapped(address) or str(address) != text or "%" in text:
        raise _odd_address()
    if not special and is_special(address):
        raise SpecialHostError(
            "host_special_address", "it is an address that no agent should reach"
        )
    return text


def _odd_address() -> NoCanonicalFormError:
    return NoCanonicalFormError(
        "host_odd_address",
        "its last label is a number, and it is no address in its usual spelling",
        remedy="Send a host such as api.acme.example, an address as four decimal numbers, or one of IPv6 "
        "in its shortest lower-case text.",
    )


def is_mapped(address: Address) -> bool:
    """Return whether an IPv6 address is an IPv4 address in disguise (`::ffff:1.1.1.1`)."""
    return address.version == 6 and address.ipv4_mapped is not None  # noqa: PLR2004  # IPv6


def _canonical_name(text: str) -> str:
    if text.endswith("."):
        raise NoCanonicalFormError(
            "host_trailing_dot", "its host ends with a dot", remedy="Leave the last dot out."
        )
    if not _OTHER_DOTS.isdisjoint(text):
        what = first_refused(text, _OTHER_DOTS.__contains__)
        raise NoCanonicalFormError(
            "host_form", f"its host holds {what}", remedy="Separate its labels by full stops."
        )
    if text.isascii():
        name = text.lower()
    else:
        try:
            # Strict: what IDNA 2008 maps away (full-width letters, other dots) has two spellings.
            name = idna.encode(text, uts46=False, std3_rules=True).decode("ascii")
        except (idna.IDNAError, UnicodeError, ValueError) as error:
            raise NoCanonicalFormError(
                "host_form", "its host is no name under IDNA 2008"
            ) from error
        if _by_idna_2003(text) != name:
            raise NoCanonicalFormError(
                "host_form",
                "two versions of IDNA do not read it as one name",
                remedy="Send its labels as A-labels, which begin with xn--.",
            )
    for label in name.split("."):
        if _LABEL.fullmatch(label) is None:
            odd = _NO_NAME.search(name)
            what = (
                f"its host holds {character_found(name, odd)}"
                if odd
                else (
                    "a label of its host is empty, longer than 63 characters, or has a hyphen at an end"
                )
            )
            raise NoCanonicalFormError("host_form", what)
        if label.startswith("xn--"):
            _refuse_odd_label(label)
        elif label[2:4] == "--":
            raise NoCanonicalFormError(
                "host_form", "a label of its host has hyphens in its third and fourth place"
            )
    return name


def _by_idna_2003(text: str) -> str | None:
    """Return the name that older clients ask for (`http.client`), or None: they refuse it."""
    try:
        return text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None


def _refuse_odd_label(label: str) -> None:
    """Refuse an A-label that decodes to something whose A-label is another."""
    try:
        shown = idna.decode(label)
        again = idna.encode(shown, uts46=False, std3_rules=True).decode("ascii")
        refuse_odd_text(shown, "An A-label")  # whatever this installation's IDNA tables assign
    except (idna.IDNAError, UnicodeError, ValueError, MalformedError) as error:
        raise NoCanonicalFormError("host_form", "an A-label of its host does not decode") from error
    if again != label or MEANINGFUL.search(shown) or odd_ignorable(shown) is not None:
        raise NoCanonicalFormError("host_form", "an A-label of its host has another spelling")
