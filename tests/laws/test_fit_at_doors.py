"""Law: the service signs no link that does not fit the catalogue it pins, at whichever door."""

from __future__ import annotations

import pytest
from below import open_below
from world import DESK, OWNER, World, verdict

from delegation import (
    Access,
    Grant,
    HolderKey,
    Tool,
    anything,
    between,
    exact,
    may,
    path,
)
from delegation.commands.open_child import Opening
from delegation.errors import MalformedError, UnfitError, UnverifiedError
from delegation.judge.capability import refuse_unfit

NOTES = Tool("notes.read", effect="read", arguments={"name": "text"}, aliases=["getNotes", "notes"])
WIDE = may("notes.read", name=anything())
# What narrows `anything()` and goes with no text.
UNFIT = may("notes.read", name=path("/notes"))


@pytest.fixture
def world() -> World:
    """Return a world with a tool that takes a text."""
    world = World()
    world.tracker.add_tool(NOTES)
    ceiling = Grant([WIDE], audience=[DESK], delegations_left=5)
    world.task = world.tracker.open_task("T", owner=OWNER, ceiling=ceiling, lasts=1000)
    return world


def test_every_door_of_the_service_refuses_what_does_not_fit(world: World) -> None:
    """Opening, issuing, planning, delegating with a catalogue: one sentence; a child task's is recorded."""
    root = world.root("boss")

    def handed(**more: object):
        boss, helper = world.key("boss"), world.key("a").public
        return root.delegate(by=boss, to=helper, grant=Grant([UNFIT]), **more)  # type: ignore[arg-type]

    told = set()
    for door in (
        lambda: world.tracker.open_task(
            "T", owner=OWNER, ceiling=Grant([UNFIT], audience=[DESK]), lasts=9
        ),
        lambda: world.root("boss", capabilities=[UNFIT]),
        lambda: handed(catalogue=world.tracker.catalogue()),
    ):
        with pytest.raises(UnfitError) as caught:
            door()
        assert (caught.value.reason, caught.value.code) == ("constraint_unfit", "unfit")
        told.add((str(caught.value), caught.value.remedy))
    planned = world.tracker.plan(root, grant=Grant([UNFIT])).narrowing
    assert planned is not None
    told.add((planned.message, planned.remedy))
    assert len(told) == 1
    with pytest.raises(UnverifiedError) as denied:
        open_below(world, root, "boss", "a", ceiling=Grant([UNFIT]))
    assert denied.value.reason == "constraint_unfit"
    newest = world.tracker.decision(world.tracker.decisions()[0].id).decision
    assert verdict(newest) == (8, "constraint_unfit")


def test_what_is_handed_on_offline_is_denied_and_never_raises(world: World) -> None:
    """Without a catalogue the link is made; announcing shows it, and each call that meets it is denied."""
    root = world.root("boss")
    child = root.delegate(by=world.key("boss"), to=world.key("a").public, grant=Grant([UNFIT]))
    call = Access("notes.read", {"name": "/notes/x"}, DESK)
    assert verdict(world.check(child, "a", call)) == (8, "constraint_unfit")
    with pytest.raises(UnverifiedError):
        open_below(world, child, "a", "b")
    assert verdict(world.tracker.plan(child, access=call).outcome) == (8, "constraint_unfit")


def test_a_root_fits_what_it_pins_through_redefinitions_and_renewals(world: World) -> None:
    """A copied ceiling that a new definition outdated is refused; what was issued before is renewed."""
    early = world.root("boss")
    world.tracker.add_tool(Tool("notes.read", effect="read", arguments={"title": "text"}))
    with pytest.raises(UnfitError, match='no argument "name"'):
        world.root("boss")
    renewed = world.tracker.renew(early.id, lasts=60)
    pinned = renewed.chain.origin.catalogue
    tool = world.tracker.catalogue().tool("notes.read", pinned)
    assert tool is not None
    assert refuse_unfit(renewed.grant.capabilities[0], tool) is None
    old = world.tracker.catalogue().upto(1)
    with pytest.raises(UnfitError, match="older than the revision"):
        early.delegate(by=world.key("boss"), to=world.key("a").public, grant=Grant(), catalogue=old)


def test_a_pattern_needs_one_tool_that_it_fits(world: World) -> None:
    """Calls of the tool whose type fits are allowed; those of the other are denied, not raised."""
    world.tracker.add_tool(Tool("notes.count", effect="read", arguments={"name": "integer"}))
    ceiling = Grant([may("notes.*", name=between(1, 5))], audience=[DESK])
    world.task = world.tracker.open_task(
        "T", owner=OWNER, ceiling=ceiling, lasts=9, unsafe_wildcards=True
    )
    root = world.root("boss")
    for tool, value, expected in (
        ("notes.count", 3, None), ("notes.count", 9, (8, "argument_refused")), ("notes.read", "3", (8, "constraint_unfit")),
    ):  # fmt: skip
        assert verdict(world.check(root, "boss", Access(tool, {"name": value}, DESK))) == expected


def test_a_ceiling_says_who_acts(world: World) -> None:
    """Left out it is a mistake; empty it is meant."""
    with pytest.raises(UnfitError) as caught:
        world.tracker.open_task("T", owner=OWNER, ceiling=Grant([WIDE]), lasts=9)
    assert caught.value.reason == "audience_missing"
    world.tracker.open_task("T", owner=OWNER, ceiling=Grant([WIDE], audience=[]), lasts=9)


def test_another_spelling_of_the_audience_is_told_at_the_call(world: World) -> None:
    """The denial says which spelling the grant has; following it, the call is allowed."""
    root = world.root("boss")
    call = Access("notes.read", {"name": "x"}, DESK.upper().replace("HTTPS", "https") + ":443/")
    denial = world.check(root, "boss", call).denial
    assert denial is not None
    assert denial.code == "audience_not_granted"
    assert DESK in denial.remedy
    assert world.check(root, "boss", Access("notes.read", {"name": "x"}, DESK)).allowed


def test_a_key_pair_is_no_public_key(world: World) -> None:
    """Wherever a holder is named, giving the pair says which half is meant, and shows no secret."""
    pair = world.key("boss")
    root = world.root("boss")
    doors = [
        lambda: world.tracker.issue(world.task, to=pair),  # type: ignore[arg-type]
        lambda: root.delegate(by=pair, to=HolderKey.generate("a"), grant=Grant()),  # type: ignore[arg-type]
        lambda: root.delegate(by=pair.public, to=pair.public, grant=Grant()),  # type: ignore[arg-type]
        lambda: world.tracker.add_agent("boss", owner=OWNER, keys=[pair]),  # type: ignore[list-item]
        lambda: Opening("T", Grant(), pair),  # type: ignore[arg-type]
        lambda: world.tracker.rotate_key("boss", old=pair.public, new=pair, by=OWNER),  # type: ignore[arg-type]
    ]
    for door in doors:
        with pytest.raises(MalformedError, match=r"key\.public|HolderKey that signs"):
            door()
    with pytest.raises(MalformedError, match="a PublicKey"):
        world.tracker.issue(world.task, to="ed25519:x")  # type: ignore[arg-type]


def test_an_alias_is_told_with_its_tool(world: World) -> None:
    """Grants speak of a tool by its own name, and the error says which that is."""
    with pytest.raises(UnfitError, match="alias of the tool notes") as caught:
        world.tracker.open_task(
            "T", owner=OWNER, ceiling=Grant([may("notes", name=exact("x"))]), lasts=9
        )
    assert caught.value.remedy == "Write notes.read."
