"""Argument types: what each states is read back; each canonical form is its own canonical form."""

from __future__ import annotations

import argument_values as av
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delegation import Tool, sent_json
from delegation.authority.arguments import TYPES, NoCanonicalFormError, parse_type
from delegation.canonical import same
from delegation.errors import MalformedError

many = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(kind=av.types)
def test_a_type_is_read_back_from_its_json(kind):
    """Every type with every option, nested; the JSON of what is read back is the same bytes."""
    made = parse_type(kind)
    stated = made.to_json()
    assert parse_type(stated) == made
    assert sent_json.encode(parse_type(stated).to_json()) == sent_json.encode(stated)
    tool = Tool("a.b", effect="read", arguments={"x?": made})
    assert Tool.from_json(sent_json.parse(sent_json.encode(tool.to_json()))) == tool


def test_every_type_is_among_those_that_are_tried():
    """A type that is added is tried here, or this fails."""
    assert av.MADE | set(av.PLAIN) == TYPES


@many
@given(case=av.typed_values())
def test_a_canonical_form_is_its_own(case):
    """What is admitted once is admitted again as it is; nothing but a refusal is ever raised."""
    kind, value = case
    made = parse_type(kind)
    try:
        once = made.canonicalise(value)
    except NoCanonicalFormError:
        return
    again = made.canonicalise(once)
    assert same(again, once)
    assert sent_json.encode(again) == sent_json.encode(once)


@many
@given(first=av.types, second=av.types, value=av.values)
def test_equal_types_read_alike(first, second, value):
    """Types that are equal are one type: a redefinition that changes nothing changes no reading."""
    one, two = parse_type(first), parse_type(second)
    if one != two:
        return
    answers = []
    for made in (one, two):
        try:
            answers.append(sent_json.encode(made.canonicalise(value)))
        except NoCanonicalFormError as refused:
            answers.append(refused.code)
    assert answers[0] == answers[1]


@many
@given(kind=av.types, option=st.sampled_from(["max", "min", "shape", "of", "fields", "values", "places", "currency", "bytes", "depth", "unique", "names", "digits", "above", "type", "nope"]), value=av.values)  # fmt: skip
def test_an_option_of_another_form_defines_nothing(kind, option, value):
    """Whatever stands in a definition is a type or is refused as malformed: never another fault."""
    body = {"type": kind} if isinstance(kind, str) else dict(kind)
    try:
        made = parse_type({**body, option: value})
    except MalformedError:
        return
    assert parse_type(made.to_json()) == made
