"""Reviewers' questions over what two engines recorded: instants, bounds, dismissals, snapshots."""

from __future__ import annotations

import pytest
from world import NOW, World, verdict

from delegation import Grant, Tool, may
from delegation.commands import account, questions
from delegation.errors import MalformedError, NotFoundError
from delegation.lineage.survey import Extent


def busy(world: World):
    """Fill a world; return its leaf."""
    world.tracker.add_agent("boss", owner="ana@acme.example", keys=[world.key("boss").public])
    token = world.chain("boss", "a", "b")
    assert world.check(token, "b")
    return token


def test_what_an_agent_could_do_at_a_past_instant(world: World) -> None:
    """The catalogue, the registry, the links and their standing are those of then."""
    token = busy(world)
    world.at = NOW + 10
    world.tracker.add_tool(
        Tool("files.read", effect="read", arguments={"path": "text"}, sensitivity=3)
    )
    world.at = NOW + 20
    world.tracker.revoke("link", token.id, by="t")
    then = world.tracker.could_do("boss", at=NOW)
    assert [one.tool for one in then.links[0].abilities] == [
        "files.read",
        "mail.send",
        "pay.refund",
    ]
    now = world.tracker.could_do("boss")
    # The tool's new definition has another argument type: the judge refuses it, so it is not reached.
    assert [one.tool for one in now.links[0].abilities] == ["mail.send", "pay.refund"]
    assert verdict(world.check(token, "b"))
    assert world.tracker.reach(token.id, at=NOW + 15).abilities
    assert world.tracker.reach(token.id).abilities == ()
    with pytest.raises(NotFoundError):
        world.tracker.could_do("boss", at=NOW - 1)
    with pytest.raises(NotFoundError):
        world.tracker.reach(token.id, at=NOW - 1)


def test_reach_is_never_less_than_the_judge(world: World) -> None:
    """Every call that is allowed is of a tool that the link reaches; no way means that none is allowed."""
    root = world.root("boss")
    grants = [
        Grant([may("files.read", path=c.arguments["path"])])
        if c.tool.text == "files.read"
        else Grant([c])
        for c in root.grant.capabilities
    ]
    calls = [
        world.access(), world.access("mail.send", to="a@acme.example", body="x"),
        world.access("pay.refund", order="o1", amount=5), world.access("ops.restart", host="h.example"),
    ]  # fmt: skip
    for n, grant in enumerate(
        [*grants, Grant(effects=["read"]), Grant(max_sensitivity=1), Grant()]
    ):
        low = root.delegate(by=world.key("boss"), to=world.key(f"h{n}").public, grant=grant)
        allowed = {call.tool for call in calls if world.check(low, f"h{n}", call)}
        reached = {one.tool for one in world.tracker.reach(low.id).abilities}
        assert allowed == reached
        for call in calls:
            assert bool(world.tracker.ways(low.id, call.tool).ways) == (call.tool in allowed)


def test_a_holder_is_an_agent_a_key_a_fingerprint_or_a_link(world: World) -> None:
    """All four name the same links here; nothing else names any."""
    busy(world)
    key = world.key("boss").public
    root = world.tracker.links(holder="boss")[0].id
    for name in ("boss", key.text, key.text.removeprefix("ed25519:"), key.fingerprint, root):
        assert [one.link.id for one in world.tracker.could_do(name).links] == [root]
    for name in ("nobody", "", "lnk_x", "aaaa-bbbb-cccc", "A" * 42, "\x00", "boss\x00"):
        with pytest.raises(NotFoundError):
            world.tracker.could_do(name)
    assert world.tracker.could_do("A" * 43).links == ()


def test_a_claimed_name_is_not_the_agents(world: World) -> None:
    """A link that calls a foreign key `boss` is not what boss could do."""
    token = busy(world)
    world.keys["fake"] = type(world.key("fake")).generate("boss")
    fake = token.delegate(by=world.key("b"), to=world.keys["fake"].public, grant=Grant())
    world.check(fake, "fake")
    assert fake.id not in {one.link.id for one in world.tracker.could_do("boss").links}
    assert fake.id not in world.tracker.blast("boss").stolen


def test_what_is_spendable_is_what_the_ledger_leaves(world: World) -> None:
    """Spending until the budget denies takes exactly as many calls as were said."""
    token = busy(world)
    low = token.delegate(
        by=world.key("b"), to=world.key("c").public, grant=Grant(budget={"calls": 3})
    )
    assert world.check(low, "c")
    said = world.tracker.blast(low.id).spendable["calls"]
    made = 0
    while made < 10 and world.check(low, "c"):
        made += 1
    assert said == made == 2
    assert world.tracker.blast(low.id).spendable["calls"] == 0


def test_two_instants_are_compared_over_tasks_that_closed(world: World) -> None:
    """A task that was open then and is closed now is looked at; so is one that was opened since."""
    token = busy(world)
    old = world.task
    world.at = NOW + 10
    world.task = world.open()
    world.root("boss")
    world.tracker.close_task(old)
    found = world.tracker.compare(vs=NOW)
    assert {one.id for one in found.ended} == {link.id for link in token.chain.links}
    assert [one.task for one in found.added] == [world.task.id]
    assert world.tracker.compare(vs=NOW, task=old.id).added == ()
    for wrong in (NOW + 10, NOW + 11, -1):
        with pytest.raises(MalformedError):
            world.tracker.compare(vs=wrong)
    with pytest.raises(NotFoundError):
        world.tracker.compare(vs=NOW, task="tsk_none")


def test_a_dismissal_is_kept_once_with_its_first_reason(world: World) -> None:
    """Repeating one changes nothing; an unknown finding, an empty and a long reason are refused."""
    busy(world)
    one = world.tracker.findings().open[0]
    first = world.tracker.dismiss(one.id, by="rita", reason="known")
    assert world.tracker.dismiss(one.id, by="bob", reason="again") == first
    assert [kept for _, kept in world.tracker.findings().dismissed] == [first]
    assert one not in world.tracker.findings().open
    for finding, reason, error in (
        ("fnd_x", "r", NotFoundError),
        (one.id, " ", MalformedError),
        (one.id, "x" * 501, MalformedError),
        (one.id, "a\x00", MalformedError),
    ):
        with pytest.raises(error):
            world.tracker.dismiss(finding, by="rita", reason=reason)


def test_what_is_left_out_for_its_number_is_said(world: World, monkeypatch) -> None:
    """A survey that cannot hold everything says so, and never drops an ancestor."""
    token = busy(world)
    monkeypatch.setattr(questions, "MOST_LINKS", 1)
    found = world.tracker.findings()
    assert not found.is_complete
    assert found.links == len(token.chain.links)  # the newest link with all that is above it
    assert not world.tracker.survivors("task", world.task.id).is_complete
    assert not world.tracker.compare(vs=NOW - 5).is_complete
    whole = len(token.chain.links)
    boss = world.tracker.ways("boss", "files.read")
    for answer in (
        found, world.tracker.risks(), world.tracker.handovers(), boss, world.tracker.blast("boss"), world.tracker.could_do("boss"),
        world.tracker.unused(token.chain.links[0].id), world.tracker.compare(vs=NOW - 5), world.tracker.survivors("task", world.task.id),
    ):  # fmt: skip
        assert (answer.extent.looked, answer.extent.total) == (1, whole)
        assert not answer.extent.is_complete
    monkeypatch.setattr(questions, "MOST_LINKS", whole)
    assert world.tracker.risks().extent == Extent(whole, whole)
    assert world.tracker.risks().extent.is_complete


def test_so_many_that_they_are_not_even_counted(world: World, monkeypatch) -> None:
    """Beyond the bound of counting, the answer says more than that, and no number of its own."""
    busy(world)
    monkeypatch.setattr(questions, "MOST_LINKS", 1)
    monkeypatch.setattr("delegation.records.lineage.survey.MOST_COUNTED", 2)
    monkeypatch.setattr("delegation.lineage.survey.MOST_COUNTED", 2)
    extent = world.tracker.risks().extent
    assert str(extent) == "the newest 1 of more than 2 links"
    assert not extent.is_complete


def test_what_to_look_at_first_comes_from_one_survey(world: World, monkeypatch) -> None:
    """The same answers as asked one by one, with the links read once."""
    token = busy(world)
    first = world.tracker.exposure()
    assert first.findings == world.tracker.findings()
    assert first.top == world.tracker.risks(limit=1)[0]
    assert list(first.path) == list(world.tracker.ancestors(first.top.link.id))
    assert token.id in {one.id for one in world.tracker.links()}
    asked = []
    real = questions.survey_of
    monkeypatch.setattr(questions, "survey_of", lambda *a: asked.append(a) or real(*a))
    world.tracker.exposure()
    assert len(asked) == 1


def test_claims_that_run_in_circles_or_nowhere_are_told(world: World) -> None:
    """Causes are claims: an unknown one, a foreign text and a long row end the walk."""
    from delegation import Access

    token = busy(world)
    last, made = None, []
    for _ in range(20):
        call = Access(
            "files.read", {"path": "/a"}, world.access().audience, purpose="desk", cause=last
        )
        made.append(world.check(token, "b", call))
        last = made[-1].id
    told = world.tracker.account(last)
    assert len(told.before) == account.MOST_CAUSES
    assert "More than" in told.note
    assert [one.id for one in world.tracker.account(made[0].id).after] == [made[1].id]
    lost = world.check(
        token,
        "b",
        Access(
            "files.read",
            {"path": "/a"},
            world.access().audience,
            purpose="desk",
            cause="dec_" + "x" * 22,
        ),
    )
    assert "not recorded" in world.tracker.account(lost.id).note
    assert [step.number for step in told.steps] == list(range(1, 15))
    assert all(step.values for step in told.steps if step.outcome in {"passed", "failed"})


def test_the_search_takes_nothing_for_a_pattern(world: World) -> None:
    """Wildcards of LIKE are letters; case of ids counts; short and empty texts find nothing."""
    token = busy(world)
    for text in ("%", "%%", "__", "lnk_%%%%", "a", "", " ", "\x00\x00", "tsk_\x00aaaa"):
        assert world.tracker.find(text) == (), text
    assert [one.id for one in world.tracker.find(token.id)] == [token.id]
    swapped = token.id[:4] + token.id[4:].swapcase()
    assert token.id not in {one.id for one in world.tracker.find(swapped[:20])}
    with pytest.raises(MalformedError):
        world.tracker.find("x" * 2049)


def test_what_revoking_would_end_is_what_it_ends(world: World) -> None:
    """The preview's links are exactly those that are refused afterwards."""
    token = busy(world)
    root = token.chain.links[0].id
    low = token.delegate(by=world.key("b"), to=world.key("c").public, grant=Grant())
    assert world.check(low, "c")
    before = world.tracker.survivors("link", token.chain.links[1].id)
    told = world.tracker.preview("link", token.chain.links[1].id)
    assert set(told.links) == {one.id for one in before.ends}
    assert told.surviving == len(before.survives)
    world.tracker.revoke("link", token.chain.links[1].id, by="t")
    standing = {one.id: one.standing for one in world.tracker.links(task=world.task.id)}
    assert {one.id for one in before.ends} == {
        link for link, how in standing.items() if how == "revoked"
    }
    assert (
        {one.id for one in before.survives}
        == {link for link, how in standing.items() if how == "active"}
        == {root}
    )
    after = world.tracker.survivors("link", token.chain.links[1].id)
    assert after.ends == ()
    assert {one.id for one in after.gone} == {one.id for one in before.ends}
    for kind, id in (
        ("link", "lnk_x"),
        ("task", "tsk_x"),
        ("agent", "none"),
        ("agent", "a\x00"),
        ("link", "\x00"),
        ("owner", "x"),
        ("tool", "x"),
        ("system", ""),
    ):
        with pytest.raises(NotFoundError):
            world.tracker.survivors(kind, id)
    for ask in (
        world.tracker.reach,
        world.tracker.unused,
        world.tracker.account,
        world.tracker.blast,
    ):
        with pytest.raises(NotFoundError):
            ask("\x00")
    for ask in (
        lambda: world.tracker.handovers(task="\x00"),
        lambda: world.tracker.compare(vs=NOW - 1, task="\x00"),
        lambda: world.tracker.ways("a\x00", "b"),
    ):
        with pytest.raises(NotFoundError):
            ask()
    for kind, id in (("everything", "x"), ("nothing", "x"), ("key", "!")):
        with pytest.raises(MalformedError):
            world.tracker.survivors(kind, id)
