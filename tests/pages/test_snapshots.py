"""One instant a page and a question: each is read from one snapshot, by few statements."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from html import unescape
from typing import Any

import pytest
from browsing import Browser, shape
from forest import forest
from sqlalchemy import event
from world import World

from delegation.operations.questions import Oversight
from delegation.tracker.log import LogReview
from delegation.tracker.questions import Questions
from delegation.tracker.review import Review

WHO = 2  # statements in a snapshot of their own, that say who looks
# Statements of a page on this small store, its BEGIN among them; none takes more.
PAGES = {
    "/": 25,
    "/agents": 22,
    "/agents/*": 24,
    "/agents/*/blast": 22,
    "/agents/*/revoke": 23,
    "/approvals": 5,
    "/compare": 29,
    "/decisions": 5,
    "/decisions/*": 12,
    "/endings": 11,
    "/endings/*": 37,
    "/exports": 3,
    "/find": 12,
    "/findings": 20,
    "/holders": 24,
    "/keys/*": 24,
    "/keys/*/blast": 20,
    "/keys/*/revoke": 21,
    "/links/*": 46,
    "/links/*/blast": 19,
    "/links/*/reach": 19,
    "/links/*/revoke": 25,
    "/links/*/unused": 79,
    "/log": 4,
    "/map": 28,
    "/overview": 26,
    "/owners": 99,
    "/path": 26,
    "/revoke": 25,
    "/revoke of an owner": 43,  # each key of each agent is asked about
    "/risks": 18,
    "/suspend": 25,
    "/suspend of an owner": 43,
    "/tasks": 6,
    "/tasks/*": 12,
    "/tasks/*/map": 18,
    "/tasks/*/overview": 12,
    "/tasks/*/revoke": 20,
    "/tasks/*/timeline": 15,
}


class Heard:
    """What SQLite was told to run, by this thread or another."""

    def __init__(self, world: World) -> None:
        self._told: list[str] = []
        engine = world.tracker._store._database.engine
        event.listen(engine, "checkout", lambda it, *_: it.set_trace_callback(self._told.append))

    def counted(self, ask: Callable[[], Any]) -> tuple[Any, int, int]:
        """Ask; return the answer, and how many snapshots and statements it took."""
        self._told.clear()
        answer = ask()
        ends = ("ROLLBACK", "COMMIT", "PRAGMA")
        told = [one for one in self._told if not one.startswith(ends)]
        assert all(one.split()[0] in {"BEGIN", "SELECT", "WITH"} for one in told), told
        return answer, told.count("BEGIN"), len(told)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return a store with a forest, decisions and changes, and its log up to date."""
    world = forest(path=tmp_path_factory.mktemp("snapshots") / "s.db")
    world.tracker.update_log()
    yield world
    world.tracker.close()


@pytest.fixture(scope="module")
def heard(grown: World) -> Heard:
    """Return what hears the store's statements."""
    return Heard(grown)


def test_each_page_is_read_from_one_snapshot(grown: World, heard: Heard) -> None:
    """Whatever is shown together was so at one instant; a page that is new is added to the table."""
    browser, taken = Browser(grown, role="operator"), Counter[str]()
    seen, waiting = set[str](), ["/"]
    while waiting:
        path = waiting.pop()
        kind = shape(path) + (" of an owner" if "?kind=owner" in path else "")
        if path in seen or path.startswith("/static/") or taken[kind] == 2:
            continue
        seen.add(path)
        taken[kind] += 1
        found, snapshots, statements = heard.counted(partial(browser.get, path))
        assert found.status_code == 200, path
        assert snapshots == 2, path  # who looks, and what is shown
        assert statements - WHO <= PAGES[kind], (path, statements)
        waiting += [unescape(to) for to in re.findall(r'href="(/[^"#]*)', found.text)]
    assert taken.keys() >= {
        "/",
        "/decisions/*",
        "/links/*",
        "/tasks/*/map",
        "/owners",
        "/endings/*",
    }


def test_each_question_is_answered_from_one_snapshot(grown: World, heard: Heard) -> None:
    """Of every kind of question one; a question that is new is added to the table."""
    ask, link = grown.tracker, grown.tracker.links()[-1]
    task, decision = link.task, ask.recent_decisions(limit=1)[0].id
    head = ask.log_checkpoint().size
    asked: dict[str, Callable[[], object]] = {
        "catalogue": ask.catalogue,
        "agents": ask.agents,
        "task": lambda: ask.task(task),
        "tasks": ask.tasks,
        "child_tasks": lambda: ask.child_tasks(task),
        "lineage": lambda: ask.lineage(task),
        "link": lambda: ask.link(link.id),
        "is_recorded": lambda: ask.is_recorded(link.id),
        "outline": lambda: ask.outline(task),
        "news": lambda: ask.news(task, after=None),
        "news_of_all": lambda: ask.news_of_all(after=None),
        "waiting": ask.waiting,
        "rhythm": ask.rhythm,
        "numbers": ask.numbers,
        "revocations_of": lambda: ask.revocations_of([link.id]),
        "links": ask.links,
        "ancestors": lambda: ask.ancestors(link.id),
        "descendants": lambda: ask.descendants(link.id),
        "decisions": ask.decisions,
        "recent_decisions": ask.recent_decisions,
        "decision": lambda: ask.decision(decision),
        "handovers": ask.handovers,
        "owners": ask.owners,
        "could_do": lambda: ask.could_do(link.id),
        "reach": lambda: ask.reach(link.id),
        "ways": lambda: ask.ways(link.id, "files.read"),
        "blast": lambda: ask.blast(link.id),
        "unused": lambda: ask.unused(link.id),
        "findings": ask.findings,
        "risks": ask.risks,
        "exposure": ask.exposure,
        "compare": lambda: ask.compare(vs=grown.at - 60),
        "survivors": lambda: ask.survivors("link", link.id),
        "account": lambda: ask.account(decision),
        "find": lambda: ask.find("ana"),
        "assert_guardrails": lambda: ask.assert_guardrails(()),
        "tighten": lambda: ask.tighten("link", link.id, minimum=1),
        "log_status": ask.log_status,
        "log_checkpoint": ask.log_checkpoint,
        "log_tile": lambda: ask.log_tile(f"tile/0/000.p/{head}"),
        "log_inclusion": lambda: ask.log_inclusion(0, head),
        "log_consistency": lambda: ask.log_consistency(1, head),
        "decision_proof": lambda: ask.decision_proof(decision),
        "link_proof": lambda: ask.link_proof(link.id),
        "compare_log": ask.compare_log,
        "approvals": ask.approvals,
        "approval_states": lambda: ask.approval_states(["apr_" + "A" * 22]),
        "feed": ask.feed,
        "replicas": ask.replicas,
        "renewal": lambda: ask.renewal(link.id),
        "ended_before": lambda: ask.ended_before(link.id),
        "ended_tools": ask.ended_tools,
        "suspensions": ask.suspensions,
        "last_use": lambda: ask.last_use("link", link.id),
        "preview": lambda: ask.preview("link", link.id),
        "api_keys": ask.api_keys,
    }
    known = {name for one in (Review, Questions, Oversight, LogReview) for name in vars(one)}
    others = {  # they change something, need no store, or read another's file
        "now", "dismiss", "public_ring", "reconcile", "update_log", "keep_log", "rebuild_log",
        "restart_log", "erase", "erasing", "erasures", "erasable", "watch_schema",
    }  # fmt: skip
    assert {name for name in known if not name.startswith("_")} - others <= asked.keys()
    many = {name: n for name, call in asked.items() if (n := heard.counted(call)[1]) != 1}
    assert not many


def test_an_answer_over_http_is_read_from_one_snapshot(grown: World, heard: Heard) -> None:
    """Endpoints that ask the tracker several things ask them of one instant."""
    http = Browser(grown, role="").http
    head = {"Authorization": f"Bearer {grown.tracker.create_api_key('asks', 'operator')}"}
    link = grown.tracker.links()[-1].id
    for path in (f"/v1/links/{link}", "/v1/tools/ended"):
        answer, snapshots, _ = heard.counted(partial(http.get, path, headers=head))
        assert answer.status_code == 200
        assert snapshots - 1 <= 1, path  # the key is looked up by itself, once a second
