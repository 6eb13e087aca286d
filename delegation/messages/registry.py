"""Agents and API keys as answers carry them, written and read in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delegation.canonical import Json, b64u
from delegation.errors import MalformedError
from delegation.messages.values import read_key
from delegation.tracker.work import Agent, ApiKey


def agent_json(agent: Agent) -> dict[str, Json]:
    """Return an agent as an answer carries it."""
    return {
        "name": agent.name,
        "owner": agent.owner,
        "keys": [f"ed25519:{b64u(key)}" for key in agent.keys],
        "registered_at": agent.registered_at,
        "recertify_by": agent.recertify_by,
    }


def read_agent(body: Mapping[str, Any]) -> Agent:
    """Return the agent that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        keys = tuple(map(read_key, body["keys"]))
        return Agent(body["name"], body["owner"], keys, body["registered_at"], body["recertify_by"])
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedError("An agent", wanted="as the service writes it") from error


def api_key_json(key: ApiKey) -> dict[str, Json]:
    """Return an API key as an answer carries it, without its secret."""
    return {
        "name": key.name,
        "role": key.role,
        "audiences": list(key.audiences),
        "created_at": key.created_at,
        "is_revoked": key.is_revoked,
        "person": key.person,
        "approves_as": list(key.approves_as),
    }


def read_api_key(body: Mapping[str, Any]) -> ApiKey:
    """Return the API key that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        return ApiKey(
            name=body["name"],
            role=body["role"],
            audiences=tuple(body["audiences"]),
            created_at=body["created_at"],
            is_revoked=body["is_revoked"],
            person=body["person"],
            approves_as=tuple(body["approves_as"]),
        )
    except (KeyError, TypeError) as error:
        raise MalformedError("An API key", wanted="as the service writes it") from error
