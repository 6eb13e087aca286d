"""Reads e-mail addresses: exactly one bare mailbox, no display name, comment, quote or route."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from delegation.authority.arguments.argument_type import (
    NoCanonicalFormError,
    PlainType,
    text_in,
)
from delegation.authority.arguments.character import character_found
from delegation.authority.arguments.host import address_of, canonical_host
from delegation.canonical import Json

MAX_EMAIL: Final = 254  # characters, RFC 5321 section 4.5.3.1.3 less the angle brackets
_MAX_LOCAL: Final = 64
# RFC 5322 dot-atom, less what another reader acts on: % and ! route, ? makes encoded words and, with
# #, ends a mailto URL, * is a wildcard, and ` $ | & { } run or expand in shells and mail servers.
# Nor at the beginning - (an option of sendmail), / and ~ (files that servers deliver to).
_LOCAL: Final = re.compile(r"(?![-/~])[A-Za-z0-9'+/=^_~-]+(\.[A-Za-z0-9'+/=^_~-]+)*", re.ASCII)
_NO_LOCAL: Final = re.compile(r"[^A-Za-z0-9'+/=^_~.-]|^[-/~]|^\.|\.\.|\.$")
_SEVERAL: Final = re.compile(r"[,;<>\s()\"\[\]\\:]")


@dataclass(frozen=True, slots=True)
class EmailType(PlainType):
    """One mailbox such as `ana@acme.example`."""

    name: ClassVar[str] = "email"

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return "one e-mail address such as ana@acme.example"

    def canonicalise(self, value: Json) -> Json:
        """Return the mailbox with its domain in canonical form; the local part keeps its case."""
        return canonical_email(text_in(value, "an e-mail address"))


def canonical_email(value: str) -> str:
    """Return one mailbox in canonical form.

    Raises:
        NoCanonicalFormError: It is not exactly one bare mailbox.
    """
    if len(value) > MAX_EMAIL:
        raise NoCanonicalFormError("email_too_long", f"it has {len(value)} characters")
    foreign = _SEVERAL.search(value)
    if value.count("@") != 1 or foreign:
        held = foreign and f": it holds {character_found(value, foreign)}"
        raise NoCanonicalFormError(
            "email_several", f"it is not exactly one bare mailbox{held or ', with one @'}"
        )
    local, _, domain = value.partition("@")
    if len(local) > _MAX_LOCAL or _LOCAL.fullmatch(local) is None:
        odd = _NO_LOCAL.search(local)
        held = odd and f": it holds {character_found(local, odd)}"
        raise NoCanonicalFormError(
            "email_local_part",
            "what stands before its @ is no plain ASCII dot-atom of at most 64 characters, or one "
            f"that mail programs act on{held or ''}",
        )
    host = canonical_host(domain, special=False)
    if address_of(host) is not None:
        raise NoCanonicalFormError("email_domain", "its domain is an address of a machine")
    return f"{local}@{host}"
