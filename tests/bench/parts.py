"""Where the time of one check goes: each part alone, in batches as the service makes them."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import repeat

from bench.row import Row, rounded
from bench.scene import ACCESS, ISSUER, chain, now, open_scene
from delegation.authority.access import Access
from delegation.authority.ids import DecisionId
from delegation.commands.check import Prepared, draft_of, judge, prepare
from delegation.commands.retry import Deadline
from delegation.identity.keyring import KeyRing
from delegation.judge.decision import Decision
from delegation.tokens.verifier import Verified, verify, verify_token
from delegation.tracker import Tracker
from delegation_api.check_front import PATH
from delegation_api.checking import committed, encode_decision, read_call
from delegation_api.limits import parse_body


def rows(stores: dict[str, str], *, rounds: int, batch: int = 32) -> list[Row]:
    """Return rows of the parts of one check, the writer's on each store.

    Args:
        stores: Name of each engine, and the URL of an empty database.
        rounds: Turns of each part.
        batch: Calls that are settled together.
    """
    result: list[Row] = []
    for place, (engine, url) in enumerate(stores.items()):
        with Tracker.open(url, ring=KeyRing.generate(ISSUER)) as tracker:
            held = chain(tracker, open_scene(tracker), 4)
            tracker.check(held.token, held.prove(), ACCESS)
            if not place:
                result += _pure(tracker, held, rounds, batch)
            result.append(_settled(tracker, held, engine, rounds, batch))
    return result


def _pure(tracker: Tracker, held, rounds: int, batch: int) -> list[Row]:
    desk, at, catalogue = tracker._desk, now(), tracker.known_catalogue()
    body = {"token": held.token.text, "proof": held.prove(), "access": ACCESS.to_json()}
    data = json.dumps(body).encode()
    call, access = read_call(parse_body(data, PATH)), Access.from_json(body["access"])
    found = verify(call.token, call.proof, access, ring=desk.ring, at=at, cache=desk.cache)
    if not isinstance(found, Verified):
        raise TypeError(found)
    prepared = Prepared(found, judge(found, access, catalogue, desk.ring, at=at))
    decision = tracker.check(held.token, held.prove(), ACCESS)
    parts: dict[str, Callable[[], object]] = {
        "body read: JSON, schema": lambda: read_call(parse_body(data, PATH)),
        "steps 1 to 9": lambda: prepare(desk, call.token, call.proof, call.access, catalogue=catalogue, at=at),
        "of these: access read": lambda: Access.from_json(body["access"]),
        "of these: token known": lambda: verify_token(call.token, desk.ring, desk.cache, at=at),
        "of these: token and proof": lambda: verify(
            call.token, call.proof, access, ring=desk.ring, at=at, cache=desk.cache
        ),
        "of these: judged": lambda: judge(found, access, catalogue, desk.ring, at=at),
        "draft made": lambda: draft_of(
            prepared, DecisionId(desk.new_id("dec_")), ring=desk.ring, catalogue=catalogue.revision, at=at,
            client="desk", repeat=None
        ),
        "answer encoded": lambda: encode_decision(decision, None),
    }  # fmt: skip
    made = [
        Row(
            "parts",
            what,
            "in process",
            depth=4,
            median_us=rounded(_median(repeat(part, rounds), batch)),
        )
        for what, part in parts.items()
    ]
    made.append(
        Row("parts", "future resolved and awaited", "in process", median_us=rounded(_handed_over(decision, rounds, batch)))
    )  # fmt: skip
    return made


def _median(calls, batch: int) -> float:
    taken = []
    for call in calls:
        begun = time.thread_time_ns()
        for _ in range(batch):
            call()
        taken.append((time.thread_time_ns() - begun) / batch / 1000)
    return statistics.median(taken)


def _handed_over(decision: Decision, rounds: int, batch: int) -> float:
    async def once() -> float:
        pending: Sequence[Future[Decision]] = [Future() for _ in range(batch)]
        begun = time.thread_time_ns()
        waiting = asyncio.gather(*(committed(one) for one in pending))
        await asyncio.sleep(0)
        for one in pending:
            one.set_result(decision)
        await waiting
        return (time.thread_time_ns() - begun) / batch / 1000

    async def all_() -> float:
        return statistics.median([await once() for _ in range(rounds)])

    return asyncio.run(all_())


def _settled(tracker: Tracker, held, engine: str, rounds: int, batch: int) -> Row:
    desk, at, catalogue = tracker._desk, now(), tracker.known_catalogue()
    wall, cpu = [], []
    for _ in range(rounds):
        drafts = []
        for _ in range(batch):
            found = prepare(desk, held.token.text, held.prove(), ACCESS, catalogue=catalogue, at=at)
            name = DecisionId(desk.new_id("dec_"))
            drafts.append(
                draft_of(
                    found,
                    name,
                    ring=desk.ring,
                    catalogue=catalogue.revision,
                    at=at,
                    client="desk",
                    repeat=None,
                )
            )
        begun, used = time.perf_counter_ns(), time.thread_time_ns()
        tracker._store.writer._attempt(drafts[0].id, drafts, {}, Deadline(), in_doubt=False)
        cpu.append((time.thread_time_ns() - used) / batch / 1000)
        wall.append((time.perf_counter_ns() - begun) / batch / 1000)
    return Row(
        "parts", f"settled and committed in a batch of {batch}", engine, depth=4,
        median_us=rounded(statistics.median(wall)), cpu_us=rounded(statistics.median(cpu)),
    )  # fmt: skip
