"""The lean question about a link, which reads neither grants nor decisions."""

from __future__ import annotations

from delegation.authority.ids import LinkId
from delegation.canonical import b64u


def test_a_path_says_what_the_entry_says(world) -> None:
    """The lean question agrees with the entry about ancestors, standing and what ended it."""
    token = world.chain("boss", "aide", "hand")
    other = world.chain("boss", "spare")
    for made, by in ((token, "hand"), (other, "spare")):
        assert world.check(made, by)
    world.tracker.add_agent("aide", owner="ana@acme.example", keys=[world.key("aide").public])
    chain = [link.id for link in token.chain.links]
    ends = (
        (),
        (("agent", "aide"),),
        (("key", b64u(world.key("hand").public.key)),),
        (("link", chain[0]),),
        (("task", world.task.id),),
    )
    for revoked in ends:
        for kind, name in revoked:
            world.tracker.revoke(kind, name, by="op")
        for at in (world.at, world.at - 1, world.at + 10**6):
            with world.tracker._store.read() as reader:
                for link in [*chain, *(link.id for link in other.chain.links)]:
                    path, entry = reader.path(link, at=at), reader.link(link, at=at)
                    assert (path.standing, path.ended_by) == (entry.standing, entry.ended_by)
                    if at < world.at:
                        assert path.standing == "active"
                    assert list(path.links) == [e.id for e in reader.ancestors(link, at=at)]
    with world.tracker._store.read() as reader:
        assert reader.path(chain[-1], at=world.at).standing == "revoked"
        assert reader.path(LinkId("lnk_" + "A" * 43), at=world.at) is None
