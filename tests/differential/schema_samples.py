"""Random schemas, and random values that are near to what a schema admits."""

from __future__ import annotations

import random
from typing import Any

NAMES = ("a", "b", "filter[name]", "X-Id")
TEXTS = ("", "a", "ab", "abc", "AB12", "a b", "é", "2026-11-30", "12.5", "a,b", "x" * 12)
NUMBERS = (-3, -1, 0, 1, 2, 3, 5, 10, 0.5, 2.5, -0.1, 1e3)
PATTERNS = ("^[a-z]+$", "^[A-Z]{2}[0-9]{2}$", "b", "^(a|ab)$", "^a", "[0-9]$", "(?=a)", "^x{3,5}$")
WORDS = ("a", "ab", 1, 2.5, True, False, None, "12.5")


def schema(rng: random.Random, depth: int = 3) -> Any:
    """Return a random schema of the 2020-12 dialect, without references."""
    if rng.random() < 0.03:
        return rng.choice([True, {}, {"description": "anything"}])
    if depth and rng.random() < 0.22:
        return _combined(rng, depth)
    kinds = ["string", "integer", "number", "boolean", *(["array", "object"] * 2 if depth else [])]
    kind = rng.choice(kinds)
    made: dict[str, Any] = {"type": kind}
    if rng.random() < 0.15:
        made["type"] = [kind, "null"] if rng.random() < 0.8 else [kind, rng.choice(kinds)]
    if kind == "string":
        _some(
            rng,
            made,
            minLength=rng.randint(0, 3),
            maxLength=rng.randint(1, 5),
            pattern=rng.choice(PATTERNS),
        )
    if kind in {"integer", "number"}:
        _some(
            rng, made, minimum=rng.choice(NUMBERS), maximum=rng.choice(NUMBERS), exclusiveMinimum=rng.choice(NUMBERS),
            exclusiveMaximum=rng.choice(NUMBERS), multipleOf=rng.choice([2, 3, 0.5, 2.5, 0.1]), rare=0.2,
        )  # fmt: skip
    if kind == "array":
        made["items"] = schema(rng, depth - 1)
        _some(
            rng,
            made,
            minItems=rng.randint(0, 2),
            maxItems=rng.randint(0, 4),
            uniqueItems=True,
            contains={"const": 1},
            rare=0.15,
        )
        _some(rng, made, prefixItems=[schema(rng, 0)], rare=0.05)
    if kind == "object":
        names = rng.sample(NAMES, rng.randint(0, 3))
        made["properties"] = {name: schema(rng, depth - 1) for name in names}
        _some(rng, made, required=rng.sample(names, rng.randint(0, len(names))), rare=0.6)
        _some(
            rng, made, additionalProperties=rng.choice([False, False, True, {"type": "string"}]), minProperties=rng.randint(0, 2),
            maxProperties=rng.randint(0, 3), dependentRequired={"a": ["b"]}, propertyNames={"maxLength": 3},
            patternProperties={"^x": {"type": "string"}}, rare=0.1,
        )  # fmt: skip
    if rng.random() < 0.12:
        made["enum"] = rng.sample(WORDS, rng.randint(1, 4))
    if rng.random() < 0.04:
        made["const"] = rng.choice(WORDS)
    if rng.random() < 0.03:
        made["not"] = {"enum": [rng.choice(WORDS)]}
    if rng.random() < 0.03:
        made |= {"if": {"minLength": 2}, "then": {"pattern": "^a"}}
    return made


def _some(rng: random.Random, made: dict[str, Any], *, rare: float = 0.3, **options: Any) -> None:
    made |= {key: value for key, value in options.items() if rng.random() < rare}


def _combined(rng: random.Random, depth: int) -> Any:
    parts = [schema(rng, depth - 1) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.4:
        parts.append({"type": "null"})
    if rng.random() < 0.2:
        parts = [{"const": word} for word in rng.sample(WORDS, 3)]
    base = schema(rng, 0) if rng.random() < 0.2 else {}
    rest = base if isinstance(base, dict) else {}
    return {**rest, rng.choice(["allOf", "anyOf", "oneOf", "anyOf", "oneOf"]): parts}


def value(rng: random.Random, of: Any, root: Any, depth: int = 8) -> Any:
    """Return a value that is near to what a schema admits: admitted, or off by a little."""
    if rng.random() < 0.04 or not isinstance(of, dict) or depth == 0:
        return _any(rng)
    if "$ref" in of:
        found = root
        for part in of["$ref"].split("/")[1:]:
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return value(rng, found, root, depth - 1)
    for key in ("allOf", "anyOf", "oneOf"):
        if isinstance(of.get(key), list) and of[key] and rng.random() < 0.9:
            if key != "allOf":
                return value(rng, rng.choice(of[key]), root, depth - 1)
            made = [
                value(rng, part, root, depth - 1)
                for part in [*of[key], {k: v for k, v in of.items() if k != key}]
            ]
            dicts = [one for one in made if isinstance(one, dict)]
            return {k: v for one in dicts for k, v in one.items()} if dicts else rng.choice(made)
    if "const" in of and rng.random() < 0.9:
        return of["const"]
    if of.get("enum") and rng.random() < 0.9:
        return rng.choice(of["enum"])
    kinds = of.get("type", "object" if "properties" in of else None)
    kind = rng.choice(kinds) if isinstance(kinds, list) else kinds
    if kind == "object":
        names = of.get("properties", {})
        needed = of.get("required", [])
        return {
            name: value(rng, part, root, depth - 1)
            for name, part in names.items()
            if rng.random() < (0.97 if name in needed else 0.4 * depth / 8)
        }
    if kind == "array":
        least = of.get("minItems", 0)
        many = max(0, min(least + rng.randint(0, 2), of.get("maxItems", 3) + rng.randint(0, 1), 40))
        return [value(rng, of.get("items", True), root, depth - 1) for _ in range(many)]
    if kind == "string":
        return _text(rng, of)
    if kind in {"integer", "number"}:
        bounds = [
            of[k]
            for k in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
            if type(of.get(k)) in {int, float}
        ]
        near = (
            rng.choice(bounds) + rng.choice([-1, 0, 0, 1])
            if bounds and rng.random() < 0.7
            else rng.choice(NUMBERS)
        )
        return int(near) if kind == "integer" and near == int(near) and rng.random() < 0.8 else near
    if kind == "boolean":
        return rng.random() < 0.5
    return None if kind == "null" else _any(rng)


_BY_FORMAT = {
    "uri": "https://acme.example/x", "email": "ana@acme.example", "date": "2026-11-30", "date-time": "2026-11-30T07:00:00Z",
    "uuid": "0b0a9c0e-5a3c-4b1e-9d53-0123456789ab",
}  # fmt: skip


def _text(rng: random.Random, of: dict[str, Any]) -> str:
    if of.get("format") in _BY_FORMAT and rng.random() < 0.9:
        return _BY_FORMAT[of["format"]]
    made = rng.choice(TEXTS)
    least, most = of.get("minLength", 0), of.get("maxLength", 12)
    if rng.random() < 0.7:
        made = (
            (made + "a0" * 200)[: max(least, min(most, max(len(made), least)))]
            if least < 400
            else made
        )
    return made[: most + 1] if rng.random() < 0.9 else made


def _any(rng: random.Random) -> Any:
    return rng.choice(
        [*TEXTS, *NUMBERS, True, False, None, [], ["a"], {}, {"a": 1}, {"a": "ab", "b": None}]
    )


def is_open(schema: Any, value: Any) -> bool:
    """Return whether a value has members that its schema does not name, which types refuse."""
    names = set()
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            names |= set(one.get("properties", {}))
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if not one.keys() <= names or None in one.values():
                return True
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False
