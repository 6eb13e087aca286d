"""Each refusal of a limit of growth or pace has a code of its own and a finding, on two engines."""

from __future__ import annotations

from pathlib import Path

import pytest
from below import open_below
from sqlalchemy import text
from world import NOW, OWNER, READ, SEND, World, verdict

from delegation import Grant
from delegation.errors import UnverifiedError
from delegation.judge.creation_limits import CODES
from delegation.judge.limits import Limits
from delegation.lineage.analysis.findings import LIMITS


def limited(world: World, **limits: int) -> None:
    """Open the world's task anew with limits."""
    ceiling = Grant(
        [READ, SEND], audience=["https://desk.acme.example"], purpose="desk", delegations_left=12
    )
    world.task = world.tracker.open_task(
        "T", owner=OWNER, ceiling=ceiling, lasts=1000, limits=Limits(**limits)
    )


def found(world: World) -> dict[str, str]:
    """Return severity by code of what limits refused."""
    return {
        one.message.rpartition(" with ")[2].rstrip("."): one.severity
        for one in world.tracker.findings().open
        if one.rule == "limit_reached" and one.subject == world.task.id
    }


CASES = {
    "growth_depth": {"depth": 2},
    "growth_parent": {"links_per_parent": 1},
    "growth_task": {"links_per_task": 2},
    "growth_rate": {"links_per_minute": 2},
    "rate_task": {"calls_per_minute": 1, "burst": 1},
    "rate_holder": {"holder_calls_per_minute": 1, "burst": 1},
    "rate_branch": {"branch_calls_per_minute": 1, "burst": 1},
    "circuit_open": {"denials_per_minute": 1},
    "growth_tasks": {"tasks": 1},
}


@pytest.mark.parametrize("code", CASES)
def test_each_limit_has_its_code_and_its_finding(world: World, code: str) -> None:
    """Whatever is refused for a limit is found under the very code that the caller got."""
    limited(world, **CASES[code])
    denied: list[str] = []

    def call(token, by: str) -> None:
        got = verdict(world.check(token, by, None))
        if got is not None:
            denied.append(got[1])

    if code == "growth_tasks":
        opener = world.chain("boss", "a")
        open_below(world, opener, "a", "s1")
        with pytest.raises(UnverifiedError) as caught:
            for number in range(2):
                open_below(world, opener, "a", f"t{number}")
        denied.append(caught.value.reason)
    elif code == "circuit_open":
        token = world.chain("boss", "a")
        world.check(token, "a", world.access("ops.restart", host="h.acme.example"))
        call(token, "a")
    elif code == "growth_depth":
        call(world.chain("boss", "a", "b"), "b")
    elif code.startswith("growth"):
        root = world.root()
        for to in ("a", "b", "c"):
            call(root.delegate(by=world.key("boss"), to=world.key(to).public, grant=Grant()), to)
    else:
        token = world.chain("boss", "a")
        for _ in range(2):
            call(token, "a")
    assert code in denied
    assert found(world) == {code: LIMITS[code][0]}
    world.at = NOW + 3700
    assert found(world) == {}


def test_every_code_has_words_and_a_place_in_the_docs() -> None:
    """A limit that is added without a finding, or without its heading, is noticed here."""
    assert set(LIMITS) == set(CODES) == {*CASES, "tasks_too_deep"}
    docs = Path(__file__).parents[2] / "docs" / "reference"
    errors, findings = (docs / name for name in ("errors.md", "findings.md"))
    for code in CODES:
        assert f"### `{code}`" in errors.read_text()
        assert f"`{code}`" in findings.read_text()


def test_a_dismissal_ends_with_its_hour_and_the_past_is_as_it_was(world: World) -> None:
    """What goes on in the next hour is another finding; what was refused later was not known then."""
    limited(world, calls_per_minute=1, burst=1)
    token = world.chain("boss")
    for _ in range(3):
        world.check(token, "boss")
    (first,) = [one for one in world.tracker.findings().open if one.rule == "limit_reached"]
    assert "refused 2 times" in first.message
    world.tracker.dismiss(first.id, by="ana", reason="known")
    assert found(world) == {}
    with world.tracker._store._database.writing() as connection:
        connection.execute(text("UPDATE decision SET at = at + 3600 WHERE code = 'rate_task'"))
        connection.execute(text("UPDATE task SET deadline = deadline + 9000"))
    world.at = NOW + 3601
    assert found(world) == {"rate_task": "medium"}
