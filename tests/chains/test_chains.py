"""Chains as data: a spoken name, what is done, and the expected denial, the same in both formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cases import every
from world import DESK, ONE_PAY, OWNER, PAY, READ, SEND, World, verdict

from delegation import Access, Grant, HolderKey, Token, Tool, anything, email, exact, may, path
from delegation.authority.approval import ApprovalRule
from delegation.authority.chain import child_payload
from delegation.authority.flow import AfterNever, Apart, AtMost
from delegation.authority.pattern import tool_pattern
from delegation.judge.decision import Decision
from delegation.tokens import biscuit, macaroon
from delegation.tokens.text import TokenBytes, read_text

Case = Callable[[World, str], Decision]


def forged(world: World, token: Token, by: HolderKey, grant: Grant, to: HolderKey) -> Token:
    """Append a well-signed link past every check of the library."""
    leaf = token.chain.leaf
    payload = child_payload(
        leaf.id, holder_key=to.public.key, holder_name=to.name, grant=grant, salt=b"s" * 16
    )
    back_end = biscuit if token.format == "biscuit" else macaroon
    body = back_end.append(read_text(token.text).body, payload, holder_seed=by.secret_seed())
    return replace(token, text=TokenBytes(token.format, body).to_text())


def widened(**fields: object) -> Case:
    """Return a case in which a.child holds more than its parent in one field."""

    def run(world: World, format: str) -> Decision:
        token = world.chain("boss", "a", format=format, budget={"calls": 5}, effects=["read"])
        base = token.grant
        given = {
            name: getattr(base, name)
            for name in (
                "audience",
                "purpose",
                "not_before",
                "expires_at",
                "delegations_left",
                "budget",
                "needs_approval",
                "flow",
                "effects",
                "max_sensitivity",
            )
        }
        given["delegations_left"] = base.delegations_left - 1
        capabilities = fields.get("capabilities", base.capabilities)
        given.update({k: v for k, v in fields.items() if k != "capabilities"})
        grant = Grant(capabilities, **given)  # type: ignore[arg-type]
        child = forged(world, token, world.key("a"), grant, world.key("b"))
        return world.check(child, "b")

    return run


def called(access: Access | None = None, **fields: object) -> Case:
    """Return a case that makes one call under boss > a with these fields narrowed."""

    def run(world: World, format: str) -> Decision:
        return world.check(world.chain("boss", "a", format=format, **fields), "a", access)

    return run


def read(value: object, **fields: object) -> Access:
    """Return a call of files.read."""
    return Access("files.read", {"path": value}, DESK, purpose="desk", **fields)  # type: ignore[arg-type]


def mail(**arguments: object) -> Access:
    """Return a call of mail.send."""
    return Access("mail.send", arguments, DESK, purpose="desk")  # type: ignore[arg-type]


def pay(amount: int, order: str = "o1", most: int | None = None) -> Access:
    """Return a call of pay.refund."""
    cost = {"usd_cents": amount if most is None else most} if amount >= 0 else {}
    return Access("pay.refund", {"order": order, "amount": amount}, DESK, "desk", cost)


def after(deed: Callable[[World, Token], object], *, by: str = "a") -> Case:
    """Return a case in which something happens between delegation and call."""

    def run(world: World, format: str) -> Decision:
        token = world.chain("boss", "a", "b", format=format)
        deed(world, token)
        return world.check(token, "b")

    return run


def key_text(world: World, name: str) -> str:
    """Return a key as revocations name it."""
    return world.key(name).public.text.removeprefix("ed25519:")


def not_signed(world: World, format: str) -> Decision:
    """Append a link signed by somebody else than the holder."""
    token = world.chain("boss", "a", format=format)
    child = forged(world, token, world.key("mallory"), token.grant.narrow(), world.key("b"))
    return world.check(child, "b")


def other_parent(world: World, format: str) -> Decision:
    """Re-attach a child of one chain to another chain of the same holder."""
    one = world.chain("boss", "a", format=format)
    two = world.chain("boss", "a", format=format)
    payload = child_payload(one.id, holder_key=world.key("b").public.key, holder_name="b",
                            grant=one.grant.narrow(), salt=b"s" * 16)  # fmt: skip
    back_end = biscuit if format == "biscuit" else macaroon
    body = back_end.append(
        read_text(two.text).body, payload, holder_seed=world.key("a").secret_seed()
    )
    return world.check(replace(two, text=TokenBytes(two.format, body).to_text()), "b")


def truncated(world: World, format: str) -> Decision:
    """Let the leaf's holder present the chain above it with its own key."""
    token = world.chain("boss", "a", format=format)
    return world.check(token, "b")


def replayed(world: World, format: str) -> Decision:
    """Send the same proof twice."""
    token, access = world.chain("boss", "a", format=format), world.access()
    proof = world.key("a").prove(token, access, at=world.at)
    world.tracker.check(token, proof, access)
    return world.tracker.check(token, proof, access)


def proof_at(shift: int) -> Case:
    """Return a case whose proof was made so many seconds from the service's clock."""

    def run(world: World, format: str) -> Decision:
        token, access = world.chain("boss", "a", format=format), world.access()
        return world.tracker.check(
            token, world.key("a").prove(token, access, at=world.at + shift), access
        )

    return run


def tampered(world: World, format: str) -> Decision:
    """Change an argument after the proof was made: true where 1 was signed."""
    token = world.chain("boss", "a", format=format)
    signed = Access("pay.refund", {"order": "o1", "amount": 1}, DESK, "desk", {"usd_cents": 1})
    sent = Access("pay.refund", {"order": "o1", "amount": True}, DESK, "desk", {"usd_cents": 1})
    return world.tracker.check(token, world.key("a").prove(token, signed, at=world.at), sent)


def spent(world: World, format: str) -> Decision:
    """Spend a parent's budget through one child, then ask through its sibling."""
    top = world.chain("boss", "a", format=format, budget={"calls": 1})
    left = top.delegate(by=world.key("a"), to=world.key("b").public, grant=Grant())
    right = top.delegate(by=world.key("a"), to=world.key("c").public, grant=Grant())
    assert world.check(left, "b")
    return world.check(right, "c")


def redefined(**change: object) -> Case:
    """Return a case in which a tool is redefined after the root was issued."""

    def run(world: World, format: str) -> Decision:
        token = world.chain("boss", "a", format=format)
        given = {"effect": "read", "arguments": {"path": "path"}, "sensitivity": 1, **change}
        world.tracker.add_tool(Tool("files.read", **given))  # type: ignore[arg-type]
        return world.check(token, "a")

    return run


def later_tool(world: World, format: str) -> Decision:
    """Call a tool that the pinned catalogue revision does not have."""
    token = world.chain("boss", "a", format=format)
    world.tracker.add_tool(Tool("files.erase", effect="delete", arguments={"path": "path"}))
    return world.check(token, "a", Access("files.erase", {"path": "/a"}, DESK, "desk"))


def contradicting(world: World, format: str) -> Decision:
    """Name a registered agent over another key."""
    world.tracker.add_agent("mail", owner=OWNER, keys=[world.key("the real one").public])
    return world.check(world.chain("boss", "mail", format=format), "mail")


def misnamed(world: World, format: str) -> Decision:
    """Give a registered key another name."""
    world.tracker.add_agent("registered", owner=OWNER, keys=[world.key("a").public])
    return world.check(world.chain("boss", "a", format=format), "a")


def revoked_agent(world: World, token: Token) -> None:
    """Register the middle agent and revoke it."""
    world.tracker.add_agent("a", owner=OWNER, keys=[world.key("a").public])
    world.tracker.revoke("agent", "a", by="test")


def foreign_root(world: World, format: str) -> Decision:
    """Present a root that another service with the same keys never recorded."""
    other = World()
    other.tracker._desk = replace(other.tracker._desk, keys=world.tracker._desk.keys)
    token = other.chain("boss", "a", format=format)
    world.keys.update(other.keys)
    return world.check(token, "a")


def carrying(**fields: object) -> Case:
    """Return a case under a root with a field that only later releases judge."""

    def run(world: World, format: str) -> Decision:
        world.task = world.open(**fields)
        return world.check(world.chain("boss", "a", format=format), "a")

    return run


def after_a_read(**fields: object) -> Case:
    """Return a case in which another holder of the task read something, then mail is sent."""

    def run(world: World, format: str) -> Decision:
        assert world.check(world.chain("boss", "b", format=format), "b")
        token = world.chain("boss", "a", format=format, **fields)
        return world.check(token, "a", mail(to="x@acme.example", body="hi"))

    return run


def free_money(world: World, format: str) -> Decision:
    """Cost money under a task that budgets none."""
    world.task = world.open(budget={"calls": 5})
    return world.check(world.chain("boss", "a", format=format), "a", pay(5))


def own_money(world: World, format: str) -> Decision:
    """Delegate to oneself with a budget of money that the task's ceiling does not name."""
    world.task = world.open(budget={"calls": 5})
    token = world.chain("boss", "boss", format=format, budget={"usd_cents": 1000})
    return world.check(token, "boss", pay(5))


def skewed(seconds: int) -> Callable[[World, Token], None]:
    """Return a deed that moves the clock."""

    def run(world: World, token: Token) -> None:
        world.at += seconds

    return run


CONSENT = ApprovalRule((tool_pattern("files.read"),), ("chief",))
CHAINS: dict[str, tuple[Case, tuple[int, str] | None]] = {
    "an equal grant is handed on": (called(), None),
    "each link narrows": (called(capabilities=[READ.narrow(path=path("/a"))]), None),
    "mail within the domain": (called(mail(to="x@acme.example", body="hi")), None),
    "a cost within the budget": (called(pay(500)), None),
    "an empty capability list admits nothing": (called(capabilities=[]), (8, "tool_not_granted")),
    "another signs": (not_signed, (4, "not_signed_by_holder")),
    "a child of another parent": (other_parent, (4, "other_parent")),
    "a tool returns": (widened(capabilities=[READ, SEND.narrow(), may("ops.restart", host=exact("h.example"))]), (5, "tool_widened")),
    "an argument widens": (widened(capabilities=[may("pay.refund", order=exact("o1"), amount=PAY.arguments["order"])]), (5, "argument_widened")),
    "one cent more": (widened(capabilities=[may("pay.refund", order=exact("o1"), amount=Grant and type(PAY.arguments["amount"])(1, 501))]), (5, "argument_widened")),
    "an argument is dropped": (widened(capabilities=[may("pay.refund", order=exact("o1"))]), (5, "argument_dropped")),
    "an argument is added": (widened(capabilities=[READ.narrow(), may("files.read", path=exact("/a"), mode=exact("w"))]), (5, "argument_added")),
    "a resource widens": (widened(capabilities=[may("mail.send", resources=["mail:acme/**"], **dict(SEND.arguments))]), (5, "resource_widened")),
    "an effect returns": (widened(effects=["read", "write"]), (5, "effects_widened")),
    "sensitivity rises": (widened(max_sensitivity=3), (5, "sensitivity_widened")),
    "an audience is added": (widened(audience=[DESK, "https://evil.example"]), (5, "audience_widened")),
    "the purpose widens": (widened(purpose=""), (5, "purpose_widened")),
    "a purpose that begins alike": (widened(purpose="desktop"), (5, "purpose_widened")),
    "the child outlives": (widened(expires_at=2_000_000_000), (5, "expiry_widened")),
    "the child is backdated": (widened(not_before=1), (5, "start_widened")),
    "depth is raised": (widened(delegations_left=9), (5, "delegations_widened")),
    "a budget rises": (widened(budget={"calls": 6}), (5, "budget_widened")),
    "truncated to the parent": (truncated, (6, "proof_signature")),
    "true where 1 was signed": (tampered, (6, "proof_other_access")),
    "a proof 61 s old": (proof_at(-61), (6, "proof_stale")),
    "a proof 60 s old": (proof_at(-60), None),
    "a proof 6 s ahead": (proof_at(6), (6, "proof_from_future")),
    "a proof 5 s ahead": (proof_at(5), None),
    "expired to the second": (after(skewed(1000)), (7, "expired")),
    "one second before expiry": (after(skewed(999)), None),
    "not yet valid": (called(not_before=1_800_000_001), (7, "not_yet_valid")),
    "another audience": (called(Access("files.read", {"path": "/a"}, "https://other.example", "desk")), (7, "audience_not_granted")),
    "an unlisted tool": (called(Access("ops.restart", {"host": "h.acme.example"}, DESK, "desk")), (8, "effect_not_granted")),
    "an unknown tool": (called(Access("no.such", {}, DESK, "desk")), (8, "tool_unknown")),
    "a reserved tool as a call": (called(Access("delegation.revoke", {}, DESK, "desk")), (8, "tool_unknown")),
    "an effect that was narrowed away": (called(mail(to="x@acme.example", body=""), effects=["read"]), (8, "effect_not_granted")),
    "sensitivity that was narrowed away": (called(max_sensitivity=0), (8, "sensitivity_not_granted")),
    "another purpose": (called(Access("files.read", {"path": "/a"}, DESK, "other")), (8, "purpose_not_granted")),
    "a dot segment": (called(read("/a/../b")), (8, "path_dot_segment")),
    "an escaped path": (called(read("/%2e%2e/b")), (8, "path_escape")),
    "null": (called(read(None)), (8, "argument_missing")),
    "a missing argument": (called(Access("files.read", {}, DESK, "desk")), (8, "argument_missing")),
    "an additional argument": (called(Access("files.read", {"path": "/a", "x": 1}, DESK, "desk")), (8, "argument_unknown")),
    "another recipient": (called(mail(to="eve@evil.example", body="")), (8, "argument_refused")),
    "two recipients in one": (called(mail(to="x@acme.example,eve@evil.example", body="")), (8, "email_several")),
    "a resource that was narrowed away": (called(mail(to="x@acme.example", body=""), capabilities=[SEND.narrow(resources=["mail:acme/y%40acme.example"])]), (8, "resource_not_granted")),
    "a constraint of the wrong kind": (called(capabilities=[READ.narrow(path=email("acme.example"))]), (8, "argument_refused")),
    "more than agreed": (called(pay(50, most=49)), (8, "cost_over_max")),
    "a negative amount": (called(pay(-1)), (8, "argument_refused")),
    "types change under a root": (redefined(arguments={"path": "text"}), (8, "tool_redefined")),
    "the effect changes under a root": (redefined(effect="admin"), (8, "effect_not_granted")),
    "sensitivity rises under a root": (redefined(sensitivity=3), (8, "sensitivity_not_granted")),
    "a tool that came later": (later_tool, (8, "tool_unknown")),
    "a root that nobody recorded": (foreign_root, (10, "root_not_recorded")),
    "the link is revoked": (after(lambda w, t: w.tracker.revoke("link", t.id, by="test")), (10, "link_revoked")),
    "an ancestor is revoked": (after(lambda w, t: w.tracker.revoke("link", t.chain.links[1].id, by="test")), (10, "link_revoked")),
    "a key above is revoked": (after(lambda w, t: w.tracker.revoke("key", key_text(w, "a"), by="test")), (10, "key_revoked")),
    "an agent above is revoked": (after(revoked_agent), (10, "agent_revoked")),
    "the task is revoked": (after(lambda w, t: w.tracker.revoke("task", w.task.id, by="test")), (10, "task_revoked")),
    "the task is closed": (after(lambda w, t: w.tracker.close_task(w.task)), (10, "task_closed")),
    "a forged name": (contradicting, (10, "holder_contradicts_registry")),
    "a registered key under another name": (misnamed, (10, "holder_contradicts_registry")),
    "a flow rule about a label that nobody declared": (called(flow=[AfterNever(("pii",), ("external",))]), (11, "flow_term_unknown")),
    "a write after a read": (after_a_read(flow=[AfterNever(("effect:read",), ("effect:write",))]), (11, "flow_forbidden")),
    "a second write": (after_a_read(flow=[AfterNever(("effect:write",), ("effect:write",))]), None),
    "a second call": (after_a_read(flow=[AtMost({"calls": 1})]), (11, "flow_count_spent")),
    "duties of a stranger": (after_a_read(flow=[Apart((("effect:read",), ("effect:write",)))]), (11, "flow_actor_unknown")),
    "both duties of one owner": (after_a_read(flow=[Apart((("effect:read",), ("effect:write",)), by="owner")]), (11, "flow_not_apart")),
    "a sibling spent it": (spent, (12, "budget_spent")),
    "no calls at all": (called(budget={"calls": 0}), (12, "budget_spent")),
    "money that nobody budgeted": (free_money, (12, "budget_not_named")),
    "money of the holder's own making": (own_money, (12, "budget_not_named")),
    "money beyond the link": (called(pay(101), capabilities=[PAY], budget={"usd_cents": 100}), (12, "budget_spent")),
    "an approval rule": (carrying(needs_approval=[CONSENT]), (13, "approval_needed")),
    "a replay": (replayed, (14, "replayed")),
}  # fmt: skip


@every("format", ["biscuit", "macaroon"])
@every(("case", "expected"), CHAINS.values(), ids=CHAINS)
def test_first_break_is_named(case: Case, expected: tuple[int, str] | None, format: str) -> None:
    """A call is denied at the first step it breaks, in either format, and recorded so."""
    world = World()
    decision = case(world, format)
    assert verdict(decision) == expected
    recorded = world.tracker.decision(decision.id)
    assert verdict(recorded.decision) == expected
    assert [(s.number, s.outcome) for s in recorded.decision.steps] == [
        (s.number, s.outcome) for s in decision.steps
    ]


def test_an_unfit_constraint_is_refused_even_if_it_admits() -> None:
    """A path constraint on plain text would compare what nobody canonicalised."""
    world = World()
    world.tracker.add_tool(Tool("notes.read", effect="read", arguments={"name": "text"}))
    world.task = world.tracker.open_task(
        "T", owner=OWNER, lasts=100,
        ceiling=Grant([may("notes.read", name=anything())], audience=[DESK], delegations_left=3),
    )  # fmt: skip
    token = world.chain("boss", "a", capabilities=[may("notes.read", name=path("/notes"))])
    call = Access("notes.read", {"name": "/notes/../etc/passwd"}, DESK)
    assert verdict(world.check(token, "a", call)) == (8, "constraint_unfit")


def test_an_unfit_constraint_above_is_refused_whatever_a_child_made_of_it() -> None:
    """A delegator's path constraint on plain text restricts nothing, so the chain is refused at its link."""
    world = World()
    world.tracker.add_tool(Tool("notes.read", effect="read", arguments={"name": "text"}))
    world.task = world.tracker.open_task(
        "T", owner=OWNER, lasts=100,
        ceiling=Grant([may("notes.read", name=anything())], audience=[DESK], delegations_left=3),
    )  # fmt: skip
    token = world.chain("boss", "a", capabilities=[may("notes.read", name=path("/notes"))])
    sly = Grant([may("notes.read", name=exact("/notes/../etc/passwd"))])
    child = token.delegate(by=world.key("a"), to=world.key("b").public, grant=sly)
    call = Access("notes.read", {"name": "/notes/../etc/passwd"}, DESK)
    decision = world.check(child, "b", call)
    assert verdict(decision) == (8, "constraint_unfit")
    assert decision.denial is not None
    assert decision.denial.depth == 1


def test_a_trail_never_shows_a_check_that_was_not_made() -> None:
    """Steps after the failing one are not reached; policy is recorded as not configured."""
    world = World()
    token = world.chain("boss", "a")
    outcomes = {s.name: s.outcome for s in world.check(token, "a").steps}
    assert outcomes.pop("policy") == "not_configured"
    assert set(outcomes.values()) == {"passed"}
    access = world.access()
    proof = world.key("a").prove(token, access, at=world.at)
    world.tracker.check(token, proof, access)
    again = world.tracker.check(token, proof, access)
    assert [s.outcome for s in again.steps[9:]] == ["not_reached"] * 4 + ["failed"]


def test_one_pay_is_within_pay() -> None:
    """The world's own capabilities narrow as their names say."""
    assert PAY.refuses_child(ONE_PAY) is None
    assert ONE_PAY.refuses_child(PAY) is not None
