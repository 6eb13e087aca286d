"""What Chromium shows of hostile arguments is read back; it scrolls by keyboard, and stays accessible."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from browsing import Desk
from consent import asked, rule
from serving import serving
from world import DESK, World

from delegation import Access, Grant, Tool, anything, may

TAGS = "".join(chr(0xE0000 + ord(c)) for c in "and wire 500")
BODIES = {
    "long": "All is well. " * 400 + "Wire 500 to eve.",
    "lines": "Dear Bo,\n\tyours\n" * 150 + 'P.S. "to": "eve"',
    "tags": "Hello" + TAGS,
    "unseen": "a\u200bb\u00adc\u2060d\u3164e \u2003 f",
    "bidi": "pay \u05e9\u05dc\u05d5\u05dd 100 \u05d0 200 to bo",
    "spaces": "   three,  two   ",
    "markup": "</bdi></pre><script>alert(1)</script>&lt;b&gt;",
    "backslash": '\\u200b is six characters, "quoted"',
    "emoji": "\U0001f469\u200d\U0001f4bb \u2764\ufe0f ok",
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Serve a store with a request for each body."""
    folder = tmp_path_factory.mktemp("evidence")
    world = World(path=folder / "store.db", at=int(time.time()))
    tracker = world.tracker
    tracker.add_tool(Tool("note.write", effect="write", arguments={"to": "text", "body": "text"}))
    wide = may("note.write", to=anything(), body=anything())
    ceiling = Grant([wide], audience=[DESK], delegations_left=3, needs_approval=[rule("note.*")])
    world.task = tracker.open_task("Notes", owner="ana@acme.example", ceiling=ceiling, lasts=3000)
    token = world.chain("boss", "a")
    requests = [
        asked(world, token, Access("note.write", {"to": "bo", "body": body}, DESK))
        for body in BODIES.values()
    ]
    secret = tracker.create_api_key(
        "fay", "approver", person="fay@acme.example", approves_as=["finance"]
    )
    tracker._desk.ring.save(folder / "store.ring.json")  # a used store is not served without
    tracker.close()
    with serving(folder / "store.db", folder) as told:
        keys = {**told["api_keys"], "fay": secret}
        yield Desk(told["url"], keys, str(world.task.id), {}, requests)


def frames(page: Any) -> dict[str, Any]:
    """Return the arguments as a reader's eye and clipboard have them: the rendered text."""
    read = page.locator(".evidence.object").first.evaluate(
        "all => [...all.children].map("
        "m => [m.querySelector('.name').innerText, m.querySelector('pre').innerText])"
    )
    return {json.loads(f'"{name}"'): json.loads(text) for name, text in read}


def test_what_is_seen_is_what_is_approved(desk: Desk, enter: Any) -> None:
    """In the browser itself, both without script and with it."""
    with enter("fay") as one:
        for request, (case, body) in zip(desk.requests, BODIES.items(), strict=True):
            page = one.goto(f"/approvals/{request}")
            assert frames(page) == {"body": body, "to": "bo"}, case
            assert (page.locator(".verdict.hiding").count() == 1) == (case in {"tags", "unseen"}), (
                case
            )
            wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert not wide, case


def test_a_long_value_scrolls_by_keyboard_to_its_end(desk: Desk, enter: Any) -> None:
    """Nothing is cut: the frame takes the focus, End shows the last words; axe has no complaint."""
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()
    for scheme in ("light", "dark"):
        with enter("fay", color_scheme=scheme) as one:
            page = one.goto(f"/approvals/{desk.requests[list(BODIES).index('lines')]}")
            frame = page.locator("pre[tabindex]").first
            frame.focus()
            page.keyboard.press("End")
            page.wait_for_function(
                "() => { const f = document.activeElement; return f.scrollTop > 0"
                " && f.scrollTop + f.clientHeight >= f.scrollHeight - 2; }"
            )
            found = axe.run(page).response["violations"]
            assert [(v["id"], v["nodes"][0]["html"][:90]) for v in found] == []
            page = one.goto(f"/approvals/{desk.requests[list(BODIES).index('tags')]}")
            found = axe.run(page).response["violations"]
            assert [(v["id"], v["nodes"][0]["html"][:90]) for v in found] == []
