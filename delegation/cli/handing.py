"""Commands that hand authority on: a root is issued by the service, every link after it by its holder."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.console import JsonOption, print_json, say
from delegation.cli.grant import (
    AudienceOption,
    BudgetOption,
    DelegationsOption,
    GrantOption,
    LastsOption,
    MayOption,
    Stated,
)
from delegation.cli.holder import (
    KeyOption,
    RingOption,
    TokenArgument,
    ToOption,
    held_by,
    holder_of,
    issuer_keys,
    key_in,
    read_token,
)
from delegation.cli.source import StoreOption, TaskArgument, UrlOption, opened
from delegation.tokens.token import Token


def issue(
    task: TaskArgument,
    *,
    to: ToOption,
    token_format: Annotated[str, typer.Option("--format", help="biscuit or macaroon.")] = "biscuit",
    grant: GrantOption = None,
    may: MayOption = None,
    audience: AudienceOption = None,
    budget: BudgetOption = None,
    delegations: DelegationsOption = None,
    lasts: LastsOption = None,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a task's root to a holder and print its token. What is not stated is the ceiling's."""
    holder = holder_of(to)
    stated = Stated(grant, may, audience, budget, delegations, lasts).grant()
    with opened(store, url) as place:
        made = place.issue(task, to=holder, grant=stated, format=token_format)
    _say(made, as_json=as_json)


def delegate(
    token: TokenArgument,
    *,
    key: KeyOption,
    to: ToOption,
    grant: GrantOption = None,
    may: MayOption = None,
    audience: AudienceOption = None,
    budget: BudgetOption = None,
    delegations: DelegationsOption = None,
    lasts: LastsOption = None,
    ring: RingOption = None,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hand a token on, narrower, and print the longer token. With --ring no service is asked.

    What is not stated is copied from the token's own grant; what is wider than it is refused.
    """
    signer, holder = key_in(key), holder_of(to)
    stated = Stated(grant, may, audience, budget, delegations, lasts).grant()
    held = read_token(token, issuer_keys(ring, store, url))
    made = held.delegate(by=held_by(held, signer), to=holder, grant=stated)
    _say(made, as_json=as_json)


def _say(token: Token, *, as_json: bool) -> None:
    if as_json:
        print_json({"token": token.text, "link": token.id, "grant": token.grant.to_json()})
    else:
        say(token.text)
