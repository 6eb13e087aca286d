"""Everything that can be ended is ended from a page in two steps, and the next page says what came of it."""

from __future__ import annotations

import re
from html import unescape

import pytest
from browsing import Browser
from world import NOW, OWNER, World

from delegation import Tool


def seen(answer) -> str:
    """Return what a page shows, without its tags."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))


def busy(world: World):
    """Fill a world with a registered boss and two below; return the leaf's token."""
    world.tracker.add_agent("boss", owner="bo@acme.example", keys=[world.key("boss").public])
    token = world.chain("boss", "a", "b")
    assert world.check(token, "b")
    return token


def fields(page) -> dict[str, str]:
    """Return the hidden fields of the page's own form."""
    form = re.search(r'<form class="stack.*?</form>', page.text, re.DOTALL).group()
    return dict(re.findall(r'type="hidden" name="([a-z]+)" value="([^"]*)"', form))


def take(browser: Browser, act: str, kind: str, subject: str, reason: str = "leaked"):
    """Do both steps, and return the page that follows."""
    preview = browser.get(f"/{act}", params={"kind": kind, "id": subject})
    assert preview.status_code == 200
    given = {name: unescape(value) for name, value in fields(preview).items()}
    done = browser.http.post(f"/{act}", data={**given, "reason": reason})
    assert done.status_code == 303, seen(done)
    return browser.get(done.headers["location"])


SUBJECTS = {
    "an owner of a task": ("owner", OWNER, "3 links ended with this owner"),
    "an owner of an agent": ("owner", "bo@acme.example", "3 links ended with this owner"),
    "a tool": ("tool", "files.read", "3 links that grant it go on without it"),
    "a system": ("system", "files", "3 links that grant it go on without it"),
}


@pytest.mark.parametrize(("kind", "subject", "said"), SUBJECTS.values(), ids=SUBJECTS)
def test_owners_tools_and_systems_are_revoked_from_pages(
    world: World, kind: str, subject: str, said: str
) -> None:
    """The preview counts what the record then shows; calls under it are refused."""
    world.tracker.add_tool(
        Tool("files.read", effect="read", arguments={"path": "path"}, sensitivity=1, system="files")
    )
    token = busy(world)
    browser = Browser(world)
    preview = seen(browser.get("/revoke", params={"kind": kind, "id": subject}))
    assert f"Revoke this {kind}" in preview
    assert world.check(token, "b"), "a preview changes nothing"
    shown = seen(take(browser, "revoke", kind, subject))
    assert said in shown
    assert not world.check(token, "b")
    assert "That did not work" not in shown
    again = seen(browser.get("/revoke", params={"kind": kind, "id": subject}))
    assert "revoked already, by reviewer" in again


def test_the_receipt_names_the_last_allowance_what_was_refused_and_who_has_confirmed(
    world: World,
) -> None:
    """Last allowance, refusals since and replicas are those of the store, and move with it."""
    token = busy(world)
    last = world.check(token, "b")
    replica = world.tracker.register_replica(by="gateway")
    browser = Browser(world)
    page = take(browser, "revoke", "link", str(token.chain.links[1].id))
    place = str(page.url).partition("testserver")[2]
    assert f'href="/decisions/{last.id}"' in page.text
    shown = seen(page)
    assert "0 calls at step 10" in shown
    assert "“" not in shown
    assert "leaked" in shown
    assert f"not yet confirmed {replica.name}" in shown
    assert "0 of 1 verifiers outside the store have applied it" in shown
    assert not world.check(token, "b")
    world.tracker.poll_replica(replica.name, by="gateway", after=10**6)
    later = seen(browser.get(place))
    assert "1 call at step 10" in later
    assert f"confirmed {replica.name}" in later
    assert "1 of 1 verifiers outside the store have applied it" in later
    told = world.tracker.ending(int(re.search(r"/endings/(\d+)", place).group(1)))
    assert (told.last_allowance.id, told.refused_since, told.holds) == (last.id, 1, True)
    assert told.change.barrier.is_confirmed


def test_operators_freeze_and_end_the_freeze_with_a_receipt(world: World) -> None:
    """Nothing is allowed between the two; the signed receipt says the same as the page."""
    from delegation.identity.freeze import check_freeze

    token = busy(world)
    last = world.check(token, "b")
    browser = Browser(world, "operator")
    assert "Freeze everything" in seen(browser.get("/endings"))
    page = take(browser, "suspend", "everything", "*", "incident 7")
    shown = seen(page)
    assert "Frozen" in shown
    assert "3 links of open tasks wait to be resumed" in shown
    assert not world.check(token, "b")
    receipt = re.search(r"<pre>([^<]+)</pre>", page.text).group(1)
    said = check_freeze(receipt, world.tracker.public_ring())
    assert said["last_allowance"]["decision"] == last.id
    assert "Frozen : no call is allowed at all" in seen(browser.get("/endings"))
    over = seen(take(browser, "resume", "everything", "*", "over"))
    assert "resumed" in over
    assert world.check(token, "b")
    assert "Nothing is suspended" in seen(browser.get("/endings"))


def test_a_suspension_is_resumed_and_each_change_keeps_its_page(world: World) -> None:
    """Epochs are shown; the page of an ended suspension says that it no longer decides."""
    token = busy(world)
    browser = Browser(world, "operator")
    page = take(browser, "suspend", "agent", "boss", "odd calls")
    place = str(page.url).partition("testserver")[2].partition("?")[0]
    epoch = int(place.rpartition("/")[2])
    assert "3 links stopped with this agent" in seen(page)
    assert f"epoch {epoch}" in seen(page)
    assert f'href="/endings/{epoch}"' in browser.get("/endings").text
    assert "bring back 3 links" in seen(browser.get("/resume?kind=agent&id=boss"))
    assert "3 links" in seen(browser.get("/revoke?kind=agent&id=boss")), "they would end for good"
    assert [one.subject.id for one in world.tracker.suspensions()] == ["boss"]
    take(browser, "resume", "agent", "boss", "it was a test")
    assert world.check(token, "b")
    assert "no longer decides" in seen(browser.get(place))
    assert world.tracker.suspensions() == []
    assert "there is nothing to resume" in seen(browser.get("/resume?kind=agent&id=boss"))


def test_reviewers_revoke_but_neither_suspend_nor_freeze(world: World) -> None:
    """The pages and the posts of operators are closed to others; approvers see none of it."""
    busy(world)
    reviewer = Browser(world)
    for act in ("suspend", "resume"):
        assert reviewer.get(f"/{act}?kind=agent&id=boss").status_code == 403
        sent = {"kind": "agent", "id": "boss", "shown": "3", "reason": "x"}
        assert reviewer.post(f"/{act}", "/endings", sent).status_code == 403
    assert "Freeze everything" not in seen(reviewer.get("/endings"))
    assert "Only operators freeze" in seen(reviewer.get("/endings"))
    approver = Browser(world, name="ada")
    world.tracker.create_api_key(
        "cleo", "approver", person="cleo@acme.example", approves_as=["lead"]
    )
    approver.name = "cleo"
    approver.log_in()
    for path in ("/endings", "/endings/1", "/revoke?kind=agent&id=boss", "/suspend", "/log"):
        assert approver.get(path).status_code == 403, path
    assert [one for one in world.tracker.revocations() if one.act != "register"] == []


@pytest.mark.parametrize("act", ["revoke", "suspend", "resume"])
@pytest.mark.parametrize(
    "broken", [{"csrf": "0" * 64}, {"reason": ""}, {"reason": " "}, {"shown": "x"}, {"id": "\x00"}, {"kind": "x"}],
    ids=lambda b: next(iter(b)),
)  # fmt: skip
def test_a_forged_or_broken_post_ends_nothing(world: World, act: str, broken: dict) -> None:
    """Each is refused with a page, and nothing is recorded."""
    busy(world)
    browser = Browser(world, "operator")
    before = world.tracker.numbers()["epoch"]
    given = {"kind": "agent", "id": "boss", "shown": "3", "reason": "x"}
    answer = browser.post(f"/{act}", "/endings", {**given, **broken})
    assert answer.status_code in {403, 404, 422}
    assert world.tracker.numbers()["epoch"] == before


@pytest.mark.parametrize(
    "path",
    ["/endings/0", "/endings/99999", "/endings/-1", "/endings/x", f"/endings/{10**40}", "/endings/1?shown=x",
     "/revoke?kind=everything&id=*", "/revoke?kind=tool&id=none", "/revoke?kind=owner&id=%00", "/suspend?kind=everything&id=x", "/suspend?kind=nothing", "/resume?kind=system&id="],
)  # fmt: skip
def test_nothing_that_is_asked_of_endings_is_a_fault(world: World, path: str) -> None:
    """Unknown and hostile addresses are refused."""
    busy(world)
    assert Browser(world, "operator").get(path).status_code in {404, 422}


def test_a_hostile_reason_is_text(world: World) -> None:
    """What others wrote as a reason is shown, never obeyed."""
    busy(world)
    world.tracker.suspend("agent", "boss", by="<i>x", reason="<script>alert(1)</script>")
    browser = Browser(world)
    epoch = world.tracker.suspensions()[0].epoch
    for path in ("/endings", f"/endings/{epoch}", "/revoke?kind=agent&id=boss"):
        page = browser.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<i>x" not in page.text
    assert world.at == NOW
