"""Flow rules hold over a whole task, whoever calls, in whatever order and from whichever process."""

from __future__ import annotations

import pytest
from flow_world import PII, FlowWorld
from sqlalchemy import text
from world import NOW, OWNER, verdict
from writing import begin, held_back, scalar

from delegation.authority.flow import AfterNever, Apart, AtMost
from delegation.authority.ids import DecisionId
from delegation.commands.announce import announcement
from delegation.commands.check import draft_of, prepare, settled
from delegation.errors import MalformedError
from delegation.tracker import Tracker

FORBIDDEN = (11, "flow_forbidden")


@pytest.fixture
def flow(url) -> FlowWorld:
    """Return a world with a history."""
    world = FlowWorld(url=url)
    yield world
    world.tracker.close()


def execute(world: FlowWorld, statement: str) -> None:
    """Change the database behind the tracker's back."""
    with world.tracker._store._database.writing() as connection:
        connection.execute(text(statement))


def test_after_pii_nothing_external_whoever_calls(flow: FlowWorld) -> None:
    """One agent reads personal data, another one sends: denied at step 11, with rule, cause and remedy."""
    flow.task = flow.flow_task(flow=[PII])
    reader, sender = flow.chain("boss", "a"), flow.chain("boss", "b")
    before = flow.ask(sender, "b", "web.post")
    read = flow.ask(reader, "a", "crm.read")
    after = flow.ask(sender, "b", "web.post")
    assert (verdict(before), verdict(read), verdict(after)) == (None, None, FORBIDDEN)
    denial = after.denial
    assert denial.offered == {"never": "external", "after": "pii", "decision": read.id}
    assert (denial.caveat, denial.allowed, denial.depth) == ("flow[0]", PII.to_json(), 0)
    assert denial.remedy
    assert verdict(flow.ask(reader, "a", "crm.read")) is None, "reading goes on"
    other = flow.task
    flow.task = flow.flow_task(flow=[PII])
    assert flow.ask(flow.chain("boss", "b"), "b", "web.post"), "another task has another history"
    assert other != flow.task


def test_a_later_rule_sees_earlier_calls_of_chains_without_one(flow: FlowWorld) -> None:
    """A holder adds the rule offline; what the task did before it counts, and what others do meanwhile."""
    free = flow.chain("boss", "a")
    read = flow.ask(free, "a", "crm.read")
    assert scalar(flow, "SELECT count(*) FROM flow_seen") == 0, "nothing is summed that nobody asks"
    ruled = flow.chain("boss", "b", flow=[PII])
    denied = flow.ask(ruled, "b", "web.post")
    assert (verdict(denied), denied.denial.depth) == (FORBIDDEN, 1)
    assert denied.denial.offered["decision"] == read.id
    assert flow.ask(free, "a", "web.post"), "a chain without the rule is not bound by it"

    flow.task = flow.flow_task()
    free, ruled = flow.chain("boss", "a"), flow.chain("boss", "b", flow=[PII])
    assert flow.ask(ruled, "b", "web.post")
    assert flow.ask(free, "a", "crm.read"), "now that sums are kept, every call adds to them"
    assert verdict(flow.ask(ruled, "b", "web.post")) == FORBIDDEN


def test_labels_of_resources_count_like_those_of_tools(flow: FlowWorld) -> None:
    """Reading the customers' table is reading personal data; every pattern that matches counts."""
    flow.task = flow.flow_task(flow=[PII])
    token = flow.chain("boss", "a")
    assert flow.ask(token, "a", "db.query", table="stock")
    assert flow.ask(token, "a", "web.post")
    flow.tracker.label_resources("db:acme/*", ["inside"])
    assert flow.ask(token, "a", "db.query", table="customers")
    assert verdict(flow.ask(token, "a", "web.post")) == FORBIDDEN


def test_a_label_taken_back_still_binds_roots_that_pinned_it(flow: FlowWorld) -> None:
    """Of a redefined tool or resource both definitions' labels count."""
    flow.task = flow.flow_task(flow=[PII])
    old = flow.chain("boss", "a")
    flow.tracker.label_resources("db:acme/customers", [])
    assert flow.ask(old, "a", "db.query", table="customers")
    assert verdict(flow.ask(old, "a", "web.post")) == FORBIDDEN
    flow.task = flow.flow_task(flow=[PII])
    new = flow.chain("boss", "a")
    assert flow.ask(new, "a", "db.query", table="customers")
    assert flow.ask(new, "a", "web.post")


def test_one_call_that_does_both_is_refused(flow: FlowWorld) -> None:
    """A single call that reads personal data and is external does in one act what the rule forbids in two."""
    flow.task = flow.flow_task(flow=[PII])
    denied = flow.ask(flow.chain("boss", "a"), "a", "web.sync")
    assert verdict(denied) == FORBIDDEN
    assert denied.denial.offered == {"never": "external", "after": "pii", "decision": None}


def test_a_term_does_not_follow_itself(flow: FlowWorld) -> None:
    """After external never external: one, and no second."""
    flow.task = flow.flow_task(flow=[AfterNever(("external",), ("external",))])
    token = flow.chain("boss", "a")
    assert flow.ask(token, "a", "web.post")
    assert verdict(flow.ask(token, "a", "web.post")) == FORBIDDEN


def test_a_denied_call_leaves_no_history(flow: FlowWorld) -> None:
    """What was not allowed was not done: denied by budget, it does not count."""
    flow.task = flow.flow_task(flow=[PII])
    poor = flow.chain("boss", "a", budget={"calls": 0})
    assert verdict(flow.ask(poor, "a", "crm.read")) == (12, "budget_spent")
    assert flow.ask(flow.chain("boss", "b"), "b", "web.post")


@pytest.mark.parametrize(
    ("rule", "first", "then"),
    [
        (AfterNever(("system:crm",), ("system:web",)), "crm.read", "web.post"),
        (AfterNever(("domain:customers",), ("domain:finance",)), "crm.read", "pay.request"),
        (AfterNever(("effect:write",), ("effect:delete",)), "pay.request", "pay.drop"),
        (AfterNever(("tool:crm.*",), ("tool:pay.**",)), "crm.read", "pay.drop"),
        (AtMost({"writes": 1}), "pay.request", "web.post"),
        (AtMost({"calls": 1}), "crm.read", "crm.read"),
        (AtMost({"systems": 1}), "crm.read", "web.post"),
        (AtMost({"domains": 1}), "web.post", "web.sync"),
        (AtMost({"tools": 1}), "crm.read", "web.post"),
        (AtMost({"changes": 1}), "pay.request", "pay.drop"),
        (AtMost({"reads": 1}), "crm.read", "crm.read"),
        (AtMost({"deletes": 0, "reads": 9}), "crm.read", "pay.drop"),
    ],
    ids=str,
)  # fmt: skip
def test_every_kind_of_rule_refuses_what_it_names(flow: FlowWorld, rule, first, then) -> None:
    """The second call is refused after the first, and allowed without it unless it is over by itself."""
    flow.task = flow.flow_task(flow=[rule])
    one, two = flow.chain("boss", "a"), flow.chain("boss", "b")
    assert flow.ask(one, "a", first)
    denied = flow.ask(two, "b", then)
    assert denied.denial.step == 11
    assert denied.denial.code == "flow_forbidden" if isinstance(rule, AfterNever) else True
    assert denied.denial.remedy
    flow.task = flow.flow_task(flow=[rule])
    alone = flow.ask(flow.chain("boss", "b"), "b", then)
    assert alone.allowed is ("deletes" not in str(rule))


def test_duties_are_kept_apart(flow: FlowWorld) -> None:
    """Who requests a payment does not approve it: not by a second key, and by owner not through a colleague."""
    for name, owner in (("a", OWNER), ("b", OWNER), ("c", "bo@acme.example")):
        flow.tracker.add_agent(name, owner=owner, keys=[flow.key(name).public])
    duties = (("tool:pay.request",), ("tool:pay.approve",))
    flow.task = flow.flow_task(flow=[Apart(duties)])
    requested = flow.ask(flow.chain("boss", "a"), "a", "pay.request")
    assert requested
    denied = flow.ask(flow.chain("boss", "a"), "a", "pay.approve")
    assert verdict(denied) == (11, "flow_not_apart")
    assert denied.denial.offered == {"before": "tool:pay.request", "decision": requested.id}
    second = flow.chain("boss", "a", "a's other key")
    assert verdict(flow.ask(second, "a's other key", "pay.approve")) == (11, "flow_not_apart")
    stranger = flow.ask(flow.chain("boss", "z"), "z", "pay.approve")
    assert verdict(stranger) == (11, "flow_actor_unknown")
    assert flow.ask(flow.chain("boss", "b"), "b", "pay.approve")

    flow.task = flow.flow_task(flow=[Apart(duties, by="owner")])
    assert flow.ask(flow.chain("boss", "a"), "a", "pay.request")
    assert verdict(flow.ask(flow.chain("boss", "b"), "b", "pay.approve")) == (11, "flow_not_apart")
    assert flow.ask(flow.chain("boss", "c"), "c", "pay.approve")


def test_a_duty_done_by_nobody_known_is_not_followed_by_the_other(flow: FlowWorld) -> None:
    """An earlier call of an unregistered key may have been this agent's own."""
    assert flow.ask(flow.chain("boss", "z"), "z", "pay.request")
    flow.tracker.add_agent("a", owner=OWNER, keys=[flow.key("a").public])
    ruled = flow.chain("boss", "a", flow=[Apart((("tool:pay.request",), ("tool:pay.approve",)))])
    assert verdict(flow.ask(ruled, "a", "pay.approve")) == (11, "flow_actor_unknown")


def test_a_rule_about_nothing_is_refused(flow: FlowWorld) -> None:
    """A slip of the pen would be a rule that never holds: refused at opening, and offline links at step 11."""
    for term in ("pi", "system:crn", "domain:nowhere", "tool:crm.raed", "tool:cmr.**"):
        with pytest.raises(MalformedError):
            flow.flow_task(flow=[AfterNever((term,), ("external",))])
        token = flow.chain("boss", "a", flow=[AfterNever((term,), ("external",))])
        denied = flow.ask(token, "a", "crm.read")
        assert verdict(denied) == (11, "flow_term_unknown")
        assert denied.denial.offered == [term]


def test_calls_in_one_batch_see_the_ones_before(flow: FlowWorld, monkeypatch) -> None:
    """What waits together is settled in order of arrival: the send before the read passes, not the one after."""
    flow.task = flow.flow_task(flow=[PII])
    reader, sender = flow.chain("boss", "a"), flow.chain("boss", "b")
    gate = held_back(flow, monkeypatch)
    post, read = flow.call("web.post"), flow.call("crm.read")
    waiting = [
        begin(flow, sender, "b", access=post),
        begin(flow, reader, "a", access=read),
        begin(flow, sender, "b", access=post),
    ]
    gate.set()
    assert [verdict(settled(one)) for one in waiting] == [None, None, FORBIDDEN]


def test_counts_in_one_batch_are_exact(flow: FlowWorld, monkeypatch) -> None:
    """Of twenty writes that wait together, three pass, and the sums say three."""
    flow.task = flow.flow_task(flow=[AtMost({"writes": 3})])
    token = flow.chain("boss", "a")
    gate = held_back(flow, monkeypatch)
    waiting = [begin(flow, token, "a", access=flow.call("web.post")) for _ in range(20)]
    gate.set()
    assert sum(bool(settled(one)) for one in waiting) == 3
    assert scalar(flow, "SELECT times FROM flow_seen WHERE mark = 'effect:write'") == 3


def test_calls_from_before_histories_were_kept_refuse_every_rule(flow: FlowWorld) -> None:
    """What an upgraded task did before is not known, so nothing says that a rule holds."""
    assert flow.ask(flow.chain("boss", "a"), "a", "web.post")
    execute(flow, "UPDATE decision SET trace = NULL")
    ruled = flow.chain("boss", "b", flow=[PII])
    assert verdict(flow.ask(ruled, "b", "web.post")) == (11, "flow_history_unknown")
    assert flow.ask(flow.chain("boss", "a"), "a", "web.post"), "without a rule nothing is asked"


def test_a_plan_knows_the_history_and_adds_nothing(flow: FlowWorld) -> None:
    """A dry run says what would happen now, before and after sums are kept."""
    ruled = flow.chain("boss", "b", flow=[PII])
    assert flow.tracker.plan(ruled, access=flow.call("web.post")).outcome
    assert flow.ask(flow.chain("boss", "a"), "a", "crm.read")
    assert verdict(flow.tracker.plan(ruled, access=flow.call("web.post")).outcome) == FORBIDDEN
    assert scalar(flow, "SELECT count(*) FROM flow_history") == 0
    assert flow.ask(ruled, "b", "crm.read")
    assert verdict(flow.tracker.plan(ruled, access=flow.call("web.post")).outcome) == FORBIDDEN
    assert scalar(flow, "SELECT sum(times) FROM flow_seen WHERE mark = 'pii'") == 2
    assert flow.at == NOW


def test_requests_to_the_service_leave_no_history(flow: FlowWorld) -> None:
    """Announcing is no call of a tool, and a rule does not stand in its way."""
    flow.task = flow.flow_task(flow=[AtMost({"calls": 1})])
    token = flow.chain("boss", "a")
    access = announcement(flow.tracker.issuer)
    for _ in range(2):
        flow.tracker.announce(token, flow.key("a").prove(token, access, at=NOW))
    assert flow.ask(token, "a", "crm.read")
    assert verdict(flow.ask(token, "a", "crm.read")) == (11, "flow_count_spent")


@pytest.mark.parametrize("is_ruled", [True, False], ids=["under the rule", "without a rule"])
def test_a_call_waits_for_one_that_is_not_committed_yet(flow: FlowWorld, url, is_ruled) -> None:
    """While a read is being written by one process, another process's send is not decided past it."""
    reader = flow.chain("boss", "a", flow=[PII] if is_ruled else [])
    sender = flow.chain("boss", "b", flow=[PII])
    for token, name in ((reader, "a"), (sender, "b")):
        access = announcement(flow.tracker.issuer)
        flow.tracker.announce(token, flow.key(name).prove(token, access, at=NOW))
    other = Tracker.open(url, ring=flow.tracker._desk.ring, clock=lambda: NOW)
    post, read = flow.call("web.post"), flow.call("crm.read")
    proof = flow.key("a").prove(reader, read, at=NOW)
    with flow.tracker._store.write() as work:
        catalogue = work.catalogue()
        prepared = prepare(
            flow.tracker._desk, reader.text, proof, read, catalogue=catalogue, at=NOW
        )
        decision = DecisionId("dec_" + "r" * 22)
        draft = draft_of(
            prepared,
            decision,
            catalogue=catalogue.revision,
            at=NOW,
            client="",
            repeat=None,
            ring=flow.tracker._desk.ring,
        )
        assert work.decide(draft)
        pending = other.begin_check(sender, flow.key("b").prove(sender, post, at=NOW), post)
        with pytest.raises(TimeoutError):
            pending.result(timeout=0.5)
    denied = settled(pending)
    assert (verdict(denied), denied.denial.offered["decision"]) == (FORBIDDEN, decision)
    other.close()
