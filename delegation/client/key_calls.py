"""Calls about API keys as values; see `client.calls`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from delegation.client.calls import Call, nothing, part
from delegation.messages.registry import read_api_key
from delegation.tracker.work import ApiKey, Role


def create_api_key(
    name: str,
    role: Role,
    audiences: Iterable[str] = (),
    *,
    person: str = "",
    approves_as: Iterable[str] = (),
) -> Call[str]:
    """Make an API key and return its secret, which is shown this once."""
    return Call(
        "POST",
        "/v1/api-keys",
        lambda a: str(a["secret"]),
        body={
            "name": name,
            "role": role,
            "audiences": list(audiences),
            "person": person,
            "approves_as": list(approves_as),
        },
    )


def revoke_api_key(name: str) -> Call[None]:
    """Withdraw an API key."""
    return Call("DELETE", f"/v1/api-keys/{part(name)}", nothing)


def api_keys() -> Call[Sequence[ApiKey]]:
    """Return all API keys by name, without their secrets."""
    return Call(
        "GET",
        "/v1/api-keys",
        lambda a: [read_api_key(one) for one in a["api_keys"]],
        is_repeatable=True,
    )
