"""Types of schemas against a validator that we did not write: nothing beyond the schema unless it is said.

What a type admits is, in its canonical form, valid under the schema; what is valid is admitted; or the
import named the keyword that it did not keep. `DELEGATION_LONG=1` plays twenty times as many.
"""

from __future__ import annotations

import os
import random
from typing import Any

import jsonschema
import pytest
from differential.schema_samples import is_open, schema, value

from delegation.authority.arguments import ArgumentType, NoCanonicalFormError, parse_type
from delegation.authority.documents.imported import Report, UnmappableError
from delegation.authority.documents.schema import type_of_schema

LONG = 20 if os.environ.get("DELEGATION_LONG") else 1


REFUSED = object()


def canonical_of(kind: ArgumentType, sent: Any) -> Any:
    """Return a value's canonical form, or `REFUSED`."""
    try:
        return kind.canonicalise(sent)
    except NoCanonicalFormError:
        return REFUSED


def keywords(error: jsonschema.ValidationError) -> set[str]:
    """Return each keyword that has a part in a validator's refusal."""
    found = {str(key) for key in error.absolute_schema_path}
    return found.union(*map(keywords, error.context or ()))


def named(report: Report) -> set[str]:
    """Return each keyword that a report says is not kept; by position, items have types too."""
    said = {what.partition(" is not kept")[0] for _, what in report.notes}
    return said | ({"type", "enum", "anyOf"} if "prefixItems" in said else set())


@pytest.mark.parametrize("start", range(4))
def test_a_type_admits_what_its_schema_admits_or_the_report_says_what_is_lost(start: int) -> None:
    """Random schemas of every keyword, random values near to them."""
    seen = {"same": 0, "lost": 0, "never": 0}
    for seed in range(start * 400 * LONG, (start + 1) * 400 * LONG):
        rng = random.Random(seed)
        one = schema(rng)
        report = Report()
        judge = jsonschema.Draft202012Validator(one)
        values = [value(rng, one, one) for _ in range(12)]
        try:
            made = parse_type(type_of_schema(one, None, report))
        except UnmappableError:
            made = None
        for v in values:
            canonical = REFUSED if made is None else canonical_of(made, v)
            if canonical is REFUSED:
                is_right = not judge.is_valid(v) or v is None or is_open(one, v)
            else:
                is_right = judge.is_valid(canonical)
            assert is_right or report.notes, (seed, one, made, v)
            if canonical is not REFUSED and not judge.is_valid(canonical):
                unnamed = [
                    e for e in judge.iter_errors(canonical) if not keywords(e) & named(report)
                ]
                assert not unnamed, (seed, one, made, v, report.notes)
        if made is None:
            seen["never"] += 1
            continue
        seen["lost" if report.notes else "same"] += 1
    assert seen["same"] > 100, seen
