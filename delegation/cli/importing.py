"""What an import of tools reads, and how it is shown: what changes, what is lost, what is remarked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from delegation import sent_json
from delegation.authority.catalogue import Catalogue
from delegation.authority.documents.forms import DocumentForm
from delegation.authority.documents.imported import Imported
from delegation.authority.documents.reading import MAX_DOCUMENT
from delegation.authority.reimport import Redefinition, redefinitions
from delegation.authority.tool_list import FORMS, read_tools
from delegation.canonical import Json
from delegation.cli.console import USAGE, fail, note, read_text, say, told_ending
from delegation.errors import ConflictError, MalformedError
from delegation.lineage.feed import Revocation

_MOST_SHOWN: Final = 20  # of a kind of notes on a terminal; --verbose and --json have all
_LOST: Final = "not kept"
_MOST_PLACES: Final = 3  # of one note
_MOST_TYPE: Final = 160  # characters of an argument's type


def read_import(source: str, *, form: str, prefix: str, system: str) -> Imported:
    """Return the tools of a file; what is wrong with it names the option that helps."""
    text, kind = read_text(source, most=MAX_DOCUMENT), _form(source, form)
    try:
        return read_tools(text, kind, prefix=prefix, system=system)
    except MalformedError as error:
        if error.field == "The prefix":
            said = f"--prefix must be {error.wanted}."
            fail(said, "Give it, such as --prefix crm.", code="malformed")
        if error.field in {"The document", "The list of tools"}:
            given = f"It was read as --format {form}." if form else "Say what it is with --format."
            fail(str(error), f"{error.remedy} {given}", code="malformed")
        raise


def compared(before: Catalogue, found: Imported) -> tuple[Redefinition, ...]:
    """Return what recording an import's tools would change; all of them can be recorded, or none is."""
    try:
        return redefinitions(before, found.tools)
    except ConflictError as error:
        fail(str(error), _other_names(before, found), code=error.code)


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of an import.

    Args:
        found: The document's tools, with what was left out and noted.
        changed: Each against the catalogue.
        ended: By tool what of it is ended.
        kept: By tool the fields that stay as they were set by hand.
        gone: Tools of the prefix that are not among them.
        revision: The catalogue's, after it.
        is_dry: Whether nothing was recorded.
        is_whole: Whether every note is shown with every place.
    """

    found: Imported
    changed: Sequence[Redefinition]
    ended: Mapping[str, Sequence[Revocation]]
    kept: Mapping[str, Sequence[str]]
    gone: Sequence[str]
    revision: int
    is_dry: bool
    is_whole: bool

    def to_json(self) -> dict[str, object]:
        """Return all of it for programs."""
        found = self.found
        return {
            "dry_run": self.is_dry,
            "revision": self.revision,
            "tools": [
                {
                    **one.to_json(),
                    "arguments": one.tool.to_json()["arguments"],
                    "kept": list(self.kept.get(one.tool.name, ())),
                    "ended": list(self.ended[one.tool.name]),
                }
                for one in self.changed
            ],
            "gone": list(self.gone),
            "skipped": [{"operation": what, "why": why} for what, why in found.skipped],
            "notes": [
                {"place": where, "what": what, "lost": (where, what) in found.lost}
                for where, what in found.notes
            ],
            "bounds": {"kept": found.bounds_kept, "lost": found.bounds_lost},
        }

    def say(self, *, is_compared: bool) -> None:
        """Print it for people: the tools on standard output, what is lost and remarked beside it."""
        for one in self.changed:
            self._say_change(one)
        for name in self.gone:
            say(f"- {name} is not among them; it stays as it is: revoke it if nothing offers it")
        self.say_skipped()
        self._say_notes(_LOST, [one for one in self.found.notes if one in self.found.lost])
        self._say_notes("note", [one for one in self.found.notes if one not in self.found.lost])
        if self.found.bounds_kept or self.found.bounds_lost:
            total = self.found.bounds_kept + self.found.bounds_lost
            say(f"{self.found.bounds_kept} of the document's {total} bounds are kept")
        if not is_compared:
            say("there is no store to compare with: all of them count as added")
        kinds = [one.kind for one in self.changed]
        done = "would be" if self.is_dry else "are"
        say(
            f"{kinds.count('added')} {done} added, {kinds.count('changed')} {done} changed, "
            f"{kinds.count('same')} are the same; revision {self.revision}"
        )

    def say_skipped(self) -> None:
        """Name what was left out, with the reason."""
        for operation, why in self.found.skipped:
            note(f"left out: {operation}: {why}")

    def _say_change(self, one: Redefinition) -> None:
        mark = {"added": "+", "changed": "~", "same": "="}[one.kind]
        say(f"{mark} {one.tool.name} {one.tool.effect}")
        if self.is_dry:
            for name, argument in one.tool.arguments.items():
                kind = shown_json(argument.type.to_json())
                cut = kind if self.is_whole or len(kind) <= _MOST_TYPE else f"{kind[:_MOST_TYPE]}…"
                say(f"{name}{'' if argument.required else '?'}: {cut}", under="    ")
        for change in one.changes:
            said = f"{shown_json(change.before)} -> {shown_json(change.after)}"
            say(f"{change.field}: {said}", under="    ")
        if kept := self.kept.get(one.tool.name):
            say(
                f"kept as set by hand: {', '.join(kept)}; --reset takes the document's",
                under="    ",
            )
        if one.refuses_issued:
            say("tokens issued before this revision are refused for this tool", under="    ")
        for end in self.ended[one.tool.name]:
            words = told_ending(end)
            say(f"{words}; calls under tokens that were issued before stay refused", under="    ")

    def _say_notes(self, word: str, notes: Sequence[tuple[str, str]]) -> None:
        """Say each note once, with the first of its places and how many there are."""
        places: dict[str, list[str]] = {}
        for where, what in notes:
            said = what.replace(" is not kept: ", ": ", 1) if word == _LOST else what
            places.setdefault(said, []).append(where)
        most = len(places) if self.is_whole else _MOST_SHOWN
        for what, some in list(places.items())[:most]:
            if len(some) == 1:
                note(f"{word}: {some[0]}: {what}")
                continue
            first = some if self.is_whole else some[:_MOST_PLACES]
            rest = f" and {len(some) - len(first)} more" if len(some) > len(first) else ""
            note(f"{word}: {what}; {len(some)} places: {', '.join(first)}{rest}")
        if len(places) > most:
            note(f"{word}: {len(places) - most} more; --verbose and --json have all of them")


def _other_names(before: Catalogue, found: Imported) -> str:
    """Return what to do about a name that is another tool's."""
    if not found.prefix:
        return "Name the tool otherwise in the list, or leave that alias out."
    own = (before.names.meant(tool.name, before.revision) for tool in found.tools)
    if any(meant not in {"", tool.name} for meant, tool in zip(own, found.tools, strict=True)):
        return "Give another --prefix: with this one a tool has the name that is another's alias."
    return (
        "Give --no-aliases: its tools are then called by their full names. "
        "Of the same server give the --prefix that it has already."
    )


def shown_json(value: Json) -> str:
    """Return a value of a definition as people read it: text as it is, all else as JSON."""
    return value if isinstance(value, str) else sent_json.text_of(value)


def _form(source: str, form: str) -> Literal["json", "toml"] | DocumentForm | None:
    if form and form not in FORMS:
        fail(
            "--format names no format that there is.",
            f"Use one of: {', '.join(FORMS)}; or leave it out.",
            code="usage",
            status=USAGE,
        )
    if not form and Path(source).suffix == ".toml":
        return "toml"
    return cast("DocumentForm", form) if form else None
