"""Shows and answers requests for approval, and verifies approvals offline: `delegation approvals`."""

from __future__ import annotations

import time
from typing import Annotated, cast

import typer

from delegation import canonical, sent_json
from delegation.authority.explain import instant
from delegation.canonical import Json
from delegation.cli.console import (
    DENIED,
    USAGE,
    JsonOption,
    fail,
    print_json,
    read_text,
    say,
    say_value,
    tell,
    tell_rows,
)
from delegation.cli.source import StoreOption, UrlOption, opened
from delegation.errors import MalformedError, UnverifiedError
from delegation.identity.approval import check_approval
from delegation.identity.keyring import PublicRing
from delegation.judge.approval_request import Verdict
from delegation.lineage.approval import ApprovalEntry, ApprovalState, ApprovalStatus
from delegation.shown import kind_of

app = typer.Typer(no_args_is_help=True)
STATES = ("pending", "granted", "refused", "used", "expired")
RequestArgument = Annotated[str, typer.Argument(help="Id of a request, apr_...")]
ReasonOption = Annotated[str, typer.Option(help="Why, for the record.")]


@app.command("list")
def list_requests(
    *,
    state: Annotated[str | None, typer.Option(help="Only those; " + " ".join(STATES))] = None,
    after: Annotated[int, typer.Option(min=0, help="Only requests after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 50,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """List requests in the order they were opened."""
    if state is not None and state not in STATES:
        fail(
            "There is no such state.",
            "Use one of: " + ", ".join(STATES) + ".",
            code="usage",
            status=USAGE,
        )
    with opened(store, url) as place:
        found = place.approvals(state=cast("ApprovalState | None", state), after=after, limit=limit)
    rows = [
        (s.id, s.state, s.tool, instant(s.expires_at), _look(one))
        for one in found
        for s in [_status(one)]
    ]
    tell_rows(
        found, "Requests", ("request", "state", "tool", "until", "look at"), rows, as_json=as_json
    )


@app.command("show")
def show(
    request: RequestArgument,
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what exactly would be approved, by whom, and what was said so far."""
    with opened(store, url) as place:
        found = place.approval(request)
    if as_json:
        print_json(found)
    elif isinstance(found, ApprovalEntry):
        _say(found)
    else:
        say(f"{found.id}: {found.state}, {found.tool}, until {instant(found.expires_at)}")


@app.command("grant")
def grant(
    request: RequestArgument,
    *,
    reason: ReasonOption,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Consent to a call, once, as the person whose key is in DELEGATION_API_KEY. It widens no grant."""
    _answer(request, "grant", reason, store, url, as_json=as_json)


@app.command("refuse")
def refuse(
    request: RequestArgument,
    *,
    reason: ReasonOption,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refuse a call, for good, as the person whose key is in DELEGATION_API_KEY."""
    _answer(request, "refuse", reason, store, url, as_json=as_json)


@app.command("verify")
def verify(
    statement: Annotated[str, typer.Argument(help="File with the statement, or -.")],
    *,
    ring: Annotated[str, typer.Option(help="File with the issuer's public ring, as JSON.")],
    arguments: Annotated[
        str | None, typer.Option(help="File with the canonical arguments, as JSON.")
    ] = None,
    at: Annotated[int | None, typer.Option(min=0, help="Unix seconds; now if left out.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a signed approval with public keys alone. Exit code 3 when it does not verify.

    Whether it was used, only the store knows.
    """
    public = PublicRing.from_json(canonical.parse(read_text(ring)))
    given = None if arguments is None else sent_json.parse(read_text(arguments))
    if given is not None and not isinstance(given, dict):
        raise MalformedError("The arguments", wanted="an object")
    moment = int(time.time()) if at is None else at
    try:
        said = check_approval(read_text(statement), public, at=moment, arguments=given)
    except UnverifiedError as error:
        fail(str(error), error.remedy, code=error.reason, status=DENIED)
    except MalformedError as error:
        fail(str(error), error.remedy, code=error.code, status=DENIED)
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
    say(f"{said.id} is signed by {public.issuer}.")
    for name, value in stated.items():
        say_value(f"  {name}: ", value)


def _answer(
    request: str,
    verdict: Verdict,
    reason: str,
    store: str | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    with opened(store, url, as_person=True) as place:
        act = place.grant_approval if verdict == "grant" else place.refuse_approval
        entry = act(request, reason=reason)
    tell(entry, f"{entry.id} is {entry.state}.", as_json=as_json)


def _status(found: ApprovalEntry | ApprovalStatus) -> ApprovalStatus:
    return found.status if isinstance(found, ApprovalEntry) else found


def _look(found: ApprovalEntry | ApprovalStatus) -> str:
    """Return what an approver must not overlook in a list."""
    if not isinstance(found, ApprovalEntry):
        return ""
    count = sum(one.count for one in found.hidden)
    return "; ".join(
        words
        for words in (
            "refused before" if found.refused_before else "",
            f"{count} not seen" if count else "",
        )
        if words
    )


def _say(entry: ApprovalEntry) -> None:
    say(f"{entry.id}: {entry.state}")
    for found in entry.hidden:
        say(f"! Characters that are not seen: {found}")
    for earlier in entry.refused_before:
        say(
            f"! The same call was refused before: {instant(earlier.at)} by {earlier.person}, request "
            f"{earlier.request} under {earlier.link}: {earlier.reason}"
        )
    say(f"Would be approved: {entry.summary()}")
    for rule in entry.rules:
        tools = " ".join(tool.text for tool in rule.tools)
        say(f"Needed: {rule.quorum} of {', '.join(rule.approvers)} for {tools}")
    say_value("Resources: ", list(entry.resources))
    say(f"Opened by {entry.opened_by} at {instant(entry.opened_at)}, task {entry.task}")
    if entry.link is not None:
        say(f"Under link {entry.link.depth} ({entry.link.standing})")
    for act in entry.acts:
        dead = "" if act.counts else " (the key was withdrawn: does not count)"
        say(f"{instant(act.at)} {act.person} {act.verdict}: {act.reason}{dead}")
    if entry.used_by:
        say(f"Used by {entry.used_by}")
    say("Written by agents, shown as text and checked for nothing:")
    if entry.arguments is None:
        say("| arguments were erased")
    for name, value in (entry.arguments or {}).items():
        say_value(f"| {name} ({kind_of(name, value, entry.amounts)}) = ", value)
    say_value("| purpose: ", entry.purpose)
    say(f"| claimed cause: {entry.claimed_cause or 'none'}")
    if entry.link is not None:
        say_value("| delegator calls the holder: ", entry.link.claimed_name)
        for change in entry.link.changes:
            say(str(change), under="| delegator narrowed: ")
        say_value("| grant: ", entry.link.grant.to_json())
