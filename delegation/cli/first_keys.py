"""Makes the first API keys of a store and hands them over: in a file of mode 0600, or printed when asked."""

from __future__ import annotations

import contextlib
import json
import os
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from delegation.cli.console import fail

if TYPE_CHECKING:
    from delegation.identity.roles import Role
    from delegation.tracker import Tracker

_ROLES: Final[tuple[Role, ...]] = ("operator", "reviewer")
_MOST: Final = 64 * 1024  # bytes of the file


def keys_file(ring: str | Path) -> Path:
    """Return where the first keys are written: beside the ring."""
    file = Path(ring)
    return file.with_name(f"{file.name.removesuffix('.json').removesuffix('.ring')}.keys.json")


def lacking(tracker: Tracker) -> tuple[Role, ...]:
    """Return the roles of an operator and a reviewer of which no live key is left."""
    held = {key.role for key in tracker.api_keys() if not key.is_revoked}
    return tuple(role for role in _ROLES if role not in held)


def make_keys(tracker: Tracker) -> dict[str, str]:
    """Make a key for each role that lacks one; return their secrets by role."""
    names = {key.name for key in tracker.api_keys()}
    made: dict[str, str] = {}
    for role in lacking(tracker):
        later = (f"{role}-{number}" for number in count(2))
        name = next(n for n in chain((role,), later) if n not in names)
        made[role] = tracker.create_api_key(name, role)
    return made


def write_keys(tracker: Tracker, file: Path) -> dict[str, str]:
    """Make the keys that are lacking and write them into a file that its owner alone reads.

    It is opened before a key is made: a secret that could not be kept would be lost. Secrets that stand
    in it already stay, as long as their role has no new one.
    """
    if not lacking(tracker):
        return {}
    part = file.with_name(f"{file.name}.part")
    try:
        held = _held(file)
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            made = make_keys(tracker)
            stream.write(json.dumps({**held, **made}, indent=2) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except (OSError, ValueError) as error:
        fail(
            f"The first API keys cannot be written to {file}.",
            "Make its folder writable or move the file away; or give --show-keys or --no-make-keys.",
            code="conflict" if isinstance(error, ValueError) else "configuration",
        )
    return made


def _held(file: Path) -> dict[str, str]:
    """Return what was written before.

    Raises:
        ValueError: The file is something else.
    """
    if file.is_symlink():
        raise ValueError(file.name)
    try:
        text = file.read_bytes()[:_MOST].decode("utf-8")
    except FileNotFoundError:
        return {}
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(file.name)  # noqa: TRY004  # as of a file that is no JSON
    return found


def login_link(tracker: Tracker, url: str) -> str | None:
    """Return a link that logs a reviewer in; None where there is none."""
    names = [k.name for k in tracker.api_keys() if k.role == "reviewer" and not k.is_revoked]
    return tracker.create_login_link(names[0], url) if names else None
