"""Selects an export: a view, a form, and the filters that this view has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, cast, get_args, get_type_hints

from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.lineage.approval import ApprovalState
from delegation.lineage.entry import Standing
from delegation.lineage.export_forms import forms_of
from delegation.lineage.finding import SEVERITIES

ROWS: Final = forms_of("")
MAX_TEXT: Final = 2048  # characters; names of agents are as long


@dataclass(frozen=True, slots=True)
class View:
    """One view that can be exported.

    Args:
        forms: The forms that it has.
        filters: The filters that it has; `at` is one of them.
        what: What it is, in words.
    """

    forms: tuple[str, ...]
    filters: tuple[str, ...]
    what: str


VIEWS: Final[dict[str, View]] = {
    "lineage": View(
        forms_of("lineage"),
        ("task", "link", "standing", "outcome", "at"),
        "who delegated what to whom",
    ),
    "tasks": View(ROWS, ("owner", "is_open"), "tasks"),
    "links": View(ROWS, ("task", "parent", "holder", "key", "at"), "links"),
    "decisions": View(
        forms_of("decisions"),
        ("task", "link", "tool", "code", "allowed", "since", "until", "at"),
        "decisions",
    ),
    "timeline": View(ROWS, ("task", "at"), "what happened in a task"),
    "handovers": View(ROWS, ("task", "at"), "who delegated what to whom, aggregated"),
    "owners": View(ROWS, ("at",), "who answers for what"),
    "agents": View(ROWS, ("at",), "registered agents"),
    "findings": View(ROWS, ("rule", "severity"), "findings"),
    "risks": View(ROWS, (), "risk scores"),
    "endings": View(ROWS, ("at",), "revocations, suspensions and resumptions"),
    "approvals": View(ROWS, ("state", "task", "link"), "requests for approval"),
}
_OUTCOMES: Final = frozenset({"allowed", "denied", "waiting"})
_INSTANTS: Final = ("since", "until", "at")
_SETS: Final[dict[str, frozenset[str]]] = {
    "standing": frozenset(get_args(Standing)),
    "outcome": _OUTCOMES,
}
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "severity": SEVERITIES,
    "state": get_args(ApprovalState),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """What is exported, and as what. A filter left out filters nothing.

    Args:
        view: One of `VIEWS`.
        form: One of the view's forms.
        task: A task's id.
        link: A link's id: for lineage its way down and all below it, for decisions the leaf.
        parent: The link right above.
        holder: What the delegator called the holder.
        key: The holder's key, `ed25519:` and base64url.
        owner: The accountable owner.
        is_open: Whether tasks were never closed.
        tool: The tool that was called.
        code: The denial's code.
        allowed: Whether decisions allow.
        since: Made at this instant or later, Unix seconds.
        until: Made before this instant, Unix seconds.
        standing: Standings of links, joined by commas.
        outcome: `allowed`, `denied`, `waiting`: links with such calls, joined by commas.
        rule: A rule of docs/reference/findings.md.
        severity: `high`, `medium` or `low`.
        state: Where a request for approval stands.
        at: A past instant, Unix seconds; None for the present.

    Raises:
        MalformedError: There is no such view or form, the view has no such filter, or a filter's
            value has another form.
    """

    view: str
    form: str
    task: str | None = None
    link: str | None = None
    parent: str | None = None
    holder: str | None = None
    key: str | None = None
    owner: str | None = None
    is_open: bool | None = None
    tool: str | None = None
    code: str | None = None
    allowed: bool | None = None
    since: int | None = None
    until: int | None = None
    standing: str | None = None
    outcome: str | None = None
    rule: str | None = None
    severity: str | None = None
    state: str | None = None
    at: int | None = None

    def __post_init__(self) -> None:
        view = VIEWS.get(self.view)
        if view is None:
            raise MalformedError("The view", wanted=f"one of {', '.join(VIEWS)}")
        if self.form not in view.forms:
            raise MalformedError("The form", wanted=f"one of {', '.join(view.forms)}")
        for name, value in self.given.items():
            if name not in view.filters:
                known = ", ".join(view.filters) or "none"
                raise MalformedError(f"The filter {name}", wanted=f"left out; there are: {known}")
            _refuse_odd(name, value)
        if self.view == "timeline" and self.task is None:
            raise MalformedError("The timeline", wanted="of a task")

    @classmethod
    def kinds(cls) -> dict[str, type]:
        """Return the filters that there are by name, each with the type of its values."""
        return {n: get_args(hint)[0] for n, hint in list(get_type_hints(cls).items())[2:]}

    @property
    def given(self) -> dict[str, str | int | bool]:
        """The filters that were given, by name, in their order."""
        every = ((field.name, getattr(self, field.name)) for field in fields(self)[2:])
        return {name: value for name, value in every if value is not None}

    @property
    def filters(self) -> dict[str, str | int | bool]:
        """The filters within the scope: all that were given but task and instant."""
        return {n: value for n, value in self.given.items() if n not in {"task", "at"}}

    def words(self, name: str) -> frozenset[str]:
        """Return the words of a filter that takes several; empty lets all pass."""
        return frozenset(str(self.given.get(name, "")).split(",")) - {""}

    def to_json(self) -> dict[str, Json]:
        """Return it as it is kept and answered."""
        return {"view": self.view, "form": self.form, **self.given}

    @classmethod
    def read(cls, view: str, form: str, written: Mapping[str, str]) -> Selection:
        """Return the selection that filters spell as text; an empty one is left out.

        Raises:
            MalformedError: One has another form.
        """
        known = cls.kinds()
        if not written.keys() <= known.keys():
            raise MalformedError("The filters", wanted=f"of these: {', '.join(sorted(known))}")
        given = {name: _read(name, text) for name, text in written.items() if text}
        return cls(view, form, **given)  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, body: Mapping[str, Json]) -> Selection:
        """Return the selection that was kept.

        Raises:
            MalformedError: It has another form.
        """
        known = {field.name for field in fields(cls)}
        if not body.keys() <= known or not isinstance(body.get("form"), str):
            raise MalformedError("The selection", wanted="made of the members that are known")
        try:
            return cls(**cast("Mapping[str, str]", body))  # type: ignore[arg-type]
        except TypeError as error:
            raise MalformedError("The selection", wanted="with a view and a form") from error


def _refuse_odd(name: str, value: object) -> None:
    if name in _INSTANTS:
        if type(value) is not int or not 0 <= value <= 2**53:
            raise MalformedError(name, wanted="Unix seconds")
    elif name in {"is_open", "allowed"}:
        if type(value) is not bool:
            raise MalformedError(name, wanted="true or false")
    elif not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not _is_text(value):
        raise MalformedError(name, wanted=f"a text of at most {MAX_TEXT} characters")
    elif name in _SETS:
        if not set(value.split(",")) <= _SETS[name]:
            raise MalformedError(name, wanted=f"made of {', '.join(sorted(_SETS[name]))}")
    elif name in _WORDS and value not in _WORDS[name]:
        raise MalformedError(name, wanted=f"one of {', '.join(_WORDS[name])}")


def _is_text(value: str) -> bool:
    """Return whether every database takes a text: no NUL, no half of a pair."""
    return "\x00" not in value and not any("\ud800" <= c <= "\udfff" for c in value)


def _read(name: str, text: str) -> str | int | bool:
    if name in _INSTANTS and text.isascii() and text.isdecimal() and len(text) <= 16:  # noqa: PLR2004  # 2**53
        return int(text)
    if name in {"is_open", "allowed"}:
        return {"true": True, "false": False}.get(text, text)
    return text
