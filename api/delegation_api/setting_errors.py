"""Says which setting is refused: its name, its value without what may be secret, and its bound."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import ValidationError

from delegation_api.setting_names import PREFIX, unknown
from delegation_api.settings import Settings

_MOST: Final = 60  # characters of a value that are shown
_ACCOUNT: Final = re.compile(r"(^\s*[A-Za-z][A-Za-z0-9+.-]*:/*|^).*@", re.DOTALL)
_OPTIONS: Final = re.compile(
    r"[?#].*|\b\w*(?:pass|pwd|secret|token|key)\w*\s*=.*", re.IGNORECASE | re.DOTALL
)
_SECRET: Final = re.compile(r"dk_[A-Za-z0-9_-]{8,}|[A-Za-z0-9_+=-]{32,}")
_UNSHOWN: Final = frozenset({"approval_webhooks"})  # whose paths are often all that keeps them
_SIGNS: Final = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def refused(
    environment: Mapping[str, str], given: Mapping[str, Any]
) -> tuple[Settings | None, list[str]]:
    """Return the settings, None where one is out of its bound, and a sentence for each that is refused.

    Args:
        environment: In which the names are looked for that are no setting.
        given: What was given elsewhere, which wins.
    """
    said = [
        f"{name} is no setting" + (f"; {near} is." if near else ".")
        for name, near in unknown(environment, Settings.model_fields).items()
    ]
    try:
        settings = Settings(**given)
    except ValidationError as error:
        return None, [*said, *sentences(error)]
    return settings, said


def sentences(error: ValidationError) -> Iterator[str]:
    """Return a sentence for each setting that is refused."""
    for item in error.errors():
        name = str(item["loc"][0])
        value = "" if name in _UNSHOWN else seen(item["input"])
        head = PREFIX + name.upper() + (f" is {value}" if value else " is refused")
        if item["type"] == "value_error":
            yield f"{head}: {str(item['ctx']['error']).rstrip('.')}."
        else:
            yield f"{head}: it must be {bound(name)}."


def bound(name: str) -> str:
    """Return what a setting may be, in words."""
    field = Settings.model_fields[name]
    kind = field.annotation
    if kind is bool:
        return "true or false"
    if get_origin(kind) is Literal:
        *most, last = get_args(kind)
        return f"{', '.join(most)} or {last}"
    limits = [
        f"{word} {getattr(one, sign):,}"
        for one in field.metadata
        for sign, word in _SIGNS.items()
        if hasattr(one, sign)
    ]
    noun = "a whole number" if kind is int else "a number"
    return f"{noun} {' and '.join(limits)}" if limits else "text"


def seen(value: object) -> str:
    """Return a value as it is shown: no account of a URL, nothing that looks like a key."""
    text = _SECRET.sub("...", _OPTIONS.sub("", _ACCOUNT.sub(r"\1...@", str(value))))
    return (text if len(text) <= _MOST else f"{text[:_MOST]}...") or "empty"
