"""Every question has a page that a stranger finds from the home page, and says what the tracker says."""

from __future__ import annotations

import re
from html import unescape

import pytest
from browsing import Browser
from world import DESK, NOW, READ, World

from delegation import Access, Grant, email, may, text


@pytest.fixture
def browser(world: World) -> Browser:
    """Return a browser with a reviewer's session."""
    return Browser(world)


def seen(answer) -> str:
    """Return what a page shows, without its tags."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))


def busy(world: World):
    """Fill a world with what every question needs; return the leaf's token and its denied call."""
    world.tracker.add_agent("boss", owner="ana@acme.example", keys=[world.key("boss").public])
    token = world.chain("boss", "a", "b")
    first = world.check(token, "b")
    cause = Access("files.read", {"path": "/b"}, DESK, purpose="desk", cause=first.id)
    world.check(token, "b", cause)
    denied = world.check(token, "b", world.access("ops.restart", host="h.example"))
    return token, denied


QUESTIONS = {
    "who delegated what to whom": r"Who delegated what to whom.*boss.*unnamed",
    "what could an agent do": r"Could use 3 tools by 1 link.*mail\.send",
    "which path gave authority for this call": r"The fourteen steps.*What it looked at.*The chain it was judged on.*boss",
    "the caveat that stopped it": r"Denied at step 8.*tool_not_granted|denied at step 8",
    "claimed causes": r"Causes, claimed.*claims this as its cause",
    "how could it reach a tool": r"It could, by 1 chain.*link 0",
    "why could it not": r"It could not.*Why not.*not_granted",
    "what did each link give up": r"How it got this authority.*Handed on unchanged|How it got this authority.*→",
    "what could this link do": r"What could it do.*reaches 3 tools.*Unknown until a call",
    "blast radius": r"A thief could call 3 tools",
    "granted and never used": r"never used 2 of 3 tools.*The grant without what was never used.*Grant\(",
    "findings": r"Findings.*orphaned",
    "risk score": r"effect x \(1 \+ sensitivity\) x \(tools \+ depth \+ hours\).*= \d+",
    "what changed": r"What changed.*added.*revoked.*narrowed",
    "what would survive": r"Revoke this link and end \d link.*Would end.*Would survive",
}


def test_a_stranger_answers_each_question_within_four_clicks(
    world: World, browser: Browser
) -> None:
    """Follow links from the home page, nearest first; each answer is on a page at most four away."""
    busy(world)
    clicks = {"/": 0}
    waiting, left = ["/"], dict(QUESTIONS)
    while waiting and left:
        path = waiting.pop(0)
        answer = browser.get(path)
        assert answer.status_code == 200, path
        shown = seen(answer)
        left = {
            name: wanted
            for name, wanted in left.items()
            if not re.search(wanted, shown, re.DOTALL | re.IGNORECASE)
        }
        if clicks[path] < 4:
            for further in re.findall(r'href="(/[^"#]*)', answer.text):
                place = unescape(further)
                if place not in clicks and not place.startswith("/static/"):
                    clicks[place] = clicks[path] + 1
                    waiting.append(place)
    assert not left


def test_the_top_exposed_path_can_be_computed_by_hand(world: World, browser: Browser) -> None:
    """The home page shows score, formula and numbers; they agree."""
    busy(world)
    shown = seen(browser.get("/"))
    score, effect, sensitivity, tools, depth, hours, total = map(
        int,
        re.search(
            r"Score (\d+) .*?(\d+) x \(1 \+ (\d+)\) x \((\d+) \+ (\d+) \+ (\d+)\) = (\d+)", shown
        ).groups(),
    )
    assert score == total == effect * (1 + sensitivity) * (tools + depth + hours)
    assert (effect, sensitivity, tools, depth, hours) == (3, 2, 3, 2, 1)


def test_revoking_takes_two_steps_and_shows_it_gone(world: World, browser: Browser) -> None:
    """A preview changes nothing; the post needs its token; afterwards the link is gone."""
    token, _ = busy(world)
    place = f"/links/{token.chain.links[1].id}/revoke"
    preview = seen(browser.get(place))
    assert "Revoke this link and end 2 links?" in preview
    assert "1 other link of the same task goes on" in preview
    assert world.check(token, "b")
    fields = {"kind": "link", "id": token.chain.links[1].id, "shown": "2", "reason": "too broad"}
    assert browser.http.post("/revoke", data=fields).status_code == 403
    assert world.check(token, "b")
    done = browser.post("/revoke", place, fields)
    assert done.status_code == 303
    shown = seen(browser.get(done.headers["location"]))
    assert "2 links ended with this link" in shown
    assert "made after the preview" not in shown
    assert not world.check(token, "b")
    assert "revoked" in seen(browser.get(f"/links/{token.id}"))
    (revocation,) = [one for one in world.tracker.revocations() if one.act == "revoke"]
    assert (revocation.by, revocation.reason) == ("reviewer", "too broad")


def test_a_tree_that_grew_is_revoked_whole_and_the_page_says_so(
    world: World, browser: Browser
) -> None:
    """Links made between the preview and the post end, too."""
    token, _ = busy(world)
    place = f"/links/{token.id}/revoke"
    browser.get(place)
    low = token.delegate(by=world.key("b"), to=world.key("late").public, grant=Grant())
    assert world.check(low, "late")
    done = browser.post(
        "/revoke", place, {"kind": "link", "id": token.id, "shown": "1", "reason": "leaked"}
    )
    shown = seen(browser.get(done.headers["location"]))
    assert "1 link was made after the preview: it ended, too" in shown
    assert not world.check(low, "late")


@pytest.mark.parametrize("kind", ["agent", "key", "task"])
def test_agents_keys_and_tasks_are_revoked_in_the_same_way(
    world: World, browser: Browser, kind: str
) -> None:
    """The preview counts what the subject holds up; the post ends it."""
    token, _ = busy(world)
    key = world.key("boss").public.text.removeprefix("ed25519:")
    subject = {"agent": "boss", "key": key, "task": world.task.id}[kind]
    place = f"/{kind}s/{subject}/revoke"
    assert f"Revoke this {kind} and end 3 links?" in seen(browser.get(place))
    done = browser.post(
        "/revoke", place, {"kind": kind, "id": subject, "shown": "3", "reason": "leaked"}
    )
    assert "3 links ended" in seen(browser.get(done.headers["location"]))
    assert not world.check(token, "b")


@pytest.mark.parametrize(
    "fields",
    [
        {"shown": "x"},
        {"shown": "-1"},
        {"shown": "1" * 30},
        {"kind": "owner"},
        {"kind": "tool"},
        {"kind": "everything"},
        {"kind": ""},
        {"id": "lnk_none"},
        {"id": ""},
        {"reason": ""},
        {"reason": " "},
        {"reason": "x" * 501},
        {"reason": "a\x00b"},
    ],
)
def test_a_forged_or_broken_post_revokes_nothing(
    world: World, browser: Browser, fields: dict
) -> None:
    """Each refusal is a page with a status of its own, never a fault."""
    token, _ = busy(world)
    given = {"kind": "link", "id": token.id, "shown": "1", "reason": "leaked"} | fields
    answer = browser.post("/revoke", f"/links/{token.id}/revoke", given)
    assert answer.status_code in {404, 422}
    assert [one for one in world.tracker.revocations() if one.act == "revoke"] == []


def test_a_finding_is_dismissed_with_a_reason_by_name(world: World, browser: Browser) -> None:
    """The form needs a reason and its token; who dismissed it is shown."""
    busy(world)
    (finding, *_) = world.tracker.findings().open
    place = f"/findings/{finding.id}/dismiss"
    assert browser.http.post(place, data={"reason": "x"}).status_code == 403
    assert browser.post(place, "/findings", {"reason": " "}).status_code == 422
    assert (
        browser.post("/findings/fnd_none/dismiss", "/findings", {"reason": "x"}).status_code == 404
    )
    assert browser.post(place, "/findings", {"reason": "<b>known</b>"}).status_code == 303
    page = browser.get("/findings").text
    assert "<b>known" not in page
    assert "1 dismissed" in page
    assert world.tracker.findings().dismissed[0][1].by == "reviewer"


def test_the_past_is_asked_on_every_view_that_has_one(world: World, browser: Browser) -> None:
    """What an agent could do at T: then something, before it nothing, afterwards nothing again."""
    token, _ = busy(world)
    world.at = NOW + 50
    world.tracker.revoke("agent", "boss", by="t")
    assert "Could use 3 tools" in seen(browser.get(f"/agents/boss?at={NOW}"))
    assert "Could do nothing" in seen(browser.get("/agents/boss"))
    assert browser.get(f"/agents/boss?at={NOW - 5}").status_code == 404
    assert "reaches 3 tools" in seen(browser.get(f"/links/{token.id}/reach?at={NOW}"))
    assert "It could, by 1 chain" in seen(browser.get(f"/path?from=boss&to=files.read&at={NOW}"))
    past = browser.get(f"/path?from=boss&to=files.read&at={NOW}").text
    assert 'href="/path?from=boss&amp;to=files.read">Back to now' in past
    assert "revoked" in seen(browser.get("/path?from=boss&to=files.read"))
    changed = seen(browser.get(f"/compare?vs={NOW}"))
    assert "0 added, 3 revoked" in changed


@pytest.mark.parametrize(
    "path",
    ["/find?q=x%00y", "/find?q=%25", "/find?q=_", "/path?from=a%00&to=b%00", "/holders?holder=%00", "/agents/%00", "/keys/%00", "/keys/AAAA/blast", "/links/%00/reach", "/links/lnk_x/unused", "/links/x/blast",
     "/links/%00/revoke", "/keys/!!/revoke", "/agents/none/revoke", "/tasks/%00/revoke", "/compare?vs=9999999999", "/compare?vs=x", "/compare?task=none", "/compare?task=%00", "/decisions/%00", "/find?q=" + "x" * 128, "/find?q=lnk_%25%25%25%25%25",
     "/revoke?kind=key&id=x", "/revoke", "/holders?holder=aaaa-bbbb-cccc", "/findings?rule=%00&severity=none"],
)  # fmt: skip
def test_nothing_that_is_asked_is_a_fault(world: World, browser: Browser, path: str) -> None:
    """Unknown, empty and hostile parameters are answered or refused."""
    busy(world)
    assert browser.get(path).status_code in {200, 404, 422}


def test_the_search_finds_by_id_name_and_fingerprint(world: World, browser: Browser) -> None:
    """Each hit leads to its page; what is typed is never a pattern."""
    token, denied = busy(world)
    prints = world.key("boss").public.fingerprint
    for asked, place in (
        ("BOS", "/agents/boss"), (prints, "/keys/"), (prints[:6], "/keys/"), (token.id, f"/links/{token.id}"), (token.id[:14], f"/links/{token.id}"),
        (denied.id, f"/decisions/{denied.id}"), (world.task.id[:20], f"/tasks/{world.task.id}"), ("Ticket", f"/tasks/{world.task.id}"),
    ):  # fmt: skip
        answer = browser.get(f"/find?q={asked}")
        assert f'href="{place}' in answer.text, asked
        for found in re.findall(r'<td><a[^>]* href="(/[^"]+)"', answer.text):
            assert browser.get(unescape(found)).status_code == 200
    assert "0 hits" in seen(browser.get("/find?q=%25%25%25"))


def test_two_keys_with_one_fingerprint_are_both_shown(
    world: World, browser: Browser, monkeypatch
) -> None:
    """Sixty bits are for eyes: the page says that there are two, and revokes by the key itself."""
    busy(world)
    for room in (
        "delegation.records.lineage.search",
        "delegation.records.lineage.links",
        "delegation.commands.questions",
    ):
        monkeypatch.setattr(f"{room}.fingerprint", lambda key: "aaaa-bbbb-cccc")
    shown = browser.get("/keys/aaaa-bbbb-cccc")
    assert "3 keys have this fingerprint" in seen(shown)
    assert len(set(re.findall(r'href="/keys/([A-Za-z0-9_-]{43})/revoke"', shown.text))) == 3


def test_a_name_that_is_a_path_is_no_path(world: World, browser: Browser) -> None:
    """Agents called `..` or `a/b?c` have pages, blast radius and revocation of their own."""
    for n, name in enumerate(["..", ".", "a/b", "a?b#c", "x y", "%2e%2e", "é"]):
        holder = type(world.key("x")).generate(name)
        world.tracker.add_agent(name, owner="ana@acme.example", keys=[holder.public])
        world.keys[name] = holder
        world.chain(name) if n else None
    text = browser.get("/agents").text
    listed = re.findall(r'<tr><td><a href="(/[^"]+)">([^<]+)</a>', text)
    assert len(listed) == 7
    for place, name in ((unescape(one), unescape(two)) for one, two in listed):
        page = browser.get(place)
        assert page.status_code == 200
        # Browsers resolve `..` in a path: the page that opens must be that agent's own.
        assert world.key(name).public.fingerprint in page.text.partition("</h1>")[0]
        for further in re.findall(
            r'href="(/(?:blast|revoke|agents/[^"]*|keys/[^"]*)[^"]*)"', page.text
        ):
            assert browser.get(unescape(further)).status_code == 200, further


def test_what_a_page_says_is_what_the_tracker_says(world: World, browser: Browser) -> None:
    """Numbers on pages equal the answers of the pure functions."""
    token, _ = busy(world)
    found = world.tracker.blast(token.id)
    shown = seen(browser.get(f"/links/{token.id}/blast"))
    assert ", ".join(f"{n} {unit}" for unit, n in found.spendable.items()) in shown
    could = world.tracker.reach(token.id)
    page = browser.get(f"/links/{token.id}/reach").text
    assert page.count("the way to it") == len(could.abilities)
    counted = world.tracker.findings()
    assert f"{len(counted.open)} finding" in seen(browser.get("/"))


def test_an_injected_name_in_a_finding_is_text(world: World, browser: Browser) -> None:
    """A look-alike that is markup is shown, not obeyed, on every page that speaks of it."""
    name = "bo<script>alert(1)</script>ss"
    world.keys["evil"] = type(world.key("x")).generate(name)
    world.tracker.add_agent("boscriptalert1scriptss", owner="o", keys=[world.key("other").public])
    world.check(world.chain("boss", "evil"), "evil")
    for path in ("/", "/findings", "/agents", "/compare", "/find?q=script"):
        assert "<script>alert" not in browser.get(path).text
    assert "look alike" in seen(browser.get("/findings"))


def test_grants_with_limits_are_told_in_words(world: World, browser: Browser) -> None:
    """The link page says what each argument may be."""
    root = world.root("boss")
    send = may("mail.send", resources=["mail:acme/*"], to=email("acme.example"), body=text(max=9))
    low = root.delegate(by=world.key("boss"), to=world.key("a").public, grant=Grant([send]))
    world.check(low, "a")
    shown = seen(browser.get(f"/links/{low.id}"))
    assert "body at most 9 long" in shown
    assert "to @acme.example" in shown


def test_an_owner_answers_for_tasks_agents_and_links(world: World) -> None:
    """The list, one owner's page with ways to revoke, the same in the past, and nobody unknown."""
    world.tracker.add_agent("boss", owner="bo@acme.example", keys=[world.key("boss").public])
    world.check(world.chain("boss", "a"), "a")
    browser = Browser(world)
    listed = browser.get("/owners").text
    for name in ("bo@acme.example", "ana@acme.example"):
        assert f'href="/owners?owner={name.replace("@", "%40")}"' in listed
    mine = browser.get("/owners?owner=bo@acme.example").text
    assert "Answers for 2 links that stand" in mine
    assert "1 call allowed, 0 denied" in mine
    assert "/revoke?kind=owner&amp;id=bo%40acme.example" in mine
    theirs = browser.get("/owners?owner=ana@acme.example").text
    assert "Answers for no link that stands" in theirs
    assert f"/tasks/{world.task.id}" in theirs
    assert "/revoke" not in browser.get(f"/owners?owner=bo@acme.example&at={world.at}").text
    assert browser.get("/owners?owner=nobody").status_code == 404
    old = world.tracker.open_task("Over", owner="cy", ceiling=Grant([READ], audience=[DESK]))
    world.tracker.close_task(old)
    over = browser.get("/owners?owner=cy").text
    assert "Answers for no link that stands" in over
    assert f"/tasks/{old.id}" in over
    assert browser.get("/owners?owner=%00").status_code in {404, 422}
