"""Commands for reviewers: tasks, lineage, pictures, tokens, decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from delegation import canonical
from delegation import graph as drawing
from delegation.authority.explain import instant
from delegation.cli.console import (
    DENIED,
    OUT,
    JsonOption,
    StoreOption,
    fail,
    opened,
    print_json,
    print_table,
    print_text,
    read_text,
)
from delegation.errors import MalformedError
from delegation.graph.engine import Picture
from delegation.graph.names import clean
from delegation.lineage.entry import Lineage
from delegation.messages.values import lineage_json, link_json, payload_json, task_json

FORMATS = ("txt", "svg", "mmd", "dot", "json", "png", "pdf")


def tasks(*, store: StoreOption = None, limit: int = 50, as_json: JsonOption = False) -> None:
    """List tasks, newest first."""
    with opened(store) as tracker:
        found = tracker.tasks(limit=limit)
    if as_json:
        print_json([task_json(task) for task in found])
        return
    rows = [
        (task.id, task.title, task.owner, task.state, instant(task.opened_at)) for task in found
    ]
    print_table("Tasks", ("task", "title", "owner", "state", "opened"), rows)


def lineage(task: str, *, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show how authority flowed in a task."""
    with opened(store) as tracker:
        view = tracker.lineage(task)
    if as_json:
        print_json(lineage_json(view.entry))
    else:
        print_text(view.as_text())


def graph(
    task: str,
    *,
    form: Annotated[str, typer.Option("--format", help=" ".join(FORMATS))] = "svg",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File; else standard output.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Draw a task's lineage. svg, mmd, txt and json need nothing; png and pdf need Graphviz."""
    if form not in FORMATS:
        fail("There is no such format.", "Use one of: " + ", ".join(FORMATS) + ".")
    with opened(store) as tracker:
        data = _drawn(tracker.lineage(task).entry, form)
    if out is None:
        if form in {"png", "pdf"}:
            fail("A picture is not printed to a terminal.", "Name a file with --out.")
        print_text(data.decode())
        return
    try:
        out.write_bytes(data)
    except OSError as error:
        fail(f"The picture cannot be written: {error.strerror}.")
    OUT.print(f"{out} ({len(data)} bytes)", markup=False)


def _drawn(entry: Lineage, form: str) -> bytes:
    if form in {"png", "pdf"}:
        return drawing.render(entry, cast("Picture", form))
    if form == "json":
        return canonical.encode(drawing.graph_json(entry)) + b"\n"
    draw = {
        "svg": drawing.svg,
        "mmd": drawing.mermaid,
        "dot": drawing.dot_source,
        "txt": drawing.text_tree,
    }[form]
    return draw(entry).encode()


def inspect(
    token: Annotated[str, typer.Argument(help="File with a token's text, or -.")],
    *,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a token holds and how its links stand; nothing is recorded or spent."""
    text = read_text(token)
    with opened(store) as tracker:
        found = tracker.inspect(text)
    if as_json:
        print_json(
            {
                "format": found.token_format,
                "links": [payload_json(link) for link in found.links],
                "recorded": [None if e is None else link_json(e) for e in found.entries],
                "denial": None if found.denial is None else found.denial.to_json(),
            }
        )
    elif found.denial is None:
        rows = [
            (
                depth,
                link.id,
                link.holder_name,
                "not recorded" if entry is None else entry.standing,
                instant(link.grant.expires_at),
            )
            for depth, (link, entry) in enumerate(zip(found.links, found.entries, strict=True))
        ]
        print_table(
            f"A {found.token_format}", ("depth", "link", "claims", "standing", "until"), rows
        )
    if found.denial is not None:
        denial = found.denial
        fail(f"Step {denial.step}, {denial.code}: {denial.message}", denial.remedy, code=DENIED)


def check(
    request: Annotated[str, typer.Argument(help="File with {token, proof, access}, or -.")],
    *,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide one call, record and print the decision. Exit code 3 when it is denied."""
    try:
        body = canonical.parse(read_text(request))
    except MalformedError as error:
        fail(str(error), error.remedy)
    if not isinstance(body, dict) or body.keys() != {"token", "proof", "access"}:
        fail("The request must be an object of token, proof and access.")
    token, proof = body["token"], body["proof"]
    if not isinstance(token, str) or not (proof is None or isinstance(proof, str)):
        fail("Token and proof must be texts.")
    with opened(store) as tracker:
        decision = tracker.check(token, proof, body["access"], client="command line")
    if as_json:
        print_json(decision.to_json())
    else:
        OUT.print(clean(str(decision), 2000), markup=False)
    raise typer.Exit(0 if decision.allowed else DENIED)


def explain(
    decision: Annotated[str, typer.Argument(help="Id of a decision, dec_...")],
    *,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how a call was decided, step by step, and by what right or caveat."""
    with opened(store) as tracker:
        detail = tracker.decision(decision)
        links = [tracker.link(link) for link in detail.decision.links]
    made = detail.decision
    if as_json:
        access = None if detail.access is None else dict(detail.access)
        print_json({**made.to_json(), "access": access, "epoch": detail.epoch})
        return
    verdict = "allowed" if made.allowed else "denied"
    OUT.print(f"{made.id}: {verdict} {made.tool} at {instant(made.at)}", markup=False)
    for link in links:
        name = link.holder_name or f"unnamed, called {link.claimed_name}"
        line = f"{'  ' * link.depth}{clean(name)} {link.holder_fingerprint} ({link.standing})"
        OUT.print(line, markup=False)
    rows = [(step.number, step.name, step.outcome.replace("_", " ")) for step in made.steps]
    print_table("Steps", ("step", "name", "outcome"), rows)
    denial = made.denial
    if denial is not None:
        for word, value in (
            ("why", denial.message),
            ("code", denial.code),
            ("caveat", denial.caveat),
            ("link", denial.link),
            ("offered", denial.offered),
            ("allowed", denial.allowed),
            ("remedy", denial.remedy),
        ):
            if value not in (None, ""):
                shown = value if isinstance(value, str) else canonical.encode(value).decode()
                OUT.print(f"{word:>8}: {clean(shown, 500)}", markup=False)
