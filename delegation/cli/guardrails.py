"""`delegation assert`: guardrails as tests, on a store or on token files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from delegation import canonical
from delegation.authority.catalogue import Catalogue, Tool
from delegation.cli.console import (
    DENIED,
    JsonOption,
    StoreOption,
    fail,
    opened,
    print_json,
    print_text,
    read_text,
    refusing,
)
from delegation.errors import MalformedError
from delegation.graph import assessment_json, assessment_text, junit
from delegation.identity.keyring import PublicRing
from delegation.lineage.guardrails import (
    Assessment,
    Guardrail,
    assess,
    forests_of,
    parse_guardrails,
)
from delegation.tokens.token import Token


def assert_(
    guardrails: Annotated[str, typer.Argument(help="TOML file of guardrails, or -.")],
    *,
    store: StoreOption = None,
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
    with refusing():
        rules = parse_guardrails(read_text(guardrails))
    if token:
        if tools is None or issuer is None:
            fail("Token files need --tools and --issuer.", "Name both, or leave --token out.")
        with refusing():
            done = _offline(rules, token, tools, issuer, ended=ended)
    else:
        with opened(store) as tracker:
            done = tracker.assert_guardrails(rules, task=task, ended=ended)
    if junit_file is not None:
        try:
            junit_file.write_text(junit(done), encoding="utf-8")
        except OSError as error:
            fail(f"The JUnit file cannot be written: {error.strerror}.")
    if as_json:
        print_json(assessment_json(done))
    else:
        print_text(assessment_text(done))
    raise typer.Exit(0 if done.holds and not (strict and done.idle) else DENIED)


def _offline(
    rules: tuple[Guardrail, ...], files: list[Path], tools: Path, issuer: Path, *, ended: bool
) -> Assessment:
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
    return assess(rules, forests_of(read, catalogue, at=int(time.time()), ended=ended))
