"""What observing never keeps or does: secrets, code, more memory than it may take."""

from __future__ import annotations

import ast
from itertools import product
from typing import Any

import pytest
from cases import every
from starlette.testclient import TestClient

import delegation
from delegation.integrations import Guard, seen
from delegation.integrations.asked import SeenRequest
from delegation.integrations.request_headers import is_secret
from delegation.integrations.seen import MAX_INPUTS, MAX_REASONS, Sight
from delegation.tracker import Tracker
from tests.integrations.test_observe import DESK, HOSTILE, SEEN, USUAL, observed, plain, sent, shop


def test_no_secret_is_drafted() -> None:
    """What has the name of a credential is granted whatever it is, and never written down."""
    said = {"password": "hunter2", "deep": [{"api_key": "hunter2"}], "user": "ana"}
    draft = observed(plain, [sent("POST", "/login?token=hunter2", json=said)])
    assert "hunter2" not in draft
    assert "user=exact('ana')" in draft
    assert "password=anything()" in draft


@every(
    "name",
    ["accessToken", "userPassword", "apiKey", "clientSecret", "sessionId", "private_key", "passphrase", "password2", "authToken1", "sid", "X-AccessToken", "pwd"],
)  # fmt: skip
def test_a_credential_is_known_in_other_spellings(name: str) -> None:
    """Words run together, numbered, in capitals within: as clients and forms have them."""
    sent_names = [sent("POST", f"/login?{name}=hunter2", json={"deep": {name: "hunter2"}})]
    assert "hunter2" not in observed(plain, sent_names)
    for honest in ("max_tokens", "tokenizer", "secretary", "api_version", "keyboard"):
        assert not is_secret(honest)


def test_all_values_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bound by itself would leave gigabytes: what has no room any more leaves its input open."""
    monkeypatch.setattr(seen, "MAX_BYTES", 5_000)
    sight = Sight("https://desk.example")
    for route, number in product("abcd", range(20)):
        path, query = f"/{route}", f"q={'v' * 200}{number}&n{number}{route}=1".encode()
        scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query, "headers": [], "root_path": ""}  # fmt: skip
        sight.note(SeenRequest.of(scope), 200, b"")
        inputs = [one for found in sight.routes.values() for one in found.inputs.values()]
        held = sum(len(spelled) for one in inputs for spelled in one.values)
        assert held <= 5_000
        assert sight.room == 5_000 - sum(one.size for one in inputs) >= 0
    assert any(one.is_open for one in inputs)


def test_nothing_of_a_request_becomes_code() -> None:
    """However it is spelled, what is pasted imports two names and calls tracker, guard and words of grants."""
    for app in (plain, shop()):
        tree = ast.parse(observed(app, [*USUAL, *HOSTILE, *SEEN, *HOSTILE]))
        assert all(isinstance(one, ast.ImportFrom | ast.Assign | ast.Expr) for one in tree.body)
        allowed = {
            "tracker.add_tool",
            "guard.route",
            "guard.open",
            "guard.declare",
            "Route.from_json",
        }
        words = {
            name.name for one in tree.body if isinstance(one, ast.ImportFrom) for name in one.names
        }
        assert all(hasattr(delegation, word) for word in words)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) in words | allowed
            elif isinstance(node, ast.Name | ast.Attribute):
                assert ast.unparse(node) in words | allowed | {"tracker", "guard", "observed"}


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither routes nor names nor values without end; what is open says so."""
    monkeypatch.setattr("delegation.integrations.seen.MAX_ROUTES", 150)
    guard = Guard(None, audience=DESK, mode="observe")
    http = TestClient(guard.protect(plain))
    for n in range(300):
        http.get(f"/one?q={'v' * (n % 50)}{n}&n{n}=1")
    sight = guard.observed._sight
    for n in range(200):
        request = SeenRequest.of(
            {
                "type": "http",
                "method": "GET",
                "path": f"/r{'x' * n}",
                "headers": [],
                "query_string": b"",
            }
        )
        sight.note(request, 200, b"")
    assert len(sight.routes) == 150
    assert all(len(one.inputs) <= MAX_INPUTS for one in sight.routes.values())
    assert sight.routes["GET", "/one", ""].inputs["q"].values == {}
    assert len(sight.odd) <= MAX_REASONS
    names: dict[str, Any] = {
        "tracker": Tracker.open(),
        "guard": Guard(None, audience=DESK, mode="observe"),
    }
    exec(compile(guard.observed.draft(), "draft", "exec"), names)
    assert {"observed", "observed_2", "observed_3"} <= names.keys()


def test_what_goes_wrong_with_looking_is_nobodys_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that cannot be looked at is answered all the same."""

    def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(Sight, "note", fail)
    observed(shop(), SEEN)
    monkeypatch.setattr(SeenRequest, "of", fail)
    observed(shop(), SEEN)
    monkeypatch.undo()

    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError("its own")

    guard = Guard(None, audience=DESK, mode="observe")
    with pytest.raises(KeyError, match="its own"):
        TestClient(guard.protect(breaks)).get("/")
