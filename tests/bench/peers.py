"""The same call in tenuo 0.3.3, whose authorisation with proof of possession is native code."""

from __future__ import annotations

import importlib.metadata
import itertools
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

from bench.in_process import warm_check
from bench.measure import timed
from bench.row import Row, compared, rounded
from bench.scene import ACCESS, ISSUER, chain, open_scene
from delegation.tracker import Tracker

VERSION = "0.3.3"
REACH = {4: "<= 0.7", 16: "<= 0.3"}
WHAT = "warm check, steps 1 to 9, against tenuo's authorisation with proof"


def rows(rounds: int) -> list[Row]:
    """Return rows of our warm check beside tenuo's, or one that says why that failed."""
    floor = f"tenuo {VERSION}, check_chain with proof"
    row = Row("in_process", WHAT, floor)
    try:
        found = importlib.metadata.version("tenuo")
    except importlib.metadata.PackageNotFoundError:
        found = "not installed"
    if found != VERSION:
        return [replace(row, failed=f"tenuo is {found}; `make bench` installs {VERSION}")]
    result = []
    with Tracker.open(issuer=ISSUER) as tracker:
        task = open_scene(tracker)
        for depth, reach in REACH.items():
            ours = warm_check(tracker, chain(tracker, task, depth))
            taken = timed({"biscuit": ours, floor: _theirs(depth)}, rounds=rounds, calls=3)
            base, own = taken[floor], taken["biscuit"]
            theirs = replace(
                row, depth=depth, median_us=rounded(base.us), share=rounded(base.share)
            )
            mine = replace(row, subject="biscuit", depth=depth, median_us=rounded(own.us))
            compare = compared(mine, floor, own.us / base.us, share=base.share, reach=reach)
            result += [theirs, compare]
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
