"""Shows reviewers tasks, lineage, pictures, tokens and decisions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from delegation.authority.explain import instant
from delegation.authority.ids import LinkId
from delegation.cli.console import (
    USAGE,
    JsonOption,
    fail,
    note,
    print_json,
    print_table,
    say,
    say_value,
    tell,
    tell_rows,
    tell_text,
)
from delegation.cli.source import StoreOption, TaskArgument, UrlOption, opened
from delegation.errors import NotFoundError
from delegation.export.drawings import DRAWINGS
from delegation.graph.text import text_tree
from delegation.hidden import hidden_in
from delegation.judge.decision import Denial
from delegation.lineage.entry import LinkEntry
from delegation.lineage.export_forms import FORMS
from delegation.messages.answers import answer_json
from delegation.shown import kind_of

if TYPE_CHECKING:
    from delegation.operations.backend import Backend

_NOT_KEPT: Final[Mapping[str, str]] = {
    "over_rate": "Arguments and proof are not kept: this holder's denials came faster than that.",
    "erased": "Arguments and proof were erased.",
}


def tasks(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """List tasks, newest first."""
    with opened(store, url) as place:
        found = place.tasks(limit=limit)
    rows = [
        (task.id, task.title, task.owner, task.state, instant(task.opened_at)) for task in found
    ]
    tell_rows(found, "Tasks", ("task", "title", "owner", "state", "opened"), rows, as_json=as_json)


def lineage(
    task: TaskArgument,
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how authority flowed in a task."""
    with opened(store, url) as place:
        found = place.lineage(task).entry
    tell_text(found, text_tree(found), as_json=as_json)


def graph(
    task: TaskArgument,
    *,
    form: Annotated[str, typer.Option("--format", help=" ".join(DRAWINGS))] = "svg",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File; else standard output.")
    ] = None,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a task's lineage. svg, mmd, txt and json need nothing; png and pdf need Graphviz."""
    if form not in DRAWINGS:
        fail(
            "There is no such format.",
            "Use one of: " + ", ".join(DRAWINGS) + ".",
            code="usage",
            status=USAGE,
        )
    if out is None and not FORMS[form].is_text:
        fail(
            "A picture is not printed to a terminal.",
            "Name a file with --out.",
            code="usage",
            status=USAGE,
        )
    with opened(store, url) as place:
        drawn = DRAWINGS[form].alone(place.lineage(task).entry)
    data = drawn if isinstance(drawn, bytes) else drawn.encode()
    if form == "json":
        data += b"\n"
    if out is None:
        drawn = data.decode()
        told = {"format": form, "drawing": data.decode()}
        tell_text(told, data.decode(), as_json=as_json, is_source=form != "txt")
        return
    try:
        out.write_bytes(data)
    except OSError as error:
        fail(f"The picture cannot be written: {error.strerror}.", "Name another file.")
    tell(
        {"format": form, "file": str(out), "bytes": len(data)},
        f"{out} ({len(data)} bytes)",
        as_json=as_json,
    )


def explain(
    decision: Annotated[str, typer.Argument(help="Id of a decision, dec_...")],
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how a call was decided, step by step, and by what right or caveat."""
    with opened(store, url) as place:
        detail = place.decision(decision)
        links = list(_recorded(place, detail.decision.links))
    made = detail.decision
    if as_json:
        print_json({**answer_json(detail), "chain": links})
        return
    verdict = "allowed" if made.allowed else "denied"
    say(f"{made.id}: {verdict} {made.tool} at {instant(made.at)}")
    for link in links:
        who, under = f" {link.holder_fingerprint} ({link.standing})", "  " * link.depth
        if link.registered:
            say(link.holder_name + who, under=under)
        else:
            say_value(f"{under}unnamed, called ", link.claimed_name, who)
    rows = [(step.number, step.name, step.outcome.replace("_", " ")) for step in made.steps]
    print_table("Steps", ("step", "name", "outcome"), rows)
    if made.denial is not None:
        _say_why(made.denial)
    denied = [made.denial.offered, made.denial.allowed] if made.denial else []
    for found in (*hidden_in(dict(detail.access or {})), *hidden_in(denied, "the denial")):
        say(f"! Characters that are not seen: {found}")
    if detail.access:
        say_value("as sent: ", dict(detail.access))
    for name, value in made.arguments.items():
        say_value(f"argument {name} ({kind_of(name, value, detail.amounts)}) = ", value)
    if detail.evidence in _NOT_KEPT:
        note(_NOT_KEPT[detail.evidence])


def _recorded(place: Backend, links: Iterable[LinkId]) -> Iterator[LinkEntry]:
    """Yield those links that are recorded: of denied calls beyond what is kept, new ones are not."""
    for link in links:
        with contextlib.suppress(NotFoundError):
            yield place.link(link)


def _say_why(denial: Denial) -> None:
    for word, value in (
        ("why", denial.message),
        ("code", denial.code),
        ("caveat", denial.caveat),
        ("link", denial.link),
        ("must be", denial.allowed_in_words),
        ("remedy", denial.remedy),
    ):
        if value:
            say(str(value), under=f"{word:>8}: ")
    for word, offer in (("offered", denial.offered), ("allowed", denial.allowed)):
        if offer is not None:
            say_value(f"{word:>8}: ", offer)
