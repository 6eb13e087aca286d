"""`delegation tighten`: from recorded use to a narrower grant, as code to paste."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from delegation.cli.answered import as_answered
from delegation.cli.console import DENIED, USAGE, JsonOption, fail, print_json, print_text
from delegation.cli.source import StoreOption, UrlOption, opened
from delegation.graph import tightening_text
from delegation.graph.tightening import GrantForm
from delegation.lineage.tightening import MINIMUM, TightenKind

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
