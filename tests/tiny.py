"""A tiny world without tokens or store: few tools, all calls of them, random grants, chains of payloads."""

from __future__ import annotations

from itertools import product

from hypothesis import strategies as st

from delegation import (
    Access,
    Catalogue,
    Grant,
    HolderKey,
    Tool,
    absent,
    all_of,
    any_of,
    anything,
    between,
    each,
    email,
    exact,
    may,
    one_of,
    path,
)
from delegation.authority.approval import ApprovalRule
from delegation.authority.chain import Chain, Origin, child_payload, parse_payload, root_payload
from delegation.authority.flow import AfterNever, AtMost
from delegation.authority.ids import TaskId
from delegation.authority.pattern import tool_pattern
from delegation.judge.capability import judge_capability
from delegation.judge.decision import Denial
from delegation.judge.window import deny_outside_window

NOW = 1_800_000_000
ISSUER = "https://authority.acme.example"
TASK = TaskId("tsk_" + "t" * 22)
TOOLS = (
    Tool("files.read", effect="read", arguments={"path": "path"}, resource="files:acme/{path}"),
    Tool("mail.send", effect="write", sensitivity=1,
         arguments={"to": "email", "cc?": {"type": "list", "of": "email"}}, resource="mail:acme/{to}"),
    Tool("pay.refund", effect="actuate", sensitivity=2, arguments={"amount": "integer"}, cost={"usd_cents": "amount"}),
)  # fmt: skip
CATALOGUE = Catalogue()
for _tool in TOOLS:
    CATALOGUE = CATALOGUE.with_tool(_tool)
KEYS = [HolderKey(f"h{n}", bytes([n + 1]) * 32) for n in range(16)]

CALLS = [
    *({"tool": "files.read", "arguments": {"path": p}} for p in ("/a", "/a/b", "/ab", "/")),
    *({"tool": "mail.send", "arguments": {"to": to}} for to in ("x@acme.example", "x@evil.example")),
    *({"tool": "mail.send", "arguments": {"to": "x@acme.example", "cc": [cc]}} for cc in ("y@acme.example", "y@evil.example")),
    *({"tool": "pay.refund", "arguments": {"amount": n}, "max_cost": {"usd_cents": max(n, 0)}} for n in (-1, 0, 1, 5, 6)),
]  # fmt: skip
ACCESSES = [
    (Access(**call, audience=audience, purpose=purpose), at)
    for call, audience, purpose, at in product(
        CALLS, ("one", "two"), ("", "desk", "desk/a", "desktop"), (NOW - 1, NOW, NOW + 9, NOW + 10)
    )
]

_path = st.sampled_from(
    [path("/"), path("/a"), exact("/a"), one_of("/a", "/ab"), anything(), all_of(path("/a"), exact("/a/b"))]
)  # fmt: skip
_mail = st.sampled_from([email("acme.example"), exact("x@acme.example"), anything()])
_list = st.sampled_from([absent(), each(email("acme.example")), anything(), any_of(absent(), each(email("evil.example")))])  # fmt: skip
_amount = st.sampled_from(
    [between(0, 5), between(1, 6), between(None, 5), exact(5), one_of(-1, 6), anything()]
)
_resources = st.lists(
    st.sampled_from(["files:acme/*", "files:acme/%2Fa", "mail:acme/*", "mail:acme/**", "**"]), max_size=2
)  # fmt: skip
capabilities = st.one_of(
    st.builds(lambda t, r, c: may(t, resources=r, path=c), st.sampled_from(["files.read", "files.*", "**"]), _resources, _path),
    st.builds(lambda t, r, to, cc: may(t, resources=r, to=to, cc=cc), st.sampled_from(["mail.send", "*.send"]), _resources, _mail, _list),
    st.builds(lambda r, to: may("mail.send", resources=r, to=to), _resources, _mail),
    st.builds(lambda c: may("pay.refund", amount=c), _amount),
)  # fmt: skip
RULE = ApprovalRule((tool_pattern("pay.*"),), ("chief", "deputy"))
STRICTER = ApprovalRule((tool_pattern("**"),), ("chief",), 2)
FLOW, MORE_FLOW = AfterNever(("pii",), ("external",)), AfterNever(("pii", "secret"), ("external",))
FIELDS = {
    "capabilities": st.lists(capabilities, max_size=3),
    "effects": st.lists(st.sampled_from(["read", "write", "actuate"]), max_size=3),
    "max_sensitivity": st.integers(0, 3),
    "audience": st.lists(st.sampled_from(["one", "two"]), max_size=2),
    "purpose": st.sampled_from(["", "desk", "desk/a", "desktop"]),
    "not_before": st.sampled_from([0, NOW, NOW + 1]),
    "expires_at": st.sampled_from([NOW, NOW + 1, NOW + 10]),
    "delegations_left": st.integers(0, 4),
    "budget": st.sampled_from([{}, {"calls": 3}, {"calls": 9, "usd_cents": 5}, {"usd_cents": 50}]),
    "needs_approval": st.lists(st.sampled_from([RULE, STRICTER]), max_size=1),
    "flow": st.lists(st.sampled_from([FLOW, MORE_FLOW, AtMost({"writes": 1}), AtMost({"writes": 2})]), max_size=2),
}  # fmt: skip
grants = st.builds(lambda fields: Grant(**fields), st.fixed_dictionaries(FIELDS))


def full(**fields: object) -> Grant:
    """Return a complete grant that holds everything of this world but for the fields given."""
    everything = {
        "capabilities": [
            may("files.read", resources=["files:acme/*"], path=anything()),
            may("mail.send", resources=["mail:acme/*"], to=anything(), cc=anything()),
            may("pay.refund", amount=anything()),
        ],
        "effects": ["read", "write", "actuate"], "max_sensitivity": 3, "audience": ["one", "two"], "purpose": "",
        "not_before": 0, "expires_at": NOW + 10, "delegations_left": 4, "budget": {}, "needs_approval": [], "flow": [],
    }  # fmt: skip
    return Grant(**{**everything, **fields})  # type: ignore[arg-type]


def payloads(*held: Grant, catalogue: int = CATALOGUE.revision) -> list[bytes]:
    """Return the payloads of a chain of these grants, root first."""
    made: list[bytes] = []
    for depth, grant in enumerate(held):
        to = {
            "holder_key": KEYS[depth].public.key,
            "holder_name": f"h{depth}",
            "grant": grant,
            "salt": b"s" * 16,
        }
        if depth == 0:
            made.append(root_payload(Origin(ISSUER, TASK, None, catalogue), **to))
        else:
            made.append(child_payload(parse_payload(made[-1], root=depth == 1).id, **to))
    return made  # fmt: skip


def chain_of(*held: Grant, catalogue: int = CATALOGUE.revision) -> Chain:
    """Return a chain of these grants as if its signatures had been checked; narrowing is not looked at."""
    made = payloads(*held, catalogue=catalogue)
    return Chain(tuple(parse_payload(data, root=depth == 0) for depth, data in enumerate(made)))


def judged(
    chain: Chain, access: Access, at: int, catalogue: Catalogue = CATALOGUE
) -> Denial | None:
    """Return the denial of steps 7 and 8, or None."""
    denial = deny_outside_window(chain, access, at)
    if denial is None:
        found = judge_capability(chain, access, catalogue)
        denial = found if isinstance(found, Denial) else None
    return denial


def admitted(grant: Grant) -> set[int]:
    """Return the places of all accesses of this world that a grant admits at steps 7 and 8."""
    chain = chain_of(grant)
    return {n for n, (access, at) in enumerate(ACCESSES) if judged(chain, access, at) is None}
