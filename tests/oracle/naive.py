"""A second, naive evaluator: it reads payload JSON, intersects all ancestors' grants, and shares no code
with `delegation.authority`. Slow and plain on purpose: an oracle must be easy to believe.
"""

from __future__ import annotations

import json


def admitted(payloads, tool, arguments, *, audience, purpose, now, catalogue):
    """Return whether every grant on the chain admits the call by itself."""
    return all(
        _grant_admits(json.loads(p)["grant"], tool, arguments, audience, purpose, now, catalogue)
        for p in payloads
    )


def _grant_admits(grant, tool, arguments, audience, purpose, now, catalogue):
    definition = catalogue[tool]
    if now < grant["not_before"] or now >= grant["expires_at"]:
        return False
    if audience not in grant["audience"] or definition["effect"] not in grant["effects"]:
        return False
    if definition["sensitivity"] > grant["max_sensitivity"]:
        return False
    words, held = purpose.split("/"), [w for w in grant["purpose"].split("/") if w]
    if words[: len(held)] != held:
        return False
    return any(_capability_admits(c, tool, arguments) for c in grant["capabilities"])


def _capability_admits(capability, tool, arguments):
    if not _segments(capability["tool"].split("."), tool.split(".")):
        return False
    rules = capability["arguments"]
    if any(name not in rules for name in arguments):
        return False
    if not all(
        _value(rule, name in arguments, arguments.get(name)) for name, rule in rules.items()
    ):
        return False
    touched = ["mail:acme/" + arguments["to"].replace("@", "%40")] if tool == "mail.send" else []
    return all(
        any(_segments(r.split("/"), t.split("/")) for r in capability["resources"]) for t in touched
    )


def _segments(pattern, name):
    if not pattern:
        return not name
    if pattern == ["**"]:
        return len(name) >= 1
    return bool(name) and pattern[0] in ("*", name[0]) and _segments(pattern[1:], name[1:])


def _same(a, b):
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def _value(rule, given, value):
    ((kind, body),) = rule.items()
    if kind == "any":
        return True
    if kind == "absent":
        return not given
    if kind in ("all", "any_of"):
        results = [_value(part, given, value) for part in body]
        return all(results) if kind == "all" else any(results)
    if not given:
        return False
    if kind == "members":
        return isinstance(value, dict) and all(
            _value(part, name in value, value.get(name)) for name, part in body.items()
        )
    if kind == "exact":
        return _same(value, body)
    if kind == "one_of":
        return any(_same(value, other) for other in body)
    if kind == "not_one_of":
        return not any(_same(value, other) for other in body)
    if kind == "range":
        is_number = isinstance(value, int) and not isinstance(value, bool)
        low, high = body["min"], body["max"]
        return is_number and (low is None or value >= low) and (high is None or value <= high)
    if kind == "length":
        return isinstance(value, str | list) and body["min"] <= len(value) <= body["max"]
    if kind == "email":
        return any(value == d if "@" in d else value.split("@")[1] == d for d in body["domains"])
    if kind == "path":
        return any(value == top or value.startswith(top.rstrip("/") + "/") for top in body["under"])
    raise AssertionError(kind)
