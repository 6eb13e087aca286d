"""The same call in tenuo 0.3.3, whose authorisation with proof of possession is native code."""

from __future__ import annotations

import importlib.metadata
import itertools
import time
import warnings
from collections.abc import Callable

from bench.in_process import _warm_check
from bench.measure import medians
from bench.row import Row, is_met, rounded
from bench.scene import ACCESS, ISSUER, chain, open_scene
from delegation.tracker import Tracker

VERSION = "0.3.3"
REACH = {4: "<= 1.0", 16: "<= 0.5"}
WHAT = "warm check, steps 1 to 9, against tenuo's authorisation with proof"


def rows(rounds: int) -> list[Row]:
    """Return rows of our warm check beside tenuo's, or one that says why there are none."""
    floor = f"tenuo {VERSION}, check_chain with proof"
    try:
        found = importlib.metadata.version("tenuo")
    except importlib.metadata.PackageNotFoundError:
        return [Row("in_process", WHAT, floor, skipped="tenuo is not installed (the bench extra)")]
    if found != VERSION:
        return [Row("in_process", WHAT, floor, skipped=f"tenuo is {found}, not {VERSION}")]
    result = []
    with Tracker.open(issuer=ISSUER) as tracker:
        task = open_scene(tracker)
        for depth, reach in REACH.items():
            ours = _warm_check(tracker, chain(tracker, task, depth))
            taken = medians({"biscuit": ours, floor: _theirs(depth)}, rounds=rounds, calls=3)
            ratio = rounded(taken["biscuit"] / taken[floor])
            result += [
                Row("in_process", WHAT, floor, depth=depth, median_us=rounded(taken[floor])),
                Row(
                    "in_process", WHAT, "biscuit", depth=depth, median_us=rounded(taken["biscuit"]),
                    floor=floor, ratio_to_floor=ratio, reach=reach, met=is_met(reach, ratio),
                ),
            ]  # fmt: skip
    return result


def _theirs(depth: int) -> Callable[[], object]:
    """Return tenuo's check of the same call under a chain of so many warrants."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about names of its own
        import tenuo

    keys = [tenuo.SigningKey.generate() for _ in range(depth)]
    any_text = tenuo.Wildcard()
    held = {
        "mail.send": {"to": tenuo.Pattern("*@acme.example"), "subject": any_text, "body": any_text}
    }
    warrant = tenuo.Warrant.issue(
        keys[0], capabilities=held, ttl_seconds=3600, holder=keys[0].public_key
    )
    warrants = [warrant]
    for by, to in itertools.pairwise(keys):
        warrant = warrant.attenuate(
            capabilities=held, signing_key=by, ttl_seconds=3600, holder=to.public_key
        )
        warrants.append(warrant)
    arguments = dict(ACCESS.arguments)
    proof = bytes(warrant.sign(keys[-1], "mail.send", arguments, int(time.time())))
    desk = tenuo.Authorizer(trusted_roots=[keys[0].public_key])
    return lambda: desk.check_chain(warrants, "mail.send", arguments, proof)
