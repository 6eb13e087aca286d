"""Describes an export in its manifest: subject, instant, extent, and the log's checkpoint.

It stands inside the body where the form has a place for it, and beside the body always. The only
clock in it is the instant that was looked at: the same records and instant give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from delegation import __version__
from delegation.authority.explain import instant
from delegation.canonical import Json
from delegation.graph.names import clean
from delegation.lineage.selection import VIEWS, Selection

_SHORT: Final = 160  # characters of one filter's value where it is drawn


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export is of.

    Args:
        selection: What was asked for.
        at: The instant that was looked at, Unix seconds.
        epoch: The newest revocation that was known.
        shown: Rows, links or events in the body.
        total: All there are in the scope: the task, or the whole store.
        checkpoint: Origin, size and root hash of the log when it was read; empty without one.
        is_complete: Whether all links of the scope were looked at.
        version: Of this program.
    """

    selection: Selection
    at: int
    epoch: int
    shown: int
    total: int
    checkpoint: str = ""
    is_complete: bool = True
    version: str = __version__

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON."""
        asked = self.selection
        return {
            "view": asked.view,
            "form": asked.form,
            "task": asked.task,
            "filter": dict(asked.filters),
            "at": self.at,
            "epoch": self.epoch,
            "shown": self.shown,
            "total": self.total,
            "complete": self.is_complete,
            "version": self.version,
            "checkpoint": self.checkpoint,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Manifest:
        """Return the manifest that was kept or answered.

        Raises:
            MalformedError: Its selection has another form.
            KeyError: It lacks a member.
        """
        given = dict(body["filter"]) | {"task": body["task"]}
        said = {name: value for name, value in given.items() if value is not None}
        asked = {"view": body["view"], "form": body["form"], **said}
        return cls(
            Selection.from_json(asked),
            body["at"],
            body["epoch"],
            body["shown"],
            body["total"],
            body["checkpoint"],
            body["complete"],
            body["version"],
        )

    def header(self) -> str:
        """Return it as one line of ASCII, for a header of an answer."""
        return json.dumps(self.to_json(), ensure_ascii=True, separators=(",", ":"))

    def lines(self) -> tuple[str, ...]:
        """Return it in words, cleaned, a line for each thing that it says."""
        asked = self.selection
        scope = f"task {clean(asked.task)}" if asked.task else "the whole store"
        wanted = ", ".join(f"{n} {clean(_said(v), _SHORT)}" for n, v in asked.filters.items())
        incomplete = "" if self.is_complete else ", the newest links only"
        return (
            f"{VIEWS[asked.view].what} of {scope}",
            f"filter: {wanted or 'none'}",
            f"state at {instant(self.at)}, evidence epoch {self.epoch}",
            f"{self.shown} of {self.total} shown{incomplete}",
            f"log checkpoint: {clean(self.checkpoint, _SHORT) or 'none'}",
            f"delegation {self.version}",
        )


def _said(value: str | int | bool) -> str:  # noqa: FBT001  # likewise
    return str(value).lower() if isinstance(value, bool) else str(value)
