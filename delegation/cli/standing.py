"""Changes standing: revoke, suspend, resume, freeze, unfreeze, renew; and tells the last use."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from delegation.authority.explain import instant
from delegation.cli.console import JsonOption, note, print_json, say, told_ending
from delegation.cli.source import StoreOption, UrlOption, opened
from delegation.judge.lease import Barrier
from delegation.judge.subject import EVERYTHING, REVOCABLE, SubjectKind
from delegation.lineage.feed import Preview, Revocation
from delegation.tokens.evidence import NAMED

Kind = Annotated[str, typer.Argument(help=f"{', '.join(REVOCABLE[:-1])} or {REVOCABLE[-1]}.")]
Name = Annotated[str, typer.Argument(help="Its id, name, or key as base64url.")]
Reason = Annotated[str, typer.Option(help="Why, for the record.")]
Wait = Annotated[
    bool, typer.Option(help="Return when every verifier elsewhere has applied it, or time has.")
]
Dry = Annotated[bool, typer.Option("--preview", help="Only say what would end; change nothing.")]
SHOWN = 10  # links that a preview lists


def revoke(
    kind: Kind,
    subject: Name,
    *,
    reason: Reason = "",
    wait: Wait = False,
    preview: Dry = False,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a subject and everything below it. There is no way back."""
    with opened(store, url) as place:
        if preview:
            _show(place.preview(cast("SubjectKind", kind), subject), as_json=as_json)
        else:
            done = place.revoke(cast("SubjectKind", kind), subject, reason=reason, wait=wait)
            _say(done, "revoked", as_json=as_json)


def suspend(
    kind: Kind,
    subject: Name,
    *,
    reason: Reason = "",
    wait: Wait = False,
    preview: Dry = False,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a subject and everything below it until it is resumed."""
    with opened(store, url) as place:
        if preview:
            _show(place.preview(cast("SubjectKind", kind), subject), as_json=as_json)
        else:
            done = place.suspend(cast("SubjectKind", kind), subject, reason=reason, wait=wait)
            _say(done, "suspended", as_json=as_json)


def resume(
    kind: Kind,
    subject: Name,
    *,
    reason: Reason = "",
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a suspension."""
    with opened(store, url) as place:
        done = place.resume(cast("SubjectKind", kind), subject, reason=reason)
        _say(done, "resumed", as_json=as_json)


def freeze(
    *,
    reason: Reason = "",
    wait: Wait = True,
    preview: Dry = False,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Suspend everything: no call is allowed until `unfreeze`. Prints a receipt."""
    with opened(store, url) as place:
        if preview:
            _show(place.preview(*EVERYTHING), as_json=as_json)
            return
        found = place.freeze(reason=reason, wait=wait)
    if as_json:
        print_json(found)
        return
    last = found.last_allowance
    say(f"frozen at {instant(found.change.at)}, epoch {found.change.epoch}")
    allowed = "none" if last is None else f"{last.id} at {instant(last.at)}, {last.tool}"
    say(f"last call allowed: {allowed}")
    _say_barrier(found.change.barrier)
    if found.receipt is not None:
        say(f"receipt: {found.receipt}")


def unfreeze(
    *,
    reason: Reason = "",
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a freeze."""
    with opened(store, url) as place:
        _say(place.unfreeze(reason=reason), "resumed", as_json=as_json)


def _say(done: Revocation, word: str, *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    if word == "resumed" and done.act == "suspend":
        word = f"still suspended ({done.reason}):"
    say(f"{word} {done.subject.kind} {done.subject.id}, epoch {done.epoch}")
    _say_barrier(done.barrier)


def _say_barrier(barrier: Barrier | None) -> None:
    if barrier is None:
        return
    if barrier.is_confirmed:
        say(f"confirmed by all {len(barrier.confirmed)} verifiers elsewhere")
    else:
        silent = ", ".join(barrier.silent)
        say(f"waited until no lease can hold; not confirmed by {silent}")


def _show(found: Preview, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    more = "" if found.is_complete else " or more"
    say(
        f"would end {len(found.links)}{more} active links of {len(found.holders)} holders "
        f"in {len(found.tasks)} tasks; {found.surviving} active links beside them would go on"
    )
    for link in found.links[:SHOWN]:
        say(str(link), under="  ")


def renew(
    link: Annotated[str, typer.Argument(help="Id of the root that ends, lnk_...")],
    *,
    lasts: Annotated[
        int | None,
        typer.Option(help="Seconds until the new end; else as long as the earlier root."),
    ] = None,
    token_format: Annotated[str, typer.Option("--format", help=f"{NAMED}.")] = "biscuit",
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a root in place of an earlier one and print its token. What does not stand is refused."""
    with opened(store, url) as place:
        token = place.renew(link, lasts=lasts, format=token_format)
        before = place.ended_before(token.id)
    if as_json:
        print_json({"token": token.text, "link": token.id, "renews": link, "ended_before": before})
        return
    for change in before:
        note(f"comes after: {told_ending(change)}")
    say(token.text)


def last_use(
    kind: Annotated[str, typer.Argument(help="link, agent or key.")],
    subject: Annotated[str, typer.Argument(help="Its id, name, or key as base64url.")],
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say when a link, an agent or a key made its newest call."""
    with opened(store, url) as place:
        found = place.last_use(cast("SubjectKind", kind), subject)
    if as_json:
        print_json(found)
    elif found.decision is None:
        say(f"{kind} {subject} made no call")
    else:
        word = "allowed" if found.allowed else "denied"
        say(f"{word} at {instant(found.at)}, {found.decision}")
