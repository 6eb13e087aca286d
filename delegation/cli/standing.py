"""Commands on what stands: revoke, suspend, resume, freeze, unfreeze. They act on the store itself."""

from __future__ import annotations

import getpass
from typing import Annotated, cast

import typer

from delegation.authority.explain import instant
from delegation.cli.console import OUT, JsonOption, StoreOption, opened, print_json
from delegation.graph.names import clean
from delegation.judge.facts import EVERYTHING, SubjectKind
from delegation.judge.lease import Barrier
from delegation.lineage.preview import Preview
from delegation.messages.standing import change_json, freeze_json, preview_json

Kind = Annotated[str, typer.Argument(help="link, task, agent, key, owner, tool or system.")]
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
    as_json: JsonOption = False,
) -> None:
    """End a subject and everything below it. There is no way back."""
    with opened(store) as tracker:
        if preview:
            _show(tracker.preview(cast("SubjectKind", kind), subject), as_json=as_json)
            return
        done = tracker.revoke(
            cast("SubjectKind", kind), subject, by=_caller(), reason=reason, wait=wait
        )
    if as_json:
        print_json(change_json(done))
        return
    OUT.print(f"revoked {kind} {clean(subject)}, epoch {done.epoch}", markup=False)
    _say(done.barrier)


def suspend(
    kind: Kind,
    subject: Name,
    *,
    reason: Reason = "",
    wait: Wait = False,
    preview: Dry = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a subject and everything below it until it is resumed."""
    with opened(store) as tracker:
        if preview:
            _show(tracker.preview(cast("SubjectKind", kind), subject), as_json=as_json)
            return
        done = tracker.suspend(
            cast("SubjectKind", kind), subject, by=_caller(), reason=reason, wait=wait
        )
    if as_json:
        print_json(change_json(done))
        return
    OUT.print(f"suspended {kind} {clean(subject)}, epoch {done.epoch}", markup=False)
    _say(done.barrier)


def resume(kind: Kind, subject: Name, *, reason: Reason = "", store: StoreOption = None) -> None:
    """End a suspension."""
    with opened(store) as tracker:
        done = tracker.resume(cast("SubjectKind", kind), subject, by=_caller(), reason=reason)
    OUT.print(f"resumed {kind} {clean(subject)}, epoch {done.epoch}", markup=False)


def freeze(
    *,
    reason: Reason = "",
    wait: Wait = True,
    preview: Dry = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Suspend everything: no call is allowed until `unfreeze`. Prints a receipt."""
    with opened(store) as tracker:
        if preview:
            _show(tracker.preview(*EVERYTHING), as_json=as_json)
            return
        found = tracker.freeze(by=_caller(), reason=reason, wait=wait)
    if as_json:
        print_json(freeze_json(found))
        return
    last = found.last_allowance
    OUT.print(f"frozen at {instant(found.change.at)}, epoch {found.change.epoch}", markup=False)
    allowed = "none" if last is None else f"{last.id} at {instant(last.at)}, {clean(last.tool)}"
    OUT.print(f"last call allowed: {allowed}", markup=False)
    _say(found.change.barrier)
    if found.receipt is not None:
        OUT.print(f"receipt: {found.receipt}", markup=False, soft_wrap=True)


def unfreeze(*, reason: Reason = "", store: StoreOption = None) -> None:
    """End a freeze."""
    with opened(store) as tracker:
        done = tracker.unfreeze(by=_caller(), reason=reason)
    OUT.print(f"no longer frozen, epoch {done.epoch}", markup=False)


def _caller() -> str:
    return f"command line, {getpass.getuser()}"


def _say(barrier: Barrier | None) -> None:
    if barrier is None:
        return
    if barrier.is_confirmed:
        held = len(barrier.confirmed)
        OUT.print(f"confirmed by all {held} verifiers elsewhere", markup=False)
    else:
        silent = ", ".join(barrier.silent)
        OUT.print(f"waited until no lease can hold; not confirmed by {silent}", markup=False)


def _show(found: Preview, *, as_json: bool) -> None:
    if as_json:
        print_json(preview_json(found))
        return
    more = "" if found.is_complete else " or more"
    OUT.print(
        f"would end {len(found.links)}{more} active links of {len(found.holders)} holders "
        f"in {len(found.tasks)} tasks; {found.surviving} active links beside them would go on",
        markup=False,
    )
    for link in found.links[:SHOWN]:
        OUT.print(f"  {link}", markup=False)
