"""Compares people by their names: one person is one, however the address is spelled."""

from __future__ import annotations

import unicodedata
from contextlib import suppress


def folded(person: str) -> str:
    """Return the spelling by which a person's names are compared; never shown, never written down.

    Capitals, a dot at the end of a domain and the two spellings of an international domain make no
    other person. A tag (`ana+x@`), a scheme (`mailto:`) and another domain do: which of them reach
    one mailbox only its host knows.

    Args:
        person: An owner's, approver's or agent's name, an address or any other text.
    """
    local, at, domain = person.rpartition("@")
    if at:
        domain = domain.rstrip(".")
        with suppress(UnicodeError):  # what is no domain's name is compared as it is
            domain = domain.encode("idna").decode("ascii")
    return unicodedata.normalize("NFC", f"{local}{at}{domain}".casefold())
