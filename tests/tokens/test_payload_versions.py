"""Payload versions: frozen bytes of both, chains that mix them, and what each refuses."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from below import open_below
from cases import every
from hypothesis import given, settings
from hypothesis import strategies as st
from world import DESK, NOW, OWNER, World, verdict

from delegation import (
    Access,
    Grant,
    HolderKey,
    Token,
    Tool,
    anything,
    argv,
    between,
    count,
    during,
    each,
    exact,
    links,
    may,
    members,
    not_below,
    one_of,
    path,
    text,
)
from delegation.authority.agent_name import claim_of
from delegation.authority.approval import ApprovalRule
from delegation.authority.chain import Origin, child_payload, parse_payload, root_payload
from delegation.authority.flow import AfterNever
from delegation.authority.pattern import tool_pattern
from delegation.errors import MalformedError, WiderThanParentError
from delegation.tokens import biscuit, macaroon
from delegation.tokens.text import TokenBytes, read_text

HOLDER = HolderKey("planner", bytes(range(32))).public.key
ORIGIN = Origin("https://authority.acme.example", "tsk_" + "a" * 22, None, 17)
LONG = "spiffe://acme.example/ns/" + "desk/" * 20 + "sa/planner"
FIELDS = {
    "effects": ["read"], "max_sensitivity": 0, "audience": ["a"], "purpose": "", "not_before": 0, "expires_at": 9,
    "delegations_left": 3, "budget": {}, "needs_approval": [], "flow": [],
}  # fmt: skip


def granted(*capabilities, **fields) -> Grant:
    """Return a complete grant."""
    return Grant(capabilities, **{**FIELDS, **fields})


ROOT = {"holder_key": HOLDER, "holder_name": "planner", "salt": b"s" * 16}
# Everything that version 2 adds, each member and kind once.
SECOND = granted(
    may("read_item_in_the_inventory_of_the_warehouse_v1_items__item_id__shelves__shelf_id__get", n=between(0.5, below=10)),
    may("a", arguments={"$top": exact(0.5), "X-Request-Id": exact("e\u0301"), "filter[name]": one_of(1, 2.5, "x")}, delegate_only=True),
    may("b", arguments={"argv": argv("git", one_of("log", "status"), rest=text(20)), "count": count(1, 3), "far": between(above=1e-20)}),
    may("c", at=during("2026-01-01T00:00:00+01:00", "2026-02-01T00:00:00.5Z"), day=during("2026-01-01"), links=links("acme.example"), none=links()),
    may("upload", file=members({"media_type": one_of("image/png"), "x meta": members(size=between(1, 5))})),
    may("d", absolute=not_below("/data/secret"), relative=not_below("a/b"), under=path("a", "b/c")),
)  # fmt: skip
FIRST_PAYLOAD = (
    '{"catalogue":17,"grant":{"audience":["a"],"budget":{},"capabilities":[{"arguments":{"n":{"range":{"max":"0.5","min":0}}},"resources":[],'
    '"tool":"a"}],"delegations_left":3,"effects":["read"],"expires_at":9,"flow":[],"max_sensitivity":0,"needs_approval":[],"not_before":0,'
    '"purpose":""},"holder":{"key":"A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg","name":"planner"},"issuer":"https://authority.acme.example",'
    '"salt":"c3Nzc3Nzc3Nzc3Nzc3Nzcw","task":"tsk_aaaaaaaaaaaaaaaaaaaaaa","under":null,"v":1}'
)
SECOND_PAYLOAD = (
    '{"catalogue":17,"grant":{"audience":["a"],"budget":{},"capabilities":[{"arguments":{"n":{"range":{"above":null,"below":10,"max":null,"mi'
    'n":"0.5"}}},"resources":[],"tool":"read_item_in_the_inventory_of_the_warehouse_v1_items__item_id__shelves__shelf_id__get"},{"arguments":'
    '{"$top":{"spelled":{"exact":"0.5"}},"X-Request-Id":{"spelled":{"exact":"\\"e\\\\u0301\\""}},"filter[name]":{"spelled":{"one_of":["\\"x\\"","1"'
    ',"2.5"]}}},"delegate_only":true,"resources":[],"tool":"a"},{"arguments":{"argv":{"argv":{"head":[{"exact":"git"},{"one_of":["log","statu'
    's"]}],"rest":{"length":{"max":20,"min":0}}}},"count":{"count":{"max":3,"min":1}},"far":{"range":{"above":"1e-20","below":null,"max":null'
    ',"min":null}}},"resources":[],"tool":"b"},{"arguments":{"at":{"during":{"from":"2025-12-31T23:00:00Z","to":"2026-02-01T00:00:00.5Z"}},"d'
    'ay":{"during":{"from":"2026-01-01","to":null}},"links":{"links":{"hosts":["acme.example"]}},"none":{"links":{"hosts":[]}}},"resources":['
    '],"tool":"c"},{"arguments":{"file":{"members":{"media_type":{"one_of":["image/png"]},"x meta":{"members":{"size":{"range":{"max":5,"min"'
    ':1}}}}}}},"resources":[],"tool":"upload"},{"arguments":{"absolute":{"not_below":{"paths":["/data/secret"]}},"relative":{"not_below":{"pa'
    'ths":["a/b"]}},"under":{"path":{"under":["a","b/c"]}}},"resources":[],"tool":"d"}],"delegations_left":3,"effects":["read"],"expires_at":'
    '9,"flow":[],"max_sensitivity":0,"needs_approval":[],"not_before":0,"purpose":""},"holder":{"key":"A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZB'
    'JVMbg","name":"planner"},"issuer":"https://authority.acme.example","salt":"c3Nzc3Nzc3Nzc3Nzc3Nzcw","task":"tsk_aaaaaaaaaaaaaaaaaaaaaa","'
    'under":null,"v":2}'
)
SECOND_ID = "lnk_esJWizzgKf-mPoTBz1ak1YcTj7RGdHwUrBHc-L8Ev38"
CHILD_PAYLOAD = (
    '{"grant":{"audience":["a"],"budget":{},"capabilities":[],"delegations_left":3,"effects":["read"],"expires_at":9,"flow":[],"max_sensitivi'
    'ty":0,"needs_approval":[],"not_before":0,"purpose":""},"holder":{"key":"A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg","name":"spiffe://ac'
    'me.example/ns/desk/desk/desk/desk/desk/desk/desk/desk/desk/desk/desk/desk/desk/desk/desk/desk/desk/desk/desk/desk/sa/planner"},"parent":'
    '"lnk_esJWizzgKf-mPoTBz1ak1YcTj7RGdHwUrBHc-L8Ev38","salt":"c3Nzc3Nzc3Nzc3Nzc3Nzcw","v":2}'
)


def test_version_1_is_as_it_was() -> None:
    """What version 1 can say is written in it, byte for byte as before."""
    made = root_payload(ORIGIN, grant=granted(may("a", n=between(0, 0.5))), **ROOT)
    assert made.decode() == FIRST_PAYLOAD
    assert parse_payload(made, root=True).version == 1


def test_the_frozen_vector_of_version_2() -> None:
    """Every kind, member and name that it adds, in its one spelling, with its link's id."""
    made = root_payload(ORIGIN, grant=SECOND, **ROOT)
    assert made.decode() == SECOND_PAYLOAD
    link = parse_payload(SECOND_PAYLOAD.encode(), root=True)
    assert (link.version, link.id, link.grant) == (2, SECOND_ID, SECOND)
    child = child_payload(link.id, **{**ROOT, "holder_name": LONG}, grant=granted(), least=1)
    assert child.decode() == CHILD_PAYLOAD
    below = parse_payload(child, root=False)
    assert (below.version, below.holder_name, below.claim) == (2, LONG, claim_of(LONG))


NEEDS = {
    "a kind": granted(may("a", x=count(1, 2))),
    "a kind within another": granted(may("a", x=each(links()))),
    "a form": granted(may("a", x=between(above=0))),
    "a spelled literal": granted(may("a", x=exact(0.5))),
    "delegate_only": granted(may("a", delegate_only=True)),
    "an argument's name": granted(may("a", arguments={"filter[name]": anything()})),
    "a long argument's name": granted(may("a", arguments={"a" * 65: anything()})),
    "a long tool": granted(may("a" * 65)),
    "a long pattern": granted(may("a.b." * 80 + "**")),
    "a long pattern of consent": granted(needs_approval=[ApprovalRule((tool_pattern("a" * 65),), ("x",), 1)]),
    "a long term": granted(flow=[AfterNever(("tool:" + "a" * 65,), ("pii",))]),
}  # fmt: skip


@every("what", NEEDS)
def test_what_needs_version_2_is_written_in_it_and_refused_in_version_1(what: str) -> None:
    """The writer takes the lowest version that can say it; the reader refuses it in a lower one."""
    made = json.loads(root_payload(ORIGIN, grant=NEEDS[what], **ROOT))
    assert made["v"] == 2
    assert parse_payload(_bytes(made), root=True).grant == NEEDS[what]
    with pytest.raises(MalformedError):
        parse_payload(_bytes({**made, "v": 1}), root=True)


def _bytes(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize("version", [0, 3, True, 1.0, "1", None, -1])
def test_another_version_is_refused(version: object) -> None:
    """Two versions are known; a later one is not guessed at."""
    made = json.loads(FIRST_PAYLOAD)
    with pytest.raises(MalformedError):
        parse_payload(_bytes({**made, "v": version}), root=True)


def test_what_no_version_says_is_refused_by_name() -> None:
    """An unknown kind, an unknown member, a name that is too long, a member that says nothing."""
    made = json.loads(root_payload(ORIGIN, grant=SECOND, **ROOT))
    for change in (
        {"arguments": {"x": {"regex": "a*"}}}, {"arguments": {"x?": {"any": True}}}, {"arguments": {"a" * 201: {"any": True}}},
        {"arguments": {"x\u00e9": {"any": True}}}, {"tool": "a" * 257}, {"tool": "a." * 256 + "a"}, {"delegate_only": False}, {"delegate_only": 1},
        {"returns": {}}, {"arguments": {"at": {"during": {"from": "task+0s", "to": None}}}},
    ):  # fmt: skip
        body = json.loads(json.dumps(made))
        body["grant"]["capabilities"][0].update(change)
        with pytest.raises(MalformedError):
            parse_payload(_bytes(body), root=True)
    with pytest.raises(MalformedError, match=r"version 2.*not regex"):
        body = json.loads(json.dumps(made))
        body["grant"]["capabilities"][0]["arguments"] = {"x": {"regex": "a*"}}
        parse_payload(_bytes(body), root=True)
    for name in ("a" * 2049, "\u00e9" * 81, "a b" * 40):
        with pytest.raises(MalformedError):
            parse_payload(_bytes({**made, "holder": {**made["holder"], "name": name}}), root=True)


class Mixed(World):
    """A world with a tool whose grants need version 2 or do not."""

    def __post_init__(self) -> None:
        """Add the tool."""
        super().__post_init__()
        self.tracker.add_tool(Tool("desk.call", effect="read", arguments={"n": "number"}))

    def begin(self, capability, format: str) -> Token:
        """Open a task and issue its root."""
        ceiling = Grant([capability], audience=[DESK], delegations_left=9)
        task = self.tracker.open_task("T", owner=OWNER, ceiling=ceiling, lasts=1000)
        return self.tracker.issue(task, to=self.key("boss").public, format=format)

    def forced(self, token: Token, by: str, to: str, grant: Grant, version: int) -> str:
        """Return a token with one more link that its holder wrote in a version of its own choice."""
        payload = child_payload(
            token.id, holder_key=self.key(to).public.key, holder_name=to, grant=grant.filled_from(token.grant), salt=b"f" * 16
        )  # fmt: skip
        payload = _bytes({**json.loads(payload), "v": version})
        back_end = biscuit if token.format == "biscuit" else macaroon
        body = back_end.append(
            read_text(token.text).body, payload, holder_seed=self.key(by).secret_seed()
        )
        return TokenBytes(token.format, body).to_text()

    def call(self, text_: str, token: Token, by: str, n: float):
        """Return how a call is answered, as step and code; None for allowed."""
        access = Access("desk.call", {"n": n}, DESK)
        from dataclasses import replace

        proof = self.key(by).prove(replace(token, text=text_), access, at=NOW)
        return verdict(self.tracker.check(text_, proof, access))


@pytest.fixture(scope="module")
def mixed() -> Mixed:
    """Return one world for this file."""
    return Mixed(at=NOW)


@pytest.mark.parametrize("format", ["biscuit", "macaroon"])
def test_a_chain_mixes_versions_and_none_goes_back(mixed: Mixed, format: str) -> None:
    """Version 1, then 2, then no lower: by the writer's own hand, and refused where a holder forces it."""
    root = mixed.begin(may("desk.call", n=between(0, 9)), format)
    second = root.delegate(
        by=mixed.key("boss"),
        to=mixed.key("a").public,
        grant=Grant([may("desk.call", n=between(0, below=9))]),
    )
    third = second.delegate(
        by=mixed.key("a"), to=mixed.key("b").public, grant=Grant([may("desk.call", n=exact(5))])
    )
    assert [link.version for link in third.chain.links] == [1, 2, 2]
    assert mixed.call(third.text, third, "b", 5) is None
    assert mixed.call(second.text, second, "a", 9) == (8, "argument_refused")
    assert mixed.call(second.text, second, "a", 8.5) is None
    narrower = Grant([may("desk.call", n=exact(5))])
    allowed = mixed.forced(second, "a", "b", narrower, 2)
    assert mixed.call(allowed, second, "b", 5) is None
    lower = mixed.forced(second, "a", "b", narrower, 1)
    assert mixed.call(lower, second, "b", 5) == (5, "version_lowered")
    # Again, now that the parent's prefix is known to the cache.
    assert mixed.call(lower, second, "b", 5) == (5, "version_lowered")
    assert mixed.call(mixed.forced(second, "a", "b", narrower, 3), second, "b", 5) == (
        4,
        "payload_malformed",
    )
    of_version_2 = Grant([may("desk.call", n=between(0, below=5))])
    assert mixed.call(mixed.forced(root, "boss", "b", of_version_2, 1), root, "b", 1) == (
        4,
        "payload_malformed",
    )
    assert mixed.call(mixed.forced(root, "boss", "b", of_version_2, 2), root, "b", 1) is None


CAPABILITIES = [
    between(0, 9),
    between(0, 5),
    exact(5),
    exact(0.5),
    one_of(5, 0.5),
    between(0, below=9),
    between(above=0, below=5),
    anything(),
]


@settings(max_examples=25)
@given(
    steps=st.lists(st.sampled_from(CAPABILITIES), min_size=1, max_size=4),
    n=st.sampled_from([0, 0.5, 5, 9, 8.5]),
)
def test_both_formats_carry_a_mixed_chain_alike(mixed: Mixed, steps, n: float) -> None:
    """The same hand-overs are refused, and the same calls allowed, whichever the container."""
    found = []
    for format in ("biscuit", "macaroon"):
        token, by = mixed.begin(may("desk.call", n=anything()), format), "boss"
        for place, constraint in enumerate(steps):
            grant = Grant([may("desk.call", n=constraint)])
            try:
                token = token.delegate(
                    by=mixed.key(by), to=mixed.key(f"h{place}").public, grant=grant
                )
            except Exception as error:  # noqa: BLE001  # the kind of error is compared
                found.append((place, type(error).__name__))
                break
            by = f"h{place}"
        versions = [link.version for link in token.chain.links]
        assert all(below >= above for above, below in pairwise(versions))
        found.append((versions, mixed.call(token.text, token, by, n)))
    assert found[: len(found) // 2] == found[len(found) // 2 :]


MORNING = ("2027-01-15T08:01:00Z", "2027-01-15T08:30:00Z")


def test_times_from_the_opening_become_instants_where_the_service_fixes_them(mixed: Mixed) -> None:
    """In a ceiling, in a root, in a child task's ceiling; a holder offline writes instants itself."""
    mixed.tracker.add_tool(Tool("desk.plan", effect="read", arguments={"at": "datetime"}))
    day = may("desk.plan", at=during("task+0s", "task+86400s"))
    ceiling = Grant([day], audience=[DESK], delegations_left=9)
    task = mixed.tracker.open_task("T", owner=OWNER, ceiling=ceiling, lasts=1000)
    fixed = during("2027-01-15T08:00:00Z", "2027-01-16T08:00:00Z")
    assert mixed.at == NOW
    assert task.ceiling.capabilities[0].arguments["at"] == fixed
    hour = Grant([may("desk.plan", at=during("task+0s", "task+3600s"))])
    mixed.at += 60  # counted from the opening, not from when the root is issued
    root = mixed.tracker.issue(task, to=mixed.key("boss").public, grant=hour)
    first = during("2027-01-15T08:00:00Z", "2027-01-15T09:00:00Z")
    assert root.grant.capabilities[0].arguments["at"] == first
    part = Grant([may("desk.plan", at=during("task+0s", "task+60s"))])
    below, token = open_below(mixed, root, "boss", "a", ceiling=part)
    second = during("2027-01-15T08:01:00Z", "2027-01-15T08:02:00Z")
    assert below.ceiling.capabilities[0].arguments["at"] == second
    assert token.grant == below.ceiling
    for offline in (hour, Grant([may("desk.plan", at=during("task+10s", "task+20s"))])):
        with pytest.raises(WiderThanParentError, match="counts from the task's opening") as caught:
            root.delegate(by=mixed.key("boss"), to=mixed.key("b").public, grant=offline)
        assert "root.grant" in caught.value.remedy
    mine = root.grant.narrow([root.grant.capabilities[0].narrow(at=during(*MORNING))])
    assert root.delegate(by=mixed.key("boss"), to=mixed.key("b").public, grant=mine).grant == mine
    mixed.at = NOW


def test_long_and_odd_names_pass_every_step(mixed: Mixed) -> None:
    """An operation's id of 91 characters, with arguments as documents have them, in both formats."""
    name = "list_items_in_the_inventory_of_the_warehouse_v1_warehouses__warehouse_id__items__item_id__get"
    odd = {
        "filter[name]": "text",
        "X-Request-Id": "opaque",
        "$top?": "integer",
        "user.name": "text",
        "StartTime<?": "text",
    }
    mixed.tracker.add_tool(Tool(name, effect="read", arguments=odd))
    granted_ = {
        "filter[name]": text(9),
        "X-Request-Id": anything(),
        "$top": between(1, 5),
        "user.name": exact("ana"),
    }
    ceiling = Grant([may(name, arguments=granted_)], audience=[DESK], delegations_left=9)
    task = mixed.tracker.open_task("T", owner=OWNER, ceiling=ceiling, lasts=1000)
    for format in ("biscuit", "macaroon"):
        root = mixed.tracker.issue(task, to=mixed.key("boss").public, format=format)
        token = root.delegate(by=mixed.key("boss"), to=mixed.key("a").public, grant=Grant())
        for top, expected in ((5, None), (6, (8, "argument_refused"))):
            access = Access(
                name,
                {"filter[name]": "x", "X-Request-Id": "r1", "$top": top, "user.name": "ana"},
                DESK,
            )
            decision = mixed.tracker.check(
                token, mixed.key("a").prove(token, access, at=NOW), access
            )
            assert verdict(decision) == expected
        assert decision.denial.caveat == 'capabilities[0].arguments["$top"]'
    said = mixed.tracker.lineage(task).as_text()
    assert name in said or name[:40] in said


def test_a_long_name_is_carried_whole_and_found_by_its_claim(mixed: Mixed) -> None:
    """A holder reads its own whole name; the registry knows it by what version 1 carried."""
    key = HolderKey.generate(LONG)
    mixed.tracker.add_agent(LONG, owner=OWNER, keys=[key.public])
    root = mixed.begin(may("desk.call", n=between(0, 9)), "biscuit")
    token = root.delegate(by=mixed.key("boss"), to=key.public, grant=Grant())
    assert (token.holder.name, token.chain.leaf.version) == (LONG, 2)
    access = Access("desk.call", {"n": 1}, DESK)
    assert mixed.tracker.check(token, key.prove(token, access, at=NOW), access)
    entry = mixed.tracker.link(token.id)
    assert (entry.registered, entry.holder_name, entry.claimed_name) == (True, LONG, claim_of(LONG))
    # Carried in version 1, as links made before are, it is the same holder.
    first = mixed.forced(root, "boss", "x", Grant(), 1)
    assert first != token.text
