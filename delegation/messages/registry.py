"""Agents, API keys and revocations as answers carry them, written and read in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delegation.canonical import Json, b64u
from delegation.errors import MalformedError
from delegation.judge.facts import Subject
from delegation.messages.values import read_key
from delegation.tracker.work import Agent, ApiKey, Revocation


def agent_json(agent: Agent) -> dict[str, Json]:
    """Return an agent as an answer carries it."""
    return {
        "name": agent.name,
        "owner": agent.owner,
        "keys": [f"ed25519:{b64u(key)}" for key in agent.keys],
        "registered_at": agent.registered_at,
    }


def read_agent(body: Mapping[str, Any]) -> Agent:
    """Return the agent that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        keys = tuple(map(read_key, body["keys"]))
        return Agent(body["name"], body["owner"], keys, body["registered_at"])
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
    }


def read_api_key(body: Mapping[str, Any]) -> ApiKey:
    """Return the API key that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        audiences = tuple(body["audiences"])
        return ApiKey(body["name"], body["role"], audiences, body["created_at"], body["is_revoked"])
    except (KeyError, TypeError) as error:
        raise MalformedError("An API key", wanted="as the service writes it") from error


def revocation_json(one: Revocation) -> dict[str, Json]:
    """Return a revocation as an answer carries it."""
    return {
        "epoch": one.epoch,
        "kind": one.subject.kind,
        "id": one.subject.id,
        "by": one.by,
        "reason": one.reason,
        "at": one.at,
    }


def read_revocation(body: Mapping[str, Any]) -> Revocation:
    """Return the revocation that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        subject = Subject(body["kind"], body["id"])
        return Revocation(body["epoch"], subject, body["by"], body["reason"], body["at"])
    except (KeyError, TypeError) as error:
        raise MalformedError("A revocation", wanted="as the service writes it") from error
