"""What must not change of the service: what it publishes, and what it answers to one story over every operation.

`python -m frozen` from `tests/` writes the files anew, after a change that is meant.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from cli_tree import commands
from story import Story

FOLDER = Path(__file__).parent / "data" / "frozen"
METHODS = ("get", "post", "delete", "put", "patch")


def resolved(schema: Any, known: dict[str, Any]) -> Any:
    """Return a schema with what it refers to in its place, without titles."""
    if isinstance(schema, list):
        return [resolved(one, known) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return resolved(known[schema["$ref"].rsplit("/", 1)[1]], known)
    is_named = isinstance(schema.get("properties"), dict)
    return {
        name: {key: resolved(one, known) for key, one in value.items()}
        if name == "properties"
        else resolved(value, known)
        for name, value in schema.items()
        if name != "title" and not (name == "description" and is_named)
    }


def published(document: dict[str, Any]) -> dict[str, Any]:
    """Return of each operation its parameters, its body with its name, and how it succeeds."""
    known = document["components"]["schemas"]
    found = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method not in methods:
                continue
            told = methods[method]
            body = told.get("requestBody", {}).get("content", {})
            sent = {
                kind: {
                    "name": one["schema"].get("$ref", "").rsplit("/", 1)[-1],
                    "schema": resolved(one["schema"], known),
                }
                for kind, one in body.items()
            }
            found[f"{method.upper()} {path}"] = {
                "parameters": sorted(
                    (
                        {
                            "name": p["name"],
                            "in": p["in"],
                            "required": p.get("required", False),
                            "schema": {
                                k: v
                                for k, v in resolved(p["schema"], known).items()
                                if k != "description"
                            },
                            "description": p.get("description", ""),
                        }
                        for p in told.get("parameters", [])
                    ),
                    key=lambda p: (p["in"], p["name"]),
                ),
                "body": sent,
                "success": sorted(s for s in told["responses"] if s.startswith("2")),
                "tags": told.get("tags", []),
            }
    return found


def template_of(paths: dict[str, Any], method: str, path: str) -> str | None:
    """Return the published path that a request is for, None if there is none."""
    found = [
        one
        for one, methods in paths.items()
        if method.lower() in methods
        and re.fullmatch(re.sub(r"\\{[^}]*\\}", ".+", re.escape(one)), path)
    ]
    return max(found, key=lambda one: len(re.sub("{[^}]*}", "", one)), default=None)


def help_digests() -> dict[str, str]:
    """Return of each command the digest of what it says of itself, however wide it is drawn."""
    found = {}
    for path, command in commands():
        said = [
            (p.opts, p.secondary_opts, p.required, str(p.default), getattr(p, "help", None))
            for p in command.params
        ]
        text = json.dumps([command.help, said], default=str)
        found[" ".join(path)] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return found


def now() -> dict[str, Any]:
    """Return all that is frozen, as it is now."""
    story = Story()
    document = story.service.app.openapi()
    return {"openapi": published(document), "answers": story.live(), "help": help_digests()}


def text_of(value: Any) -> str:
    """Return JSON with one line for each operation, answer or command."""
    is_list = isinstance(value, list)
    rows = value if is_list else [{name: value[name]} for name in sorted(value)]
    lines = [json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows]
    return "\n".join(lines) + "\n"


def frozen(name: str) -> list[Any]:
    """Return the lines of a frozen file."""
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


if __name__ == "__main__":
    for name, value in now().items():
        (FOLDER / f"{name}.jsonl").write_text(text_of(value), "utf-8")
