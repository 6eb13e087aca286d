"""Reads names of agents: what one may be, and the claim by which it is found.

A registered name may be a SPIFFE id or the ARN of a role, up to 2,048 bytes. Links of payload version
1 carry at most 80 characters: of a longer name its two ends with its digest between, so that the
registry finds the one name that is meant, and no other key may be called by it. Version 2 carries
the name whole; its claim is made of it, and what knew the one knows the other.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from typing import Final

from delegation.shown import shown_text

# A holder's name is a claim and is shown to people: any text but control characters.
NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,80}")
MAX_NAME: Final = 2048  # bytes; SPIFFE ids and ARNs are no longer
_LONG: Final = r"[A-Za-z0-9:/._+=,@-]{81,2048}"
AGENT_NAME: Final = re.compile(rf"{NAME.pattern}|{_LONG}")
# What drawings fold longer names with, and what looks like it or like the marks of a claim.
_FOLDS: Final = re.compile(
    "[\u2025\u2026\u22ef\ufe19\u02dc\u223c\u223d\u2053\u301c\uff5e]|\\.\\.\\."
)
WANTED: Final = "1 to 80 characters without control characters, or up to 2048 of a SPIFFE id or ARN"
FIT: Final = "composed, visible characters, spaces only singly between others, and no ellipsis"
_HEAD: Final = 36
_TAIL: Final = 24
_CLAIM: Final = re.compile(rf".{{{_HEAD}}}~[a-z2-7]{{16}}~.{{{_TAIL}}}")


@lru_cache(maxsize=4096)
def claim_of(name: str) -> str:
    """Return the claim under which a name is found: the name itself, if it fits into 80 characters.

    Args:
        name: A registered name, or what a delegator calls a holder.
    """
    if len(name) <= 80:  # noqa: PLR2004  # as NAME
        return name
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest()[:10]).decode().lower()
    return f"{name[:_HEAD]}~{digest}~{name[-_TAIL:]}"


def is_fit(name: str) -> bool:
    """Return whether a name may be registered anew: it shows itself, so that no two look the same.

    No spaces but lone ones between other characters, none but the plain one; nothing that is not seen;
    composed letters; no mark that drawings put into the names that they fold. Look-alike letters are
    not told apart.
    """
    return shown_text(name.replace("\\", ""), ltr=False) == name.replace("\\", "") and not (
        looks_like_claim(name.lower()) or _FOLDS.search(name)
    )


def looks_like_claim(name: str) -> bool:
    """Return whether a name has the form in which links carry longer ones; none is registered so."""
    return _CLAIM.fullmatch(name) is not None
