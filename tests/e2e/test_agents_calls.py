"""Calls as agents send them, of three public kinds of tools, judged without anything that changes a value.

An MCP server's tools and a REST document's are read from `DELEGATION_DATA`; a framework's own are made
here as frameworks make them, by Pydantic's JSON Schema of a function's parameters.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from delegation import anything, may
from delegation.authority.documents.forms import tools_from
from delegation.authority.documents.reading import read_document
from delegation.canonical import Json
from delegation.testing import World

DATA = Path(os.environ.get("DELEGATION_DATA", "")) / "documents"
HAS_DATA = pytest.mark.skipif(
    not os.environ.get("DELEGATION_DATA"), reason="DELEGATION_DATA names no folder of documents"
)
HUB = {"owner": "acme", "repo": "shop"}
TEXT = "Re\u0301sume\u0301\r\n\r\n- it\u2019s \U0001fae8 \u05e9\u05dc\u05d5\u05dd\tend"
MCP: list[tuple[str, dict[str, Json]]] = [
    ("add_issue_comment", {**HUB, "issue_number": 42.0, "body": TEXT}), ("get_commit", {**HUB, "sha": "HEAD", "page": 1.0, "perPage": 30}),
    ("list_commits", {**HUB, "perPage": 100.0, "fields": ["sha", "commit"]}), ("create_pull_request", {**HUB, "title": "Fix", "head": "a/b", "base": "main", "draft": True, "body": TEXT}),
    ("create_or_update_file", {**HUB, "path": "src/a b.py", "content": TEXT, "message": "Fix\r\n", "branch": "x"}), ("get_file_contents", {**HUB, "path": "/"}),
]  # fmt: skip
REST: list[tuple[str, dict[str, Json]]] = [
    ("list_messages", {"channel_id": "1" * 18, "limit": 50.0}), ("create_message", {"channel_id": "1" * 18, "content": TEXT, "tts": False}),
    ("create_message", {"channel_id": "1" * 18, "content": None}), ("update_guild_member", {"guild_id": "1" * 18, "user_id": "2" * 18, "nick": None}),
    ("get_my_user", {}),
]  # fmt: skip


class Item(BaseModel):
    """What a framework's tool takes."""

    sku: str
    count: int = Field(1, ge=1)
    price: float | None = None


ORDER = create_model(
    "order_items", customer=str, items=list[Item], priority=(Literal["low", "high"], "low"), note=(str | None, None), meta=(dict[str, Any] | None, None),
)  # fmt: skip
FRAMEWORK: list[tuple[str, dict[str, Json]]] = [
    ("order_items", {"customer": TEXT, "items": [{"sku": "A", "count": 2.0, "price": None}, {"sku": "B", "price": 1.5}], "note": None}),
    ("order_items", {"customer": "x", "items": [], "priority": "high", "meta": {"a": [1.0, None, 1e21]}}),
]  # fmt: skip


def judged(document: Any, calls: list[tuple[str, dict[str, Json]]]) -> list[dict[str, Json]]:
    """Judge each call as it is sent, by the source's own name; return the canonical arguments."""
    tools = {alias: t for t in tools_from(document, prefix="x").tools for alias in (*t.aliases, t.name, t.name[2:])}  # fmt: skip
    made = []
    with World() as world:
        for name, arguments in calls:
            tool = tools[name]
            world.tracker.add_tool(tool)
            can = may(tool.name, **dict.fromkeys(tool.arguments, anything()))
            called = name if name in tool.aliases else tool.name
            token = world.chain("lead", "a", can=can, effects=[tool.effect])
            decision = world.check(token, "a", called, arguments)
            assert decision.allowed, (name, decision.denial)
            assert decision.tool == tool.name
            sent = json.loads(json.dumps(arguments))
            assert world.tracker.decision(decision.id).access["arguments"] == sent
            made.append(dict(decision.arguments))
    return made


def unchanged(sent: dict[str, Json], canonical: dict[str, Json]) -> bool:
    """Return whether the canonical arguments say the same: null may be absent, 5.0 is 5."""
    return all(canonical.get(name) == value for name, value in sent.items())


@HAS_DATA
@pytest.mark.parametrize(("file", "calls"), [("github-mcp/tools_list.json", MCP), ("discord/openapi.json", REST)], ids=["mcp", "rest"])  # fmt: skip
def test_calls_of_public_tools_are_judged_as_they_are_sent(file: str, calls) -> None:
    """Decomposed letters, CRLF, new emoji, floats for integers, nulls: allowed, recorded as sent, nothing lost."""
    document = read_document((DATA / file).read_text("utf-8"))
    for (_, sent), canonical in zip(calls, judged(document, calls), strict=True):
        assert unchanged(sent, canonical), (sent, canonical)


def test_calls_of_a_frameworks_tool_are_judged_as_they_are_sent() -> None:
    """What the framework makes of the canonical arguments is what it makes of those sent."""
    document = {"tools": [{"name": "order_items", "inputSchema": ORDER.model_json_schema()}]}
    for (_, sent), canonical in zip(FRAMEWORK, judged(document, FRAMEWORK), strict=True):
        assert ORDER.model_validate(sent) == ORDER.model_validate(canonical)
