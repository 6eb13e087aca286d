"""Aliases: their form, whose they are at a revision, and calls that name a tool by one."""

from __future__ import annotations

import json

import pytest
from cases import every
from hypothesis import given
from hypothesis import strategies as st

from delegation import Access, Catalogue, Tool, anything, may
from delegation.authority.access import MAX_ACCESS_BYTES
from delegation.authority.alias import MAX_ALIAS, is_alias, recorded_name
from delegation.authority.flow import parse_flow_rule
from delegation.errors import ConflictError, MalformedError
from delegation.testing import World

GOOD = [
    "getUser", "API-post-search", "user-profile/update", "users/get", "repos.list-for-org", "Get user",
    "create_item_api_v1_items__item_id__versions__version_id__attachments_post_0123456789abcd",
    "\u53d6\u5f97", "\u30e6\u30fc\u30b6\u30fc\u53d6\u5f97API", "stra\xdfe", "\u041f\u043e\u043b\u0443\u0447\u0438\u0442\u044c", "a" * MAX_ALIAS, "get{id}", "x:y@z", "\\d",
]  # fmt: skip
BAD = [
    "", "A" * (MAX_ALIAS + 1), " a", "a ", "a  b", "a\nb", "a\tb", "a\x00", "a\x7f", "a\x85", "a\u200bb", "a\u202eb", "a\u2028", "\ufeffa", "a\xadb", "\ud800",
    "a*", "**", "mail.*", "delegation.revoke", "Delegation.revoke", "DELEGATION.x", "d\xe9legation.x", "delegation.", "\uff44elegation.x",
    "dele\u0261ation.x", "d\u0435legation.x", "delegation\u2024x", "m\u0430il.send", "\uff4d\uff41\uff49\uff4c", "e\u0301", "a\u2215b", "a\uff0fb", "\u0131d", "\xbd", "\u202e", "\u05d0",
    "a\U000e0041", "\U0001d41a", "a\u0378", None, 5, ["a"],
]  # fmt: skip


@every("text", GOOD)
def test_names_of_documents_and_frameworks_are_aliases(text: str) -> None:
    """What shows itself is one, and stands in a tool's JSON and in a call."""
    tool = Tool("a.b", effect="read", aliases=[text])
    assert tool.to_json()["aliases"] == [text]
    assert Tool.from_json(tool.to_json()) == tool
    assert Access.from_json(Access(text, {}, "x").to_json()).tool == text


@every("text", BAD)
def test_what_hides_resembles_or_reserves_is_none(text) -> None:
    """Controls, what is not seen, look-alikes, wildcards, and the reserved prefix in any spelling."""
    with pytest.raises(MalformedError):
        Tool("a.b", effect="read", aliases=[text])
    if text != "delegation.revoke":  # a request to the service names it so, and only so
        with pytest.raises(MalformedError):
            Access(text, {}, "x")


@given(
    text=st.text(max_size=12)
    | st.from_regex(r"[Dd]el[e\u0435]g\w{5,7}[.\u2024]\w+", fullmatch=True)
)
def test_no_alias_is_read_in_two_ways(text: str) -> None:
    """An alias prints, normalises to itself, and is no request to the service however it is cased."""
    import unicodedata

    if is_alias(text):
        assert text.isprintable()
        assert unicodedata.normalize("NFKC", text) == text
        assert not unicodedata.normalize("NFKD", text).casefold().startswith("delegation.")
        assert text.strip() == text


def test_a_definition_without_aliases_has_the_json_it_always_had() -> None:
    """Stored definitions and digests of old ones stay what they are; the own name is no alias."""
    plain = Tool("a.b", effect="read")
    assert "aliases" not in plain.to_json()
    assert plain == Tool("a.b", effect="read", aliases=["a.b"])
    with pytest.raises(MalformedError):
        Tool("a.b", effect="read", aliases=[f"x{n}" for n in range(9)])


def test_a_name_is_one_tools_alone() -> None:
    """Two tools with one alias, an alias that is a tool, a tool that is an alias: refused, also later."""
    known = Catalogue().with_tool(Tool("a.one", effect="read", aliases=["getOne", "one"]))
    known = known.with_tool(Tool("a.two", effect="read"))
    for tool in (
        Tool("a.two", effect="read", aliases=["getOne"]), Tool("a.three", effect="read", aliases=["one"]),
        Tool("a.three", effect="read", aliases=["a.one"]), Tool("one", effect="read"),
    ):  # fmt: skip
        with pytest.raises(ConflictError):
            known.with_tool(tool)
    assert known.with_tool(Tool("a.one", effect="write", aliases=["getOne"])).revision == 3
    assert known.with_tool(Tool("a.one", effect="read", aliases=["one", "getOne"])) is known


moves = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sets(st.sampled_from(["x", "y", "a", "b"]), max_size=3)),
    max_size=8,
)  # fmt: skip


@given(moves=moves)
def test_an_alias_means_a_tool_only_where_it_always_meant_it(moves) -> None:
    """By a plain list of who had what: same then and now, or the name stays what it is, and denied."""
    catalogue, seen = Catalogue(), [{}]
    for name, aliases in moves:
        try:
            after = catalogue.with_tool(Tool(name, effect="read", aliases=sorted(aliases)))
        except ConflictError:
            continue
        if after is not catalogue:
            catalogue = after
            held = {k: v for k, v in seen[-1].items() if v != name}
            seen.append({**held, name: name, **dict.fromkeys(aliases, name)})
    for pinned, then in enumerate(seen):
        assert {n: m for n in "abcxy" if (m := catalogue.names.meant(n, pinned))} == then
        for alias in "xyabc":
            now, meant = seen[-1].get(alias), catalogue.names.own_name(alias, pinned)
            assert meant == (now if now is not None and now == then.get(alias) else alias)
            assert catalogue.upto(pinned).names.own_name(alias, pinned) == then.get(alias, alias)
            moved = None not in {now, then.get(alias)} and now != then.get(alias)
            assert catalogue.names.is_moved(alias, pinned) == moved


NAMES = ["mail.send", "sendMail", "mail/send-message"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("format", ["biscuit", "macaroon"])
def test_a_call_by_any_name_is_one_call_of_the_tool(name: str, format: str) -> None:
    """Decision, budget, flow, cost, marks and standing see the own name; the record keeps what was sent."""
    with World() as world:
        world.tool("mail.send", effect="write", aliases=NAMES[1:], arguments={"amount": "integer"},
                   cost={"cents": "amount"}, labels=["external"])  # fmt: skip
        world.tool("mail.read")
        flow = [parse_flow_rule({"after": ["tool:mail.send"], "never": ["tool:mail.read"]})]
        token = world.chain("a", "b", can=[may("mail.send", amount=anything()), may("mail.read")], format=format, budget={"calls": 2, "cents": 9}, flow=flow)  # fmt: skip
        done = world.check(token, "b", name, {"amount": 4}, max_cost={"cents": 9})
        assert done.allowed, done
        assert (done.tool, dict(done.cost)) == ("mail.send", {"calls": 1, "cents": 4})
        kept = world.tracker.decision(done.id)
        assert (kept.decision.tool, kept.access["tool"]) == ("mail.send", name)
        assert world.check(token, "b", "mail.read").denial.code == "flow_forbidden"
        assert world.check(token, "b", "mail.send", {"amount": 4}, max_cost={"cents": 9}).allowed
        spent = world.check(token, "b", name, {"amount": 1}, max_cost={"cents": 9})
        assert spent.denial.code == "budget_spent"
        world.tracker.revoke("tool", name, by="ana", reason="x")
        again = world.chain("a", "b", can=may("mail.send", amount=anything()), format=format, budget={"calls": 2, "cents": 9})  # fmt: skip
        for other in NAMES:
            gone = world.check(again, "b", other, {"amount": 1}, max_cost={"cents": 9})
            assert (gone.denial.code, gone.tool) == ("tool_revoked", "mail.send")


def test_an_alias_that_moved_calls_nobody_under_older_roots() -> None:
    """What was granted as one tool never becomes another, and a name that came later is not known."""
    with World() as world:
        world.tool("a.one", aliases=["get"])
        world.tool("a.two")
        token = world.chain("a", can=[may("a.one"), may("a.two")])
        assert world.check(token, "a", "get").tool == "a.one"
        world.tool("a.one", aliases=["late"])
        world.tool("a.two", aliases=["get"])
        moved = world.check(token, "a", "get")
        assert (moved.denial.step, moved.denial.code, moved.tool) == (8, "tool_alias_moved", "get")
        late = world.check(token, "a", "late")
        assert (late.denial.code, late.tool) == ("tool_unknown", "late")
        new = world.chain("a", can=[may("a.one"), may("a.two")])
        assert world.check(new, "a", "get").tool == "a.two"
        assert world.check(new, "a", "late").tool == "a.one"


def test_a_name_that_is_nobodys_is_denied_and_shown_as_sent_only() -> None:
    """A name off the form of tools stands in the record of what was sent, and nowhere else."""
    with World() as world:
        world.tool("a.one")
        token = world.chain("a", can=may("a.one"))
        odd = '"><script>/{}=1'
        denied = world.check(token, "a", odd)
        assert (denied.denial.code, denied.denial.offered, denied.tool) == ("tool_unknown", odd, "")
        assert world.tracker.decision(denied.id).access["tool"] == odd
        assert recorded_name(odd) == ""
        malformed = world.tracker.check(token, "x", {**json.loads(world.access("a.one").encoded), "tool": "a\u202e"})  # fmt: skip
        assert (malformed.denial.step, malformed.denial.code) == (1, "access_malformed")


@pytest.mark.parametrize("room", [0, 1, 300])
def test_a_call_is_bounded_once_by_the_name_that_it_was_sent_under(room: int) -> None:
    """A tool with a longer name than its alias is called at the very bound, at each door that renames."""
    own = "svc." + "x" * 200
    with World() as world:
        world.tool(own, aliases=["a"], arguments={"b": "text", "c": "text"})
        token = world.chain("boss", "b", can=may(own, b=anything(), c=anything()))
        spare = MAX_ACCESS_BYTES - len(world.access("a", {"b": "y" * 30_000, "c": ""}).encoded)
        access = world.access("a", {"b": "y" * 30_000, "c": "y" * min(spare - room, 32_768)})
        filled = {**access.arguments, "b": "y" * (30_000 + spare - room - len(access.arguments["c"]))}  # fmt: skip
        access = world.access("a", filled)
        assert len(access.encoded) == MAX_ACCESS_BYTES - room
        named = access.by_name(own)
        assert (named.tool, dict(named.arguments)) == (own, filled)
        assert named.encoded == access.encoded.replace(b'"tool":"a"', f'"tool":"{own}"'.encode())
        assert access.by_name("a") is access
        proof = world.key("b").prove(token, access)
        decision = world.tracker.check(token, proof, access)
        assert (decision.allowed, decision.tool) == (True, own)
        assert world.tracker.decision(decision.id).access["tool"] == "a"
        assert world.tracker.plan(token, access=access).outcome.allowed
        (found,) = world.tracker.tighten("link", token.id, minimum=1)
        assert (found.proposal.calls, found.proposal.refused) == (1, ())
