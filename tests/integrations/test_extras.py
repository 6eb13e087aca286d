"""What is not installed is asked for by its extra's name, at the start where that is known then."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from delegation import Tool, anything, may
from delegation.authority.documents.schema import FILE
from delegation.errors import MissingExtraError
from delegation.integrations import Guard
from delegation.integrations.signing import Signer
from delegation.testing import World

ROOT = Path(__file__).parents[2]
CORE = {"delegation", "nacl", "idna", "linkify_it", "biscuit_auth", "pymacaroons"}
OF_THE_APPLICATION = {"fastapi", "starlette"}  # asked for where an application of theirs was given
FORM = "multipart/form-data; boundary=b"
BODY = b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--b--\r\n'
ARGUMENTS = {"note": "text", "file?": FILE}


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Answer everything."""
    while scope["type"] == "http" and (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def guard(world: World, mode: str = "enforce") -> Guard:
    """Return a guard of a route with a form."""
    made = Guard(world.tracker, audience=world.audience, mode=mode, clock=world.clock)
    if mode == "enforce":
        world.tracker.add_tool(Tool("shop.up", effect="write", arguments=ARGUMENTS))
        made.route("POST", "/up", "shop.up", form=["note"], files=["file"])
    return made


@pytest.fixture
def without_forms(monkeypatch) -> None:
    """Let no parser of forms be installed."""
    monkeypatch.setitem(sys.modules, "python_multipart", None)


def is_told(error: MissingExtraError) -> bool:
    """Return whether the sentence names the extra, and the remedy installs it."""
    return error.extra == "forms" and "'forms'" in str(error) and "[forms]" in error.remedy


@pytest.mark.usefixtures("without_forms")
def test_a_guard_of_forms_asks_for_them_before_it_starts() -> None:
    """Not at the first form that comes."""
    with pytest.raises(MissingExtraError) as found:
        guard(World()).protect(bare)
    assert is_told(found.value)


@pytest.mark.usefixtures("without_forms")
def test_a_signer_of_a_form_asks_for_them_and_signs_all_else() -> None:
    """Nothing is sent that the service would refuse."""
    world = World()
    routes = guard(world).routes()
    token = world.chain(
        "a", can=may("shop.up", note=anything(), file=anything()), effects=["write"]
    )
    signer = Signer(token, world.key("a"), routes, base=world.audience)
    with pytest.raises(MissingExtraError) as found:
        signer.headers("POST", f"{world.audience}/up", [("content-type", FORM)], BODY)
    assert is_told(found.value)
    plain = [("content-type", "application/x-www-form-urlencoded")]
    assert signer.headers("POST", f"{world.audience}/up", plain, b"note=hello")


@pytest.mark.usefixtures("without_forms")
def test_observing_goes_on_without_them() -> None:
    """The form reaches the application, and the draft says what it lacks."""
    watching = guard(World(), "observe")
    answer = TestClient(watching.protect(bare)).post("/up", content=BODY, headers={"content-type": FORM})  # fmt: skip
    assert (answer.status_code, answer.text) == (200, "ok")
    assert "'forms'" in watching.observed.draft()


def test_with_them_all_three_work() -> None:
    """The same form, signed, judged and drafted."""
    world = World()
    made = guard(world)
    token = world.chain(
        "a", can=may("shop.up", note=anything(), file=anything()), effects=["write"]
    )
    signed = Signer(token, world.key("a"), made.routes(), base=world.audience).headers(
        "POST", f"{world.audience}/up", [("content-type", FORM)], BODY
    )
    http = TestClient(made.protect(bare), base_url=world.audience)
    assert http.post("/up", content=BODY, headers={**signed, "content-type": FORM}).text == "ok"


def test_who_calls_or_serves_has_the_forms() -> None:
    """`client` signs, `server` and `all` guard: none of them finds it missing at run time."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]  # fmt: skip

    def named(extra: str) -> set[str]:
        found = {extra}
        for one in extras[extra]:
            if one.startswith("delegation-chain["):
                inner = one.partition("[")[2].rstrip("]").split(",")
                found |= set().union(*(named(each) for each in inner))
        return found

    assert all("forms" in named(extra) for extra in ("client", "cli", "server", "all"))
    assert named("all") | {"dev", "bench"} == extras.keys()


def test_every_other_library_is_asked_for_by_its_extra() -> None:
    """In each file of the doors: what is not always there is imported where a sentence follows."""
    seen: set[str] = set()
    for file in (ROOT / "delegation" / "integrations").rglob("*.py"):  # the client asks as a whole
        tree = ast.parse(file.read_text())
        told = {
            id(node)
            for block in ast.walk(tree)
            if isinstance(block, ast.Try) and "MissingExtraError" in ast.unparse(block.handlers)
            for node in ast.walk(block)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Import | ast.ImportFrom) or id(node) in told:
                continue
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]  # fmt: skip
            for name in names:
                top = name.split(".")[0]
                if top not in sys.stdlib_module_names | CORE | OF_THE_APPLICATION:
                    seen.add(f"{file.name}: {name}")
    assert seen == {"multipart.py: python_multipart.exceptions"}  # of what was imported before
