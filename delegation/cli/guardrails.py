"""Asserts guardrails, reconciles executions with the record, proposes narrower grants."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from delegation import canonical
from delegation.authority.catalogue import Catalogue, Tool
from delegation.cli.console import (
    DENIED,
    USAGE,
    JsonOption,
    fail,
    print_json,
    print_text,
    read_text,
    tell_text,
)
from delegation.cli.source import (
    StoreOption,
    UrlOption,
    as_answered,
    default_store,
    opened,
    opened_store,
)
from delegation.errors import MalformedError
from delegation.graph import assessment_json, assessment_text, junit, tightening_text
from delegation.graph.reconciliation import reconciliation_json, reconciliation_text
from delegation.graph.tightening import GrantForm
from delegation.identity.keyring import PublicRing
from delegation.lineage.guardrails import (
    Guardrail,
    assess,
    forests_of,
    parse_guardrails,
    refuse_unfit_rules,
)
from delegation.lineage.tightening import MINIMUM, TightenKind
from delegation.tokens.token import Token


def assert_(
    guardrails: Annotated[str, typer.Argument(help="TOML file of guardrails, or -.")],
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    task: Annotated[str | None, typer.Option(help="Only this task and its relatives.")] = None,
    token: Annotated[
        list[Path] | None, typer.Option(help="Look at this token file instead of a store; repeat.")
    ] = None,
    tools: Annotated[
        Path | None, typer.Option(help="With --token: JSON list of the catalogue's tools.")
    ] = None,
    issuer: Annotated[
        Path | None, typer.Option(help="With --token: JSON of the issuer's public keys.")
    ] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Also links that no longer hold.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail, too, where a guardrail is about no link.")
    ] = False,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Write JUnit XML to this file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that no chain breaks a guardrail. Exit code 3 when one does, with the link to narrow."""
    text = read_text(guardrails)
    rules = parse_guardrails(text)  # here as well: a broken file is no answer of a service
    told: dict[str, Any]
    if token:
        if tools is None or issuer is None:
            fail("Token files need --tools and --issuer.", "Name both.", code="usage", status=USAGE)
        told = _offline(rules, token, tools, issuer, ended=ended)
    else:
        with opened(store, url) as place:
            told = place.assert_guardrails(text, task=task, ended=ended)
    with as_answered():
        words, xml = assessment_text(told), junit(told)
        verdicts = told["guardrails"]
        if [verdict["name"] for verdict in verdicts] != [rule.name for rule in rules]:
            raise KeyError("guardrails")  # an answer about other rules says nothing of these
        holds = all(verdict["holds"] is True for verdict in verdicts)
        idle = any(not verdict["links"] for verdict in verdicts)
    if junit_file is not None:
        try:
            junit_file.write_text(xml, encoding="utf-8")
        except (OSError, ValueError):
            fail("The JUnit file cannot be written.", "Name a file in a folder that is there.")
    tell_text(told, words, as_json=as_json)
    raise typer.Exit(0 if holds and not (strict and idle) else DENIED)


def _offline(
    rules: tuple[Guardrail, ...], files: list[Path], tools: Path, issuer: Path, *, ended: bool
) -> dict[str, Any]:
    ring = PublicRing.from_json(canonical.parse(read_text(str(issuer)), what="The issuer's keys"))
    listed = canonical.parse(read_text(str(tools)), what="The tools")
    if not isinstance(listed, list):
        raise MalformedError("The tools", wanted="a list of tools")
    # Revisions are counted by the service: here each tool counts as it is, whatever a root pins.
    newest = {tool.name: ((0, tool),) for tool in map(Tool.from_json, listed)}
    if len(newest) != len(listed):
        raise MalformedError("The tools", wanted="a list without two definitions of one tool")
    read = [Token.read(read_text(str(file)), ring) for file in files]
    catalogue = Catalogue(0, newest)
    refuse_unfit_rules(rules, catalogue)
    return assessment_json(
        assess(rules, forests_of(read, catalogue, at=int(time.time()), ended=ended))
    )


def reconcile(
    log: Annotated[str, typer.Argument(help="Tool log of a service, JSON Lines, or -.")],
    *,
    store: StoreOption = None,
    skew: Annotated[int, typer.Option(help="Seconds by which its clock may differ.")] = 5,
    since: Annotated[
        int | None, typer.Option(help="Look for decisions made since then, Unix seconds.")
    ] = None,
    until: Annotated[int | None, typer.Option(help="And before then.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 3, too, for what was not executed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find executions without a decision, decisions without execution, and other arguments.

    Exit code 3 when anything was executed that was not allowed as it was executed.
    """
    try:
        source = nullcontext(sys.stdin.buffer) if log == "-" else Path(log).open("rb")  # noqa: SIM115  # below
    except (OSError, ValueError):
        fail("The log cannot be read.", "Name a readable file, or -.", code="malformed")
    # A store, always: a log of any length is not sent to a service.
    with source as lines, opened_store(store or default_store()) as tracker:
        try:
            found = tracker.reconcile(lines, skew=skew, since=since, until=until)
        except OSError:
            fail("The log cannot be read to its end.", "Try again.", code="malformed")
    words = reconciliation_text(found)
    tell_text(reconciliation_json(found), words, as_json=as_json)
    failed = found.is_bypassed or (strict and bool(found.counts.total()))
    raise typer.Exit(DENIED if failed else 0)


FORMS = ("python", "toml", "json")


def tighten(
    subject: Annotated[str, typer.Argument(help="A link's id, a task's id, or an agent's name.")],
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    since: Annotated[int | None, typer.Option(help="Only calls since then, Unix seconds.")] = None,
    minimum: Annotated[int, typer.Option(help="How many calls must be recorded.")] = MINIMUM,
    ignore: Annotated[
        int, typer.Option(help="Leave out what occurs in no more calls than this.")
    ] = 0,
    budget: Annotated[bool, typer.Option("--budget", help="Lower budgets, too.")] = False,
    form: Annotated[str, typer.Option("--format", help=" ".join(FORMS))] = "python",
    as_json: JsonOption = False,
) -> None:
    """Propose a narrower grant from recorded use. Nothing is changed. Exit code 3: none to propose."""
    if form not in FORMS:
        remedy = "Use one of: " + ", ".join(FORMS) + "."
        fail("There is no such format.", remedy, code="usage", status=USAGE)
    kinds = {"lnk_": "link", "tsk_": "task"}
    kind = cast("TightenKind", kinds.get(subject[:4], "agent"))
    with opened(store, url) as place:
        found = place.tighten(
            kind, subject, since=since, minimum=minimum, ignore=ignore, with_budget=budget
        )
    if as_json:
        print_json(found)
    else:
        with as_answered():
            words = "\n".join(tightening_text(one, cast("GrantForm", form)) for one in found)
        print_text(words)
    with as_answered():
        proposed = any(one["grant"] is not None for one in found)
    raise typer.Exit(0 if proposed else DENIED)
