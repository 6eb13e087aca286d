"""A guard takes the id of an announced leaf where a token stands."""

from __future__ import annotations

from shop import Shop

from delegation.commands.announce import announcement


def test_an_announced_leaf_is_enough_in_the_header() -> None:
    """A long chain is shown once; afterwards its leaf's id stands for it."""
    shop = Shop()
    headers = shop.headers(shop.refund())
    text = headers["Authorization"].removeprefix("Delegation ")
    token = shop.token
    assert token.text == text
    named = {**headers, "Authorization": f"Delegation {token.id}"}
    assert shop.http.post("/refunds/o1?amount=5", headers=named).status_code == 401
    proof = shop.world.key("a").prove(
        token, announcement(shop.world.tracker.issuer), at=shop.world.at
    )
    shop.world.tracker.announce(token, proof)
    assert shop.http.post("/refunds/o1?amount=5", headers=named).status_code == 200
