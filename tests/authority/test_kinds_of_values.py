"""The kinds of values that agents send: each has one canonical form or is refused by its own code."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from cases import every

from delegation import Tool, between, exact, glob, one_of, text
from delegation.authority.amounts import amounts_of
from delegation.authority.arguments import (
    EnumType,
    MoneyType,
    NoCanonicalFormError,
    member_key,
    parse_type,
    read_member,
)
from delegation.authority.arguments.url_text import stated, stated_as
from delegation.authority.catalogue import Catalogue
from delegation.canonical import same
from delegation.errors import MalformedError
from delegation.json_number import WideNumber

USD, YEN, DINAR = ({"type": "money", "currency": c} for c in ("USD", "JPY", "KWD"))
FEW = {"type": "list", "of": "datetime", "min": 1, "max": 3, "unique": True}
LEVELS = {"type": "enum", "values": ["low", 1, 2.5, True]}
SMALL = {"type": "json", "bytes": 40, "depth": 2, "count": 4}
SID = {"type": "line", "shape": [{"text": "AC"}, {"of": "0-9a-f", "min": 4, "max": 4}]}
FORM = {"type": "object", "fields": {"files[0]": "line", "Parameter1.Name?": "line", "sure?!": "boolean", "why??": "line", "now!!": "line"}}  # fmt: skip
GOOD = [
    ("relative_path", "reports/2026/q3.csv", "reports/2026/q3.csv"),
    ("datetime", "2026-11-30t08:00:00.500+01:00", "2026-11-30T07:00:00.5Z"), ("datetime", "2026-11-30T07:00:00-00:00", "2026-11-30T07:00:00Z"),
    ("datetime", "2027-01-01T00:30:00+01:00", "2026-12-31T23:30:00Z"), ({"type": "datetime", "places": 9}, "2026-11-30T07:00:00.123456789Z", "2026-11-30T07:00:00.123456789Z"),
    ("date", "2024-02-29", "2024-02-29"), ("argv", ["git", "log", "--", ""], ["git", "log", "--", ""]), ("argv", [], []),
    ("json", {"b": [1.0, -0.0, 2.5, "e\u0301", None], "\u8cc7": True}, {"b": [1, 0, 2.5, "e\u0301", None], "\u8cc7": True}), ("json", "x", "x"), ("json", False, False),
    (USD, 1250, 1250), (USD, 5.0, 5), (USD, 0, 0), ({**USD, "min": -500}, -500, -500), ("segment", "user:1", "user:1"),
    (LEVELS, 1.0, 1), (LEVELS, 2.5, 2.5), (LEVELS, True, True), (LEVELS, "low", "low"), (SID, "AC09af", "AC09af"),
    (FEW, ["2026-11-30T07:00:00Z"], ["2026-11-30T07:00:00Z"]),
    (FORM, {"files[0]": "a", "sure?": True, "now!": "b"}, {"files[0]": "a", "sure?": True, "now!": "b"}),
    (FORM, {"files[0]": "a", "sure?": False, "now!": "b", "why?": "c", "Parameter1.Name": "d"}, {"Parameter1.Name": "d", "files[0]": "a", "now!": "b", "sure?": False, "why?": "c"}),
]  # fmt: skip
BAD = [
    ("relative_path", "/etc", "path_not_relative"), ("relative_path", "", "path_empty_segment"), ("relative_path", "a/../b", "path_dot_segment"), ("relative_path", "-rf", "path_lead"),
    ("relative_path", "x:y/z", "path_foreign_character"), ("relative_path", "Foo::Bar/c", "path_lead"), ("relative_path", "NUL", "path_device"),
    ("datetime", "2026-11-30 07:00:00Z", "datetime_form"), ("datetime", "2026-11-30T09:00:00", "datetime_form"), ("datetime", "2026-11-30T23:59:60Z", "datetime_range"),
    ("datetime", "2026-11-30T24:00:00Z", "datetime_range"), ("datetime", "2026-02-30T00:00:00Z", "datetime_range"), ("datetime", "0001-01-01T00:00:00+00:01", "datetime_range"),
    ("datetime", "2026-11-30T07:00:00+24:00", "datetime_range"), ("datetime", "2026-11-30T07:00:00.1234567Z", "datetime_places"), ("datetime", 1764486000, "wrong_type"),
    ("date", "2026-1-1", "date_form"), ("date", "2026-02-30", "date_range"), ("date", "0000-01-01", "date_range"),
    ("argv", "ls -l", "wrong_type"), ("argv", ["a\x00b"], "text_control_character"), ({"type": "argv", "max": 1}, ["a", "b"], "list_too_long"),
    (SMALL, [[[1]]], "json_depth"), (SMALL, [1, 2, 3, 4, 5], "json_count"), (SMALL, "x" * 39, "json_size"), ("json", {"a\x00": 1}, "json_form"), ("json", ["\x00"], "json_form"), ("json", None, "wrong_type"),
    (USD, -1, "integer_out_of_range"), (USD, "12.50", "wrong_type"), (USD, 12.5, "integer_fraction"), (USD, True, "wrong_type"),
    ("segment", "..", "segment_dots"), ("segment", "a/b", "segment_foreign_character"), ("segment", "", "segment_length"), ("segment", "\uff0f", "segment_foreign_character"),
    (LEVELS, "1", "enum_unknown"), (LEVELS, False, "enum_unknown"), (LEVELS, 2, "enum_unknown"), (LEVELS, None, "wrong_type"), (LEVELS, [1], "wrong_type"),
    (SID, "AC09AF", "text_shape"), (SID, "AC09af0", "text_shape"),
    (FEW, [], "list_too_short"), (FEW, ["2026-11-30T07:00:00Z", "2026-11-30T08:00:00+01:00"], "list_repeats"),
    (FORM, {"files[0]": "a", "now!": "b"}, "object_field_missing"), (FORM, {"files[0]": "a", "sure": True, "now!": "b"}, "object_field_missing"),
]  # fmt: skip


@every(("kind", "value", "expected"), GOOD)
def test_a_value_of_each_kind_has_one_canonical_form(kind, value, expected):
    """The canonical form is reached, with its types, and is its own."""
    made = parse_type(kind)
    assert same(made.canonicalise(value), expected)
    assert same(made.canonicalise(expected), expected)


@every(("kind", "value", "code"), BAD, ids=[f"{n}-{b[2]}" for n, b in enumerate(BAD)])  # fmt: skip
def test_a_value_of_no_kind_is_refused_by_its_code(kind, value, code):
    """Each by its own code; the message never repeats the value."""
    with pytest.raises(NoCanonicalFormError) as caught:
        parse_type(kind).canonicalise(value)
    assert caught.value.code == code
    if isinstance(value, str) and len(value) > 8:
        assert value not in str(caught.value) + caught.value.remedy


@every(
    "body",
    [{"type": "money"}, {"type": "money", "currency": "usd"}, {"type": "money", "currency": "XXX"}, {"type": "money", "currency": "XAU"}, {"type": "money", "currency": ["USD"]}, {"type": "money", "currency": "USD", "places": 10},
     {"type": "enum", "values": [1, 1.0]}, {"type": "enum", "values": [None]}, {"type": "enum", "values": [[1]]}, {"type": "enum", "values": [2**53 + 1]}, {"type": "enum", "values": [float("nan")]}, {"type": "enum", "values": "ab"},
     {"type": "list", "of": "text", "min": 2, "max": 1}, {"type": "list", "of": "text", "unique": 1}, {"type": "datetime", "places": 10}, {"type": "json", "depth": 17}, {"type": "json", "bytes": 0}, {"type": "argv", "max": 257},
     {"type": "segment", "min": 0}, {"type": "line", "shape": "AC"}, {"type": "line", "shape": [{"of": "z-a", "min": 1}]}, {"type": "line", "shape": [{"of": "", "min": 1}]}, {"type": "line", "shape": [{"text": "a", "min": 1}]},
     {"type": "line", "shape": [{"any_of": [], "min": 1}]}, {"type": "line", "shape": [{"any_of": [[]], "max": 65}]}, {"type": "line", "shape": [{"text": "a"}] * 257}, {"type": "line", "shape": [{"of": "a", "min": 2, "max": 1}]},
     {"type": "object", "fields": {"a": "text", "a!": "text"}}, {"type": "object", "fields": {"": "text"}}, {"type": "object", "fields": {"?": "text"}}, {"type": "object", "fields": {"a\n": "text"}}, {"type": "object", "fields": {"x" * 201: "text"}},
     {"type": "object", "fields": {f"f{n}": "text" for n in range(257)}}, {"type": "object", "fields": {f"f{n}": {"type": "object", "fields": {f"g{m}": "text" for m in range(20)}} for n in range(250)}}],
)  # fmt: skip
def test_a_definition_of_another_form_defines_nothing(body):
    """Unknown currencies, equal or foreign values, bounds that admit nothing, too many types in all."""
    with pytest.raises(MalformedError):
        parse_type(body)


# As definitions were written before there were the new kinds; they are digested and compared so.
FROZEN = [
    "boolean", "bytes", "decimal", "email", "host", "integer", "opaque", "path", "text", "url",
    {"type": "list", "of": "email", "max": 2}, {"type": "list", "of": "text"}, {"type": "enum", "values": ["a", "b"]},
    {"type": "object", "fields": {"cc?": "email", "to": "email"}}, {"type": "integer", "min": 0, "max": 5},
    {"type": "host", "unsafe_special_addresses": True}, {"type": "decimal", "places": 2},
]  # fmt: skip


@every("body", FROZEN)
def test_a_definition_of_before_is_written_as_before(body):
    """No option that was added shows in a definition that does not use it."""
    assert parse_type(body).to_json() == body


@every("name", ["a", "a?", "a!", "a??", "a!?", "?", "!", "files[0]", "\u8cc7\u6599 ", "a b"])  # fmt: skip
@every("required", [True, False])
def test_any_name_is_a_field_required_or_not(name, required):
    """A key says name and presence in one way, also where the name itself ends in a mark."""
    key = member_key(name, required)
    assert read_member(key) == (name, required)
    made = parse_type({"type": "object", "fields": {key: "integer", "other": "integer"}})
    assert made.canonicalise({name: 1, "other": 2}) == {name: 1, "other": 2}
    if not required:
        assert made.canonicalise({"other": 2}) == {"other": 2}


def test_equal_numbers_are_not_equal_types():
    """`1` and `true` are two values of two types, and `1.0` is `1`."""
    assert EnumType((1,)) != EnumType((True,))
    assert EnumType((1.0,)) == EnumType((1,))
    assert EnumType((0, False)).canonicalise(False) is False


def test_money_is_said_with_its_currency():
    """As many digits behind the point as the currency has, or the definition says."""
    assert [MoneyType(c).shown(n) for c, n in (("USD", 1250), ("USD", 5), ("JPY", 1250), ("KWD", -1250), ("USD", 0))] == ["12.50 USD", "0.05 USD", "1250 JPY", "-1.250 KWD", "0.00 USD"]  # fmt: skip
    assert MoneyType("USD", 6).shown(1_500_000) == "1.500000 USD"
    assert between(100, 5000).wording(MoneyType("USD")).short == "1.00 USD … 50.00 USD"
    assert one_of(5, 700).wording(MoneyType("EUR")).short == "0.05 EUR or 7.00 EUR"
    assert between(100, 5000).wording().short == "100 … 5000"


def test_every_amount_of_a_call_is_found_in_its_place():
    """In lists, in objects, where it may be null; by the definition in force then."""
    item = {"type": "object", "fields": {"price": {**USD, "nullable": True}, "name": "line"}}
    old = Tool("shop.pay", effect="write", arguments={"total": YEN, "items?": {"type": "list", "of": item}})  # fmt: skip
    new = Tool("shop.pay", effect="write", arguments={"total": USD})
    catalogue = Catalogue().with_tool(old).with_tool(new)
    call = {"total": 7, "items": [{"price": 250, "name": "a"}, {"price": None, "name": "b"}]}
    assert amounts_of(catalogue, "shop.pay", 1, call) == {"total": "7 JPY", "items[0].price": "2.50 USD"}  # fmt: skip
    assert amounts_of(catalogue, "shop.pay", 2, call) == {"total": "0.07 USD"}
    assert amounts_of(catalogue, "shop.none", 2, call) == {}
    assert amounts_of(catalogue, "shop.pay", 2, None) == {}


def test_constraints_that_there_were_fit_the_new_kinds():
    """Ranges of money, lengths and patterns of texts, literals of all; a path constraint stays absolute."""
    from delegation import each, path

    assert between(1, 500).fits(parse_type(USD))
    assert text(max=5).fits(parse_type("segment"))
    assert text(max=5).fits(parse_type("argv"))
    assert glob("reports/*").fits(parse_type("relative_path"))
    assert each(text(max=9)).fits(parse_type("argv"))
    assert not path("/data").fits(parse_type("relative_path"))
    for kind, value in [("datetime", "2026-11-30T07:00:00Z"), ("date", "2026-11-30"), (USD, 5), ("argv", ["a"]), ("json", {"a": 1}), ("relative_path", "a/b"), ("segment", "a")]:  # fmt: skip
        assert exact(value).fits(parse_type(kind))
    assert not exact("2026-11-30T08:00:00+01:00").fits(parse_type("datetime"))


def test_the_new_constraints_fit_the_new_kinds():
    """Spans of moments and days, vectors by place and beginning, amounts with open ends."""
    from delegation.authority.constraints import argv, count, during

    month = during("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
    for kind, constraint, inside, outside in [
        ("datetime", month, "2026-11-30t07:00:00.5+01:00", "2026-12-01T00:30:00-01:00"),
        ({"type": "datetime", "places": 9}, month, "2026-11-30T23:59:59.999999999Z", "2026-12-01T00:00:00.000000001Z"),
        ("date", during("2026-11-01", "2026-12-01"), "2026-11-30", "2026-12-01"),
        (USD, between(above=0, most=500), 500, 0),
        ("argv", argv("git", "log", rest=text(max=9)), ["git", "log", "-p"], ["git", "push"]),
        ("argv", count(max=2), ["git", "log"], ["git", "log", "-p"]),
        ("json", count(max=2), {"a": 1}, [1, 2, 3]),
    ]:  # fmt: skip
        made = parse_type(kind)
        assert constraint.fits(made)
        assert constraint.admits(made.canonicalise(inside))
        assert not constraint.admits(made.canonicalise(outside))


def test_a_cost_may_be_an_amount_of_money():
    """What an argument of money states is charged, in its minor units."""
    tool = Tool("shop.pay", effect="write", arguments={"total": USD}, cost={"usd_cents": "total"})
    assert tool.cost_of({"total": 1250}) == {"usd_cents": 1250}


@every(
    ("text", "kind", "value"),
    [("5", "integer", 5), ("05", "integer", "05"), ("+5", "integer", "+5"), ("5", "text", "5"), ("1.5", "number", 1.5), ("1e2", "number", 100), ("1.50", "number", 1.5), ("-0", "number", 0), ("0x5", "number", "0x5"),
     ("9007199254740993", "number", WideNumber("9007199254740993")), ("0.1000000000000000055", "number", WideNumber("0.1000000000000000055")), ("5.0", "integer", 5), ("NaN", "number", "NaN"), ("\uff15", "integer", "\uff15"), ("true", "boolean", True), ("True", "boolean", "True"), ("1", "boolean", "1")],
)  # fmt: skip
def test_a_text_of_a_url_states_a_value_of_its_kind_or_stays_text(text, kind, value):
    """No digit is dropped, and no other spelling becomes a value."""
    found = stated(text, kind)
    assert type(found) is type(value)
    assert found == value


@every(
    ("text", "kind", "value"),
    [("1.5", "number", 1.5), ("1.50", "number", "1.50"), ("1e2", "number", "1e2"), ("100", "number", 100), ("1250", USD, 1250), ("true", "boolean", True), ("1", LEVELS, 1), ("2.5", LEVELS, 2.5), ("true", LEVELS, True), ("low", LEVELS, "low"),
     ("1.0", LEVELS, "1.0"), ("7", {"type": "integer", "nullable": True}, 7), ("2026-11-30T07:00:00Z", "datetime", "2026-11-30T07:00:00Z"), ("7", "line", "7"), ("1", {"type": "enum", "values": ["1", 1]}, "1")],
)  # fmt: skip
def test_a_text_that_is_handed_on_states_a_value_in_one_spelling_only(text, kind, value):
    """What stands behind a proxy reads the text as it was sent, so that only the canonical one counts."""
    assert same(stated_as(text, parse_type(kind)), value)


@every("currency", ["USD", "JPY", "KWD", "CLF"])
@every("places", [None, 0, 2, 3, 6, 9])
def test_money_is_charged_in_a_unit_of_its_currency_and_places(currency, places):
    """Of all units and factors, those are taken that charge the very amount that is shown."""
    body = {"type": "money", "currency": currency, "places": places}
    body = {name: value for name, value in body.items() if value is not None}
    made = parse_type(body)
    held = {
        "": 0,
        "_cents": 2,
        "_mills": 3,
        "_micros": 6,
        "_nanos": 9,
        "_e4": 4,
        "_e0": 0,
        "_minor": None,
    }
    taken = 0
    for code, (ending, digits) in product(["usd", "jpy", "kwd", "clf", "credits"], held.items()):
        for factor in ["", "*1", "*10", "*100", "*1000", "*10000", "*1000000", "*7", "*200"]:
            unit, rule = code + ending, f"m{factor}"
            try:
                tool = Tool("p.pay", effect="write", arguments={"m": body}, cost={unit: rule})
            except MalformedError:
                assert (
                    code != currency.lower()
                    or digits is None
                    or int(factor[1:] or 1) * 10**made.places != 10**digits
                )
                continue
            taken += 1
            cost = tool.cost_of({"m": 125_000})[unit]
            assert Decimal(cost).scaleb(-digits) == Decimal(made.shown(125_000).split()[0])
            assert (code, made.shown(1).split()[1]) == (currency.lower(), currency)
    assert taken


def test_a_refused_unit_of_money_says_the_right_one():
    """The sentence names the unit that would do."""
    for body, unit in (
        (YEN, "jpy"),
        (USD, "usd_cents"),
        ({**USD, "places": 0}, "usd"),
        ({**USD, "places": 5}, "usd_e5"),
    ):
        with pytest.raises(MalformedError, match=f"in {unit} for money of"):
            Tool("p.pay", effect="write", arguments={"m": body}, cost={"eur_cents": "m"})
        assert Tool("p.pay", effect="write", arguments={"m": body}, cost={unit: "m"})
    assert Tool(
        "p.pay", effect="write", arguments={"m": YEN}, cost={"usd_cents": None, "points": 5}
    )
    assert Tool("p.pay", effect="write", arguments={"m": "integer"}, cost={"usd_cents": "m"})
