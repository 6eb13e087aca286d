"""What the cache of verified prefixes keeps, charges and lets go."""

from __future__ import annotations

import gc
import threading
import tracemalloc

from world import ISSUER, NOW, World

from delegation import Grant
from delegation.authority.chain import Origin
from delegation.tokens import biscuit
from delegation.tokens.failed import Failed
from delegation.tokens.issuer import issue_token
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.verifier import VerifiedToken, verify_token


def deep_tokens(world: World, count: int, depth: int) -> list[str]:
    """Return distinct tokens of that many links."""
    grant = Grant.from_json({**world.root().grant.to_json(), "delegations_left": 15})
    made = []
    for _ in range(count):
        token = issue_token(
            world.tracker._desk.ring,
            Origin(ISSUER, world.task.id, None, 4),
            to=world.key("boss").public,
            grant=grant,
        )
        for _ in range(depth - 1):
            token = token.delegate(by=world.key("boss"), to=world.key("boss").public, grant=Grant())
        made.append(token.text)
    return made


def test_memory_stays_within_the_bound(shop: World) -> None:
    """Bytes in memory, links that entries keep alive included, stay below what was promised."""
    ring, most = shop.tracker._desk.ring, 1_000_000
    texts = deep_tokens(shop, 20, 10)
    verify_token(texts[0], ring, PrefixCache(), at=NOW)  # whatever is made once
    gc.collect()
    tracemalloc.start()
    try:
        cache: PrefixCache[object] = PrefixCache(most)
        start = tracemalloc.get_traced_memory()[0]
        for text in texts:
            for _ in range(3):
                verify_token(text, ring, cache, at=NOW)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
    assert len(cache) > 0
    assert cache.size <= most
    assert taken <= most


def test_a_child_of_a_known_parent_costs_its_own_link_alone(shop: World, monkeypatch) -> None:
    """After its parent was seen, the library is not asked to verify the whole child again."""
    cache: PrefixCache[object] = PrefixCache()
    ring = shop.tracker._desk.ring
    parent = shop.chain("boss", "a", "b")
    assert isinstance(verify_token(parent.text, ring, cache, at=NOW), VerifiedToken)
    child = parent.delegate(by=shop.key("b"), to=shop.key("c").public, grant=Grant())

    def never(*_: object) -> bool:
        raise AssertionError

    monkeypatch.setattr(biscuit, "is_verified_by_library", never)
    found = verify_token(child.text, ring, cache, at=NOW)
    assert isinstance(found, VerifiedToken)
    assert found.chain.links[2] is verify_token(parent.text, ring, cache, at=NOW).chain.links[2]


def test_what_is_larger_than_probation_is_not_stored() -> None:
    """One huge entry does not push out the others on its way."""
    cache: PrefixCache[int] = PrefixCache(1000)
    cache.put(b"small", 1, 100)
    cache.put(b"huge", 2, 201)
    assert (cache.get(b"small"), cache.get(b"huge")) == (1, None)


def test_garbage_behind_a_prefix_does_not_use_it(shop: World) -> None:
    """A failing token that begins as a seen one leaves it on probation."""
    cache: PrefixCache[object] = PrefixCache()
    ring, token = shop.tracker._desk.ring, shop.chain("boss", "a")
    assert isinstance(verify_token(token.text, ring, cache, at=NOW), VerifiedToken)
    for n in range(3):
        end = str(n) * 8
        assert isinstance(verify_token(token.text[:-8] + end, ring, cache, at=NOW), Failed)
    assert not cache._protected.entries


def test_the_cache_serves_many_threads() -> None:
    """Readers and writers at once lose no byte of the account."""
    cache: PrefixCache[int] = PrefixCache(50_000)
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for n in range(2000):
                key = str((n * 7 + seed) % 300).encode()
                cache.put(key, n, 500 + n % 3)
                cache.get(key)
        except BaseException as error:  # noqa: BLE001  # shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    kept = [*cache._probation.entries.values(), *cache._protected.entries.values()]
    assert cache.size == sum(size for _, size in kept) <= 50_000
