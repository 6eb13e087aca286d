"""`delegation approvals`: what waits for people, answered by them; statements verified offline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any, cast

import typer

from delegation import canonical
from delegation.authority.explain import instant
from delegation.canonical import Json
from delegation.cli.console import (
    DENIED,
    OUT,
    JsonOption,
    StoreOption,
    fail,
    opened,
    print_json,
    print_table,
    read_text,
    refusing,
)
from delegation.embedded import Tracker
from delegation.errors import MalformedError, UnverifiedError
from delegation.graph.names import clean
from delegation.identity.approval import check_approval
from delegation.identity.keyring import PublicRing
from delegation.lineage.approval import ApprovalEntry, ApprovalState
from delegation.messages.approvals import approval_json
from delegation.tracker.work import ApiKey

app = typer.Typer(no_args_is_help=True)
KeyOption = Annotated[
    str,
    typer.Option(
        "--api-key",
        envvar="DELEGATION_API_KEY",
        prompt="API key of the approver",
        hide_input=True,
        help="Secret of an approver's key; better in DELEGATION_API_KEY than in the history.",
    ),
]
ReasonOption = Annotated[str, typer.Option(help="Why, for the record.")]


@app.command("list")
def list_requests(
    *,
    state: Annotated[
        str | None, typer.Option(help="pending, granted, refused, used or expired.")
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Only requests after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List requests in the order they were opened."""
    if state not in {None, "pending", "granted", "refused", "used", "expired"}:
        fail("There is no such state.", "Use pending, granted, refused, used or expired.")
    with opened(store) as tracker:
        found = tracker.approvals(
            state=cast("ApprovalState | None", state), after=after, limit=limit
        )
    if as_json:
        print_json([approval_json(entry) for entry in found])
        return
    rows = [(e.sequence, e.id, e.state, e.binding.tool, instant(e.expires_at)) for e in found]
    print_table("Requests", ("number", "request", "state", "tool", "until"), rows)


@app.command("show")
def show(request: str, *, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show what exactly would be approved, by whom, and what was said so far."""
    with opened(store) as tracker:
        entry = tracker.approval(request)
    if as_json:
        print_json(approval_json(entry))
    else:
        _print(entry)


@app.command("grant")
def grant(
    request: str, *, reason: ReasonOption, api_key: KeyOption, store: StoreOption = None
) -> None:
    """Consent to a call, once. It widens no grant."""
    with opened(store) as tracker:
        by = _person(tracker, api_key)
        _answered(tracker.grant_approval(request, by=by, reason=reason))


@app.command("refuse")
def refuse(
    request: str, *, reason: ReasonOption, api_key: KeyOption, store: StoreOption = None
) -> None:
    """Refuse a call, for good."""
    with opened(store) as tracker:
        by = _person(tracker, api_key)
        _answered(tracker.refuse_approval(request, by=by, reason=reason))


@app.command("verify")
def verify(
    statement: Annotated[str, typer.Argument(help="File with the statement, or -.")],
    *,
    keys: Annotated[str, typer.Option(help="File with the issuer's public keys.")],
    arguments: Annotated[
        str | None, typer.Option(help="File with the canonical arguments as JSON.")
    ] = None,
    at: Annotated[int | None, typer.Option(help="Unix seconds; now if left out.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a signed approval with public keys alone. Whether it was used only the store knows."""
    with refusing():
        ring = PublicRing.from_json(canonical.parse(read_text(keys)))
        given = None if arguments is None else canonical.parse(read_text(arguments))
        if given is not None and not isinstance(given, dict):
            raise MalformedError("The arguments", wanted="an object")
    moment = int(time.time()) if at is None else at
    try:
        said = check_approval(read_text(statement), ring, at=moment, arguments=given)
    except UnverifiedError as error:
        fail(f"{error.reason}: {error}", error.remedy, code=DENIED)
    except MalformedError as error:
        fail(str(error), error.remedy, code=DENIED)
    stated: dict[str, Json] = {
        "id": said.id,
        "approvers": list(said.approvers),
        "expires_at": said.expires_at,
        "arguments_compared": given is not None,
        **said.binding.to_json(),
    }
    if as_json:
        print_json(stated)
        return
    OUT.print(f"{said.id} is signed by {clean(ring.issuer, 300)}.", markup=False)
    for name, value in stated.items():
        OUT.print(f"  {name}: {_one_line(value)}", markup=False)


def _person(tracker: Tracker, secret: str) -> ApiKey:
    key = tracker.authenticate(secret.strip())
    if key is None:
        fail("There is no such API key.", "Ask an operator for an approver's key.")
    return key


def _answered(entry: ApprovalEntry) -> None:
    OUT.print(f"{entry.id} is {entry.state}.", markup=False)


def _print(entry: ApprovalEntry) -> None:
    say: Callable[[str], Any] = lambda line: OUT.print(line, markup=False)  # noqa: E731
    say(f"{entry.id}: {entry.state}")
    say(f"Would be approved: {clean(entry.summary(), 1000)}")
    for rule in entry.rules:
        tools = " ".join(tool.text for tool in rule.tools)
        say(f"Needed: {rule.quorum} of {', '.join(rule.approvers)} for {clean(tools, 300)}")
    say(f"Resources: {_one_line([*entry.resources])}")
    say(f"Opened by {entry.opened_by} at {instant(entry.opened_at)}, task {entry.task}")
    if entry.link is not None:
        say(f"Under link {entry.link.depth} ({entry.link.standing}), which narrowed:")
        for change in entry.link.changes or ():
            say(f"  {clean(str(change), 300)}")
        say(f"  grant: {_one_line(entry.link.grant.to_json())}")
    for act in entry.acts:
        dead = "" if act.counts else " (the key was withdrawn: does not count)"
        say(f"{instant(act.at)} {clean(act.person)} {act.verdict}: {clean(act.reason, 500)}{dead}")
    if entry.used_by:
        say(f"Used by {entry.used_by}")
    say("Written by agents, shown as text and checked for nothing:")
    if entry.arguments is None:
        say("| arguments were erased")
    for name, value in (entry.arguments or {}).items():
        say(f"| {clean(name)} = {_one_line(value)}")
    say(f"| purpose: {clean(entry.purpose, 300)}")
    say(f"| claimed cause: {clean(entry.claimed_cause or 'none')}")
    if entry.link is not None:
        say(f"| holder calls itself: {clean(entry.link.claimed_name)}")


def _one_line(value: Json) -> str:
    """Return JSON on one line in ASCII: a value cannot reverse, hide or forge a line."""
    text = canonical.text_of(value).encode("ascii", "backslashreplace").decode()
    return clean(text, 4000)
