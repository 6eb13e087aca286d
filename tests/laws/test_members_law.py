"""Law of members: what a child bounds of an object, its parents bound no tighter, by a naive reader too."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from world import DESK, NOW, OWNER, World, verdict

from delegation import (
    Access,
    Grant,
    HolderKey,
    Tool,
    absent,
    all_of,
    any_of,
    anything,
    between,
    exact,
    may,
    members,
    not_one_of,
    one_of,
    text,
)
from delegation.authority.arguments import parse_type
from delegation.authority.chain import child_payload, parse_payload
from delegation.authority.constraints import parse_constraint
from delegation.errors import WiderThanParentError

_SPEC = importlib.util.spec_from_file_location(
    "naive", Path(__file__).parents[1] / "oracle" / "naive.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
naive = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(naive)

UPLOAD = {
    "type": "object",
    "fields": {
        "media_type": "text",
        "size?": "integer",
        "note?": {"type": "text", "nullable": True},
        "of?": {"type": "object", "fields": {"size?": "integer"}},
    },
}
TYPE = parse_type(UPLOAD)
TOOL = Tool("files.upload", effect="write", arguments={"file?": UPLOAD})
KEY = HolderKey("x", bytes(range(32))).public.key
CATALOGUE = {"files.upload": {"effect": "write", "sensitivity": 0}}

texts = st.sampled_from(
    [exact("image/png"), one_of("image/png", "image/gif"), text(9), text(3), not_one_of("x"), anything(), absent(), exact("")]
)  # fmt: skip
numbers = st.sampled_from(
    [between(1, 5), between(2, 4), exact(3), anything(), absent(), any_of(absent(), between(1, 9))]
)
parts = {
    "media_type": texts,
    "size": numbers,
    "note": texts | st.just(exact(None)) | st.just(any_of(exact(None), exact("x"))),
    "of": st.builds(lambda n: members(size=n), numbers.filter(lambda n: n.kind != "any_of"))
    | st.sampled_from([anything(), absent()]),
}
objects = st.fixed_dictionaries({}, optional=parts).filter(bool).map(members)
constraints = st.one_of(
    objects, st.builds(all_of, objects, objects), st.builds(any_of, objects, objects), st.just(anything()),
    st.builds(any_of, objects, st.just(absent())),
)  # fmt: skip
values = st.fixed_dictionaries(
    {"media_type": st.sampled_from(["image/png", "image/gif", "x", ""])},
    optional={
        "size": st.sampled_from([None, 1, 3, 7]),
        "note": st.sampled_from([None, "x", "image/png"]),
        "of": st.sampled_from([None, {}, {"size": None}, {"size": 3}, {"size": 9}]),
    },
)


@settings(max_examples=600)
@given(child=constraints, parent=constraints, value=values)
def test_a_bound_on_members_admits_no_more_than_its_parents(child, parent, value) -> None:
    """Narrowing is sound for every pair, and each admits what the naive reader says it does."""
    canonical = TYPE.canonicalise(value)
    for one in (child, parent):
        assert one.fits(TYPE)
        assert one.admits(canonical) == naive._value(one.to_json(), True, canonical)
        assert parse_constraint(one.to_json(), version=2) == one
    if child.is_within(parent):
        assert parent.admits(canonical) or not child.admits(canonical)


@settings(max_examples=150)
@given(steps=st.lists(constraints, min_size=1, max_size=3), value=st.none() | values)
def test_a_chain_admits_an_upload_only_if_every_link_does(steps, value) -> None:
    """Through payloads: the leaf's verdict is the intersection of all grants, as the oracle reads them."""
    at = {"effects": ["write"], "max_sensitivity": 0, "audience": ["a"], "purpose": "", "not_before": 0, "expires_at": 9,
          "budget": {}, "needs_approval": [], "flow": []}  # fmt: skip
    held = Grant([may("files.upload", file=anything())], delegations_left=9, **at)
    payloads = []
    for one in steps:
        try:
            held = held.narrow([may("files.upload", file=one)])
        except WiderThanParentError:
            continue
        made = child_payload(
            "lnk_" + "a" * 43, holder_key=KEY, holder_name="x", grant=held, salt=b"s" * 16
        )  # fmt: skip
        payloads.append(made)
        assert parse_payload(made, root=False).grant == held
    arguments = TOOL.canonicalise({} if value is None else {"file": value})
    assert isinstance(arguments, dict)
    mine = held.capabilities[0].prohibits("files.upload", arguments, ()) is None
    theirs = naive.admitted(
        payloads, "files.upload", arguments, audience="a", purpose="", now=1, catalogue=CATALOGUE
    )
    assert mine == theirs


def test_an_upload_is_bounded_by_its_media_type() -> None:
    """Missing, null and other members are denied but where `absent` admits them; the rest is the type's."""
    world = World()
    world.tracker.add_tool(TOOL)
    image = members(media_type=one_of("image/png", "image/gif"), size=between(1, 5))
    ceiling = Grant([may("files.upload", file=image)], audience=[DESK], delegations_left=3)
    world.task = world.tracker.open_task("T", owner=OWNER, ceiling=ceiling, lasts=100)
    root = world.root("boss")
    assert root.chain.leaf.version == 2
    png = Grant([may("files.upload", file=members(media_type=exact("image/png"), size=exact(3)))])
    child = root.delegate(by=world.key("boss"), to=world.key("a").public, grant=png)

    def asked(file) -> tuple[int, str] | None:
        call = Access("files.upload", {} if file is None else {"file": file}, DESK)
        return verdict(world.check(child, "a", call))

    assert world.at == NOW
    assert asked({"media_type": "image/png", "size": 3, "note": None}) is None
    assert asked({"media_type": "image/gif", "size": 3}) == (8, "argument_refused")
    assert asked({"media_type": "image/png"}) == (8, "argument_refused")
    assert asked({"media_type": "image/png", "size": None}) == (8, "argument_refused")
    assert asked({"media_type": "image/png", "size": 3, "kind": "x"}) == (8, "object_field_unknown")
    assert asked(None) == (8, "argument_missing")
