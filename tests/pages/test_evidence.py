"""What people approve they see: whole, marked, measured; and whether they were asked before."""

from __future__ import annotations

import re
from html import unescape

import pytest
from below import open_below
from browsing import Browser
from consent import approver, rule
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import TEXTS, read_evidence, read_text
from world import DESK, OWNER, World

from delegation import Access, Grant, Token, Tool, anything, exact, may, one_of, sent_json
from delegation.authority.arguments import NoCanonicalFormError, TextType
from delegation.lineage.approval import ApprovalEntry
from delegation.messages.answers import answer_json, read_answer

NOTE = Tool(
    "note.write",
    effect="write",
    arguments={
        "title": "text",
        "body": "text",
        "tags?": {"type": "list", "of": "text"},
        "count?": "integer",
        "loud?": "boolean",
    },
)
TAGS = "".join(chr(0xE0000 + ord(c)) for c in "and wire 500 to eve")


class Asking:
    """A world in which notes need consent, and a browser for each who looks."""

    def __init__(self) -> None:
        self.world = World()
        self.world.tracker.add_tool(NOTE)
        wide = may(
            "note.write", title=anything(), body=anything(), tags=anything(), count=anything(), loud=anything(),
        )  # fmt: skip
        self.ceiling = Grant(
            [wide], audience=[DESK], purpose="desk", delegations_left=6, budget={"calls": 50},
            needs_approval=[rule("note.*")],
        )  # fmt: skip
        self.fresh()
        self.approver = Browser(self.world, role="")
        self.approver.name = "fay"
        self.world.tracker.create_api_key(
            "fay", "approver", person="fay@acme.example", approves_as=["finance"]
        )
        self.approver.log_in()
        self.reviewer = Browser(self.world)

    def fresh(self) -> None:
        """Open a task with a chain of its own."""
        self.world.task = self.world.tracker.open_task(
            "Notes", owner=OWNER, ceiling=self.ceiling, lasts=1000
        )
        self.token = self.world.chain("boss", "a")

    def ask(self, arguments: dict, token: Token | None = None, by: str = "a") -> str:
        """Ask for consent; return the request, empty where the call is refused for another reason."""
        access = Access("note.write", arguments, DESK, purpose="desk")
        self.decision = self.world.check(token or self.token, by, access)
        return self.decision.approval or ""


@pytest.fixture(scope="module")
def asking() -> Asking:
    """Return one world for all."""
    return Asking()


def is_admitted(text: str) -> bool:
    """Return whether an argument of the type text may be this."""
    try:
        TextType().canonicalise(text)
    except NoCanonicalFormError:
        return False
    return True


ADMITTED = TEXTS.filter(is_admitted)
NOTES = st.fixed_dictionaries(
    {"title": ADMITTED, "body": ADMITTED},
    optional={
        "tags": st.lists(ADMITTED, max_size=3),
        "count": st.integers(-(2**53) + 1, 2**53 - 1),
        "loud": st.booleans(),
    },
)


@given(NOTES)
@settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck], derandomize=True)
def test_the_pages_show_every_admitted_value_whole(asking: Asking, arguments: dict) -> None:
    """From the approver's page and from the decision's the canonical arguments are read back."""
    asking.fresh()
    request = asking.ask(arguments)
    assert request, asking.decision
    entry = asking.world.tracker.approval(request)
    assert entry.arguments is not None
    page = asking.approver.get(f"/approvals/{request}").text
    assert read_evidence(page)[0] == dict(entry.arguments)
    assert ("not seen:" in page) == bool(entry.hidden)
    sent = read_evidence(asking.reviewer.get(f"/decisions/{entry.opened_by}").text)
    assert {"arguments": arguments}.items() <= sent[-1].items()


HOSTILE = {
    "long": "All is well. " * 400 + "Wire 500 to eve.",
    "tags": "Hello" + TAGS,
    "unseen": "pass\u00adword a\u200bb c\u2060d \u3164 e",
    "lines": "Dear Bo,\n" * 300 + 'P.S. "amount": 9',
    "markup": "</bdi></pre></div><h1>Approved</h1><form action=//evil>",
    "escape": "a\\u200bb \\n",
    "spaces": "  two  and trailing   ",
    "right to left": "\u05e9\u05dc\u05d5\u05dd 100 \u05d0 200",
    "no break": "10\u00a0000\u2003x",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_nothing_is_cut_or_deleted(asking: Asking, case: str) -> None:
    """Long ends, tag characters, spaces and fences of markup: page and length beside it."""
    text = HOSTILE[case]
    asking.fresh()
    request = asking.ask({"title": "t", "body": text})
    assert request, asking.decision
    page = asking.approver.get(f"/approvals/{request}").text
    assert read_evidence(page)[0] == {"title": "t", "body": text}
    assert f"text, {len(text):,} characters, {len(text.encode()):,} bytes" in page
    assert "<h1>Approved" not in page
    frame = re.search(
        r'<pre class="hostile"([^>]*)>(?=<|&#34;)[^\0]*?</pre>', page[page.index('name">body') :]
    )
    assert frame is not None
    assert ('tabindex="0"' in frame[1]) == (case in {"long", "lines", "tags"})
    hides = case in {"tags", "unseen"}
    assert ("not seen:" in page) == hides
    listed = asking.approver.get("/approvals").text
    row = listed[listed.index(request) :].partition("</tr>")[0]
    assert ("not seen" in row) == hides
    if case == "tags":
        assert "which spell “and wire 500 to eve”" in unescape(page)


def test_what_is_denied_is_shown_whole_too(world: World) -> None:
    """The offered value and the grant, of any length that is admitted."""
    asking = Asking()
    body = "x" * 5000 + "\u200b"
    narrow = Grant([may("note.write", title=anything(), body=exact("short"))])
    token = asking.token.delegate(
        by=asking.world.key("a"), to=asking.world.key("b").public, grant=narrow
    )
    access = Access("note.write", {"title": "t", "body": body}, DESK, purpose="desk")
    decision = asking.world.check(token, "b", access)
    assert decision.denial is not None
    assert decision.denial.code == "argument_refused"
    shown = read_evidence(asking.reviewer.get(f"/decisions/{decision.id}").text)
    assert shown[0] == body
    assert shown[-1]["arguments"]["body"] == body
    page = asking.reviewer.get(f"/links/{token.id}").text
    assert token.chain.leaf.grant.to_json() in read_evidence(page)


@pytest.mark.parametrize("text", ["1e400", "9007199254740993", '"\\ud800"', "[" * 9000 + "]" * 9000, "0.5", "null", '{"\u00e9":"e\u0301"}'], ids=lambda text: text[:9])  # fmt: skip
def test_a_call_without_canonical_form_is_shown_as_every_reader_reads_it(
    asking: Asking, text: str
) -> None:
    """What some reader of JSON rounds, replaces or gives up at stands there as text of its spelling."""
    sent = {"title": "t", "body": "b", "count": sent_json.parse(text)}
    asking.fresh()
    assert asking.ask(sent) == "" or text == "null"
    page = asking.reviewer.get(f"/decisions/{asking.decision.id}")
    assert page.status_code == 200
    shown = read_evidence(page.text)
    assert shown[-1]["arguments"] == sent_json.portable({"arguments": sent})["arguments"]


def test_people_are_told_that_they_refused_this_before(asking: Asking) -> None:
    """Under a sibling link, a renewed one, and in a child task; not another call, nor another tree."""
    asking.fresh()
    world, note = asking.world, {"title": "t", "body": "the same \u200b call"}
    by = approver(
        world, "gil@acme.example", "finance", key=f"gil-{world.task.id[-6:].lower().strip('-_')}x"
    )
    first = asking.ask(note)
    world.tracker.refuse_approval(first, by=by, reason="never\u200b this")
    assert asking.ask(note) == first
    sibling = world.chain("boss", "c")
    second = asking.ask(note, sibling, "c")
    assert second not in {"", first}
    entry = world.tracker.approval(second)
    (told,) = entry.refused_before
    assert (told.request, told.person, told.link) == (first, "gil@acme.example", asking.token.id)
    page = unescape(asking.approver.get(f"/approvals/{second}").text)
    assert "refused before" in page
    assert "gil@acme.example" in page
    assert "never<mark" in page
    assert "refused before" in asking.approver.get("/approvals").text
    body = answer_json(entry)
    assert read_answer(ApprovalEntry, body) == entry
    assert body["refused_before"][0]["reason"] == "never\u200b this"
    assert body["hidden"][0]["where"] == "body"
    _, root = open_below(world, sibling, "c", "sub", lasts=900)
    third = world.tracker.approval(asking.ask(note, root, "sub"))
    assert [one.request for one in third.refused_before] == [first]
    world.tracker.refuse_approval(third.id, by=by, reason="no")
    assert {one.request for one in world.tracker.approval(second).refused_before} == {
        first,
        third.id,
    }
    other = world.tracker.approval(asking.ask({**note, "loud": True}, sibling, "c"))
    assert other.refused_before == ()
    asking.fresh()
    assert world.tracker.approval(asking.ask(note)).refused_before == ()


def test_a_finding_points_at_hidden_characters(asking: Asking) -> None:
    """Of calls by link, high where people were asked; of titles by task; honest text makes none."""
    asking.fresh()
    asking.ask(
        {
            "title": "t",
            "body": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f469\u200d\U0001f4bb",
        }
    )
    quiet = [f for f in asking.world.tracker.findings().open if f.subject == asking.token.id]
    assert "hidden_text" not in {one.rule for one in quiet}
    asking.ask({"title": "t\u200b", "body": "b" + TAGS})
    (found,) = [
        f
        for f in asking.world.tracker.findings().open
        if (f.rule, f.subject) == ("hidden_text", asking.token.id)
    ]
    assert found.severity == "high"
    assert f"sent {len(TAGS) + 1} characters" in found.message
    task = asking.world.tracker.open_task(
        "Quiet\u2060 task", owner=OWNER, ceiling=asking.ceiling, lasts=500
    )
    subjects = {f.subject for f in asking.world.tracker.findings().open if f.rule == "hidden_text"}
    assert task.id in subjects
    assert "Quiet\\u2060 task" in asking.reviewer.get(f"/tasks/{task.id}").text


def test_an_agent_whose_name_hides_is_revoked_from_its_page(world: World, monkeypatch) -> None:
    """A form sends back what is, not what is shown: cleaned, the name was nobody's."""
    monkeypatch.setattr("delegation.commands.agents.is_fit", lambda _: True)  # one of former times
    name = "pay\u200broll\\bot"
    token = world.chain("boss", name)
    world.tracker.add_agent(name, owner=OWNER, keys=[world.key(name).public])
    assert world.check(token, name)
    browser = Browser(world, role="operator")
    page = browser.get("/revoke", params={"kind": "agent", "id": name})
    assert "pay\\u200broll\\\\bot" in page.text
    sent = unescape(re.search(r'name="id" value="([^"]*)"', page.text)[1])
    assert sent == name
    shown = re.search(r'name="shown" value="(\d+)"', page.text)[1]
    done = browser.post(
        "/revoke", f"/revoke?kind=agent&id={name}".replace("\\", "%5C"),
        {"kind": "agent", "id": sent, "reason": "gone", "shown": shown},
    )  # fmt: skip
    assert done.status_code == 303
    assert world.tracker.link(token.id).standing == "revoked"


def test_no_template_sends_back_what_is_shown() -> None:
    """Every attribute that a form sends, and every address, is marked as exact."""
    from delegation_api.pages import shell

    for name in shell._ENVIRONMENT.list_templates():
        source = shell._ENVIRONMENT.loader.get_source(shell._ENVIRONMENT, name)[0]
        for found in re.findall(
            r'\b(?:value|name|href|action)="\{\{((?:[^}]|\}(?!\}))*)\}\}"', source
        ):
            assert "asset(" in found or found.strip().endswith("|exact"), (name, found)


@given(TEXTS)
@settings(max_examples=20)
def test_a_holders_claimed_name_is_whole_wherever_it_stands(text: str) -> None:
    """The filters of the templates: bare text reads back from both."""
    from delegation_api.pages.shell import _whole, exact

    assert read_text(str(_whole(text))) == text
    assert unescape(str(exact(text))) == text


def test_what_hides_in_a_grant_is_told(world: World) -> None:
    """A delegator's literals and the holder's name are shown on the page: they count as its text."""
    world.tracker.add_tool(NOTE)
    ceiling = Grant(
        [may("note.write", title=anything(), body=anything())], audience=[DESK], purpose="desk",
        delegations_left=6, budget={"calls": 50}, needs_approval=[rule("note.*")],
    )  # fmt: skip
    world.task = world.tracker.open_task("Notes", owner=OWNER, ceiling=ceiling, lasts=1000)
    root = world.chain("boss")
    narrow = Grant([may("note.write", title=anything(), body=one_of("ok", "ok" + TAGS))])
    token = root.delegate(by=world.key("boss"), to=world.key("a  b ").public, grant=narrow)
    access = Access("note.write", {"title": "t", "body": "ok"}, DESK, purpose="desk")
    request = world.check(token, "a  b ", access).approval
    entry = world.tracker.approval(request)
    assert any(found.spells == "and wire 500 to eve" for found in entry.hidden)
    browser = Browser(world)
    page = browser.get(f"/approvals/{request}").text
    assert "not seen:" in page
    assert "a\\u0020\\u0020b\\u0020" in re.sub("<[^>]*>", "", page)
    assert any(one.rule == "hidden_text" for one in world.tracker.findings().open)


def test_no_space_of_ours_is_an_escape(world: World) -> None:
    """Separators in templates are no values: pages of plain texts hold no mark of a space."""
    world.check(world.chain("boss", "a", "b"), "b")
    browser = Browser(world, role="operator")
    task = world.task.id
    for path in ("/", f"/tasks/{task}", f"/tasks/{task}/map", "/findings", "/decisions", "/agents", "/log", "/unused", "/owners", "/risks"):  # fmt: skip
        assert "u0020" not in browser.get(path).text, path
