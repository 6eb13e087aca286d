"""Argument types: every value has one canonical form or none; the attacks are the table."""

from __future__ import annotations

import unicodedata

import pytest
from cases import every
from hypothesis import given
from hypothesis import strategies as st

from delegation.authority.arguments import TYPES, LineType, NoCanonicalFormError, parse_type
from delegation.canonical import same
from delegation.errors import MalformedError
from delegation.json_number import WideNumber

LIST = {"type": "list", "of": "email", "max": 2}
EITHER = {
    "type": "either",
    "of": [
        {"type": "number", "min": "0"},
        {"type": "text", "max": 2},
        {"type": "list", "of": "integer"},
    ],
}
MAP = {
    "type": "map",
    "of": {"type": "integer", "min": 0},
    "names": {"type": "line", "max": 3},
    "min": 1,
    "max": 2,
}
OBJECT = {"type": "object", "fields": {"to": "email", "cc?": "email"}}
OPEN = {"type": "host", "unsafe_special_addresses": True}
NUMBER = {"type": "number", "min": "0.5", "above": "0.5", "max": "99.99", "below": "100", "multiple": "0.01"}  # fmt: skip
NULLABLE = {"type": "object", "fields": {"a": {"type": "text", "nullable": True}, "b?": "text"}}


def nested(depth: int):
    """Return a text in so many lists."""
    return "text" if depth == 0 else {"type": "list", "of": nested(depth - 1)}


GOOD = [
    ("text", "Grüße\n", "Grüße\n"), ("integer", -5, -5), ("integer", 2**53 - 1, 2**53 - 1), ("boolean", True, True),
    ("decimal", "012.50", "12.5"), ("decimal", "-0.0", "0"), ("decimal", "100", "100"), ("opaque", "ord-88", "ord-88"),
    ("bytes", "AQI", "AQI"), ({"type": "enum", "values": ["a", "b"]}, "b", "b"), ("path", "/a/b c.txt", "/a/b c.txt"), ("path", "/", "/"),
    ("host", "API.Acme.Example", "api.acme.example"), ("host", "bücher.de", "xn--bcher-kva.de"), ("host", "1.1.1.1", "1.1.1.1"),
    ("host", "2606:4700::1111", "2606:4700::1111"), (OPEN, "127.0.0.1", "127.0.0.1"), (OPEN, "localhost", "localhost"),
    ("email", "Ana.B+x@Acme.Example", "Ana.B+x@acme.example"), ("url", "HTTPS://A.Example:443/%7eb?q=%2a", "https://a.example/~b?q=%2A"),
    ("url", "https://a.example", "https://a.example/"), ("url", "https://[2606:4700::1]:8443/x", "https://[2606:4700::1]:8443/x"),
    ("text", "e\u0301\r\n\u202e\u200f\u0378\U0001f3fb\u2028", "e\u0301\r\n\u202e\u200f\u0378\U0001f3fb\u2028"), ("line", "e\u0301 \u200f", "e\u0301 \u200f"), ("identifier", "a-1.b:c@d+~_", "a-1.b:c@d+~_"),
    ("number", 5, 5), ("number", 5.0, 5), ("number", -0.0, 0), ("number", 0.1, 0.1), ("number", 1e300, 1e300), ("number", 2**53, 2.0**53), (NUMBER, 0.51, 0.51), (NUMBER, 99.99, 99.99),
    ("integer", 5.0, 5), ("decimal", 12.5, "12.5"), ("decimal", 7, "7"), ("decimal", 1e-7, "0.0000001"), ({"type": "integer", "nullable": True}, None, None),
    ({"type": "list", "of": {"type": "email", "nullable": True}}, [None, "A@B.example"], [None, "A@b.example"]), (OBJECT, {"to": "a@b.example", "cc": None}, {"to": "a@b.example"}),
    (NULLABLE, {"a": None, "b": None}, {"a": None}), ({"type": "host", "nullable": True}, None, None),
    (EITHER, 0.0, 0), (EITHER, "ab", "ab"), (EITHER, [1], [1]), (MAP, {"a": 5.0}, {"a": 5}), ({"type": "map", "of": {"type": "text", "nullable": True}}, {"a": None, "B": "x"}, {"a": None, "B": "x"}),
    ({"type": "decimal", "digits": 3, "above": "0"}, "0.120", "0.12"), ({"type": "decimal", "multiple": "0.05"}, 1.05, "1.05"), ({**EITHER, "nullable": True}, None, None),
    (LIST, ["a@b.example"], ["a@b.example"]), (LIST, [], []), (OBJECT, {"to": "A@B.example"}, {"to": "A@b.example"}),
]  # fmt: skip
BAD = [
    *((kind, None, "wrong_type") for kind in sorted(TYPES - {"either", "enum", "list", "map", "money", "object"})),
    (EITHER, True, "wrong_type"), (EITHER, None, "wrong_type"), (EITHER, -1, "number_out_of_range"), (EITHER, "abc", "text_too_long"), (MAP, {"a": -1}, "integer_out_of_range"),
    (MAP, {"long": 1}, "text_too_long"), (MAP, {}, "map_size"), (MAP, {"a": 1, "b": 1, "c": 1}, "map_size"), (MAP, {"a": None}, "wrong_type"), (MAP, [], "wrong_type"), ({"type": "map", "of": "text", "names": "email"}, {"A@B.example": ""}, "map_name"),
    ({"type": "decimal", "above": "0"}, "0", "number_out_of_range"), ({"type": "decimal", "below": "1"}, 1, "number_out_of_range"), ({"type": "decimal", "digits": 3}, "12.34", "decimal_digits"), ({"type": "decimal", "digits": 2}, "0.123", "decimal_digits"), ({"type": "decimal", "multiple": "0.05"}, "1.01", "number_no_multiple"),
    ("integer", True, "wrong_type"), ("integer", "5", "wrong_type"), ("boolean", 1, "wrong_type"), ("text", 5, "wrong_type"),
    ("text", ["a"], "wrong_type"), (LIST, "a@b.example", "wrong_type"), (LIST, {"0": "a@b.example"}, "wrong_type"), (OBJECT, [], "wrong_type"),
    ("text", "x" * 32_769, "text_too_long"), ("text", "a\x00b", "text_control_character"), ("text", "a\x85b", "text_control_character"),
    ("text", "\x1b[2J", "text_control_character"), ("text", "a\x7f", "text_control_character"), ("text", "\ud800", "text_surrogate"), ("line", "\ud800", "text_surrogate"),
    *(("line", f"a{sign}b", "text_control_character") for sign in "\n\r\t\x0b\x0c\x85\u2028\u2029\u25d9"), ({"type": "text", "min": 2}, "a", "text_too_short"),
    *(("identifier", bad, "identifier_form") for bad in ("-a", ".a", "a/b", "a b", "\u00e9", "a\n", "\uff21")), ("identifier", "", "text_too_short"),
    ("identifier", "a" * 257, "text_too_long"), *(("path", f"/{bad}", "text_not_normal") for bad in ("e\u0301", "\ud800", "\u0378")), ("path", "/a\u202eb", "text_control_character"),
    *((kind, WideNumber("1e+400"), "number_not_exact") for kind in ("number", "integer", "decimal")), ("number", True, "wrong_type"), ("number", "5", "wrong_type"),
    ("number", 2**53 + 1, "number_not_exact"), ("number", 1e400, "number_not_exact"), ("decimal", 2**60, "number_not_exact"), ("integer", 5.5, "integer_fraction"),
    *((NUMBER, value, "number_out_of_range") for value in (0, 0.5, 100, 1e300)), (NUMBER, 0.505, "number_no_multiple"), ({"type": "integer", "multiple": 5}, 7, "number_no_multiple"),
    ("decimal", 1e300, "decimal_form"), ({"type": "decimal", "min": "0", "max": "1.5"}, "1.51", "number_out_of_range"), ({"type": "decimal", "places": 1}, 0.25, "decimal_places"),
    ({"type": "text", "multiline": False}, "a\nb", "text_control_character"), ({"type": "integer", "min": 0}, -1, "integer_out_of_range"),
    ("integer", 2**53, "integer_out_of_range"), ("decimal", "1e3", "decimal_form"), ("decimal", "+1", "decimal_form"),
    ("decimal", "１", "decimal_form"), ("decimal", "NaN", "decimal_form"), ("decimal", "", "decimal_form"),
    ({"type": "decimal", "places": 2}, "1.234", "decimal_places"), ("opaque", "a/b", "opaque_form"), ("opaque", "..", "opaque_form"),
    ("opaque", "", "opaque_form"), ("opaque", "a\u200bb", "opaque_form"), ("opaque", "а", "opaque_form"), ("bytes", "AQI=", "bytes_form"),
    ("bytes", "AQJ", "bytes_form"), ("bytes", "A+I", "bytes_form"), ({"type": "enum", "values": ["a"]}, "A", "enum_unknown"),
    ("path", "a/b", "path_not_absolute"), ("path", "", "path_not_absolute"), ("path", "/a/../b", "path_dot_segment"),
    ("path", "/./a", "path_dot_segment"), ("path", "/a//b", "path_empty_segment"), ("path", "/a/", "path_empty_segment"),
    ("path", "//host/share", "path_empty_segment"), ("path", "/a/%2e%2e/b", "path_escape"), ("path", "/a/%252e", "path_escape"),
    ("path", "/a\\..\\b", "path_foreign_character"), ("path", "/C:/x", "path_foreign_character"), ("path", "/a;x", "path_foreign_character"),
    ("path", "/a/*", "path_foreign_character"), ("path", "/~root", "path_foreign_character"), ("path", "/$HOME", "path_foreign_character"),
    ("path", "/a\uff0f..", "path_trailing_dot"), ("path", "/a/\u2025/b", "path_foreign_character"), ("path", "/a/b.", "path_trailing_dot"),
    ("path", "/a/ b", "path_trailing_dot"), ("path", "/a\x00", "text_control_character"), ("path", "/a\n", "text_control_character"),
    *(("host", h, "host_odd_address") for h in (
        "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "127.1", "1.1.1.01", "1.1.1.1.", "::ffff:1.1.1.1", "::FFFF:7f00:1",
        "2606:4700:0::1111", "2606:4700::0001", "fe80::1%eth0", "[::1]", "1.1.1.1:80", "１.1.1.1", "1.1.1.256", "0x.1.1.1", "acme.0x7f")),
    *(("host", h, "host_special_address") for h in (
        "127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "192.0.2.1",
        "203.0.113.9", "224.0.0.1", "255.255.255.255", "192.88.99.1", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1",
        "2001::1", "2001:db8::1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "::ffff:0:7f00:1", "3fff::1", "5f00::1")),
    *(("host", h, "host_local_name") for h in ("localhost", "LOCALHOST", "db", "printer.local", "x.internal", "a.localhost", "x.home.arpa", "svc.lan")),
    (OPEN, "::ffff:1.1.1.1", "host_odd_address"), (OPEN, "::ffff:101:101", "host_odd_address"), ("host", "acme.example.", "host_trailing_dot"), ("host", "a..b", "host_form"), ("host", "-a.example", "host_form"), ("host", "a_b.example", "host_form"),
    ("host", "", "host_form"), ("host", "a." * 130 + "example", "host_form"), ("host", "xn--zzzzzz-.example", "host_form"), ("host", "ab--c.example", "host_form"),
    ("host", "ａcme.example", "host_form"), ("host", "acme。example", "host_form"), ("host", "a b.example", "host_form"), ("host", "a/b.example", "host_form"),
    ("email", "a@b.example,c@d.example", "email_several"), ("email", "a@b.example;c@d.example", "email_several"), ("email", "a@b@c.example", "email_several"),
    ("email", "Ana <a@b.example>", "email_several"), ("email", "a@b.example\nBcc: e@evil.example", "email_several"), ("email", "a@b.example ", "email_several"),
    ("email", '"a b"@c.example', "email_several"), ("email", "a(x)@b.example", "email_several"), ("email", "a%evil.example@b.example", "email_local_part"),
    ("email", "a!b@c.example", "email_local_part"), ("email", ".a@b.example", "email_local_part"), ("email", "а@b.example", "email_local_part"),
    ("email", "@b.example", "email_local_part"), ("email", "a@1.1.1.1", "email_domain"), ("email", "a@[127.0.0.1]", "email_several"),
    ("email", "a@localhost", "host_local_name"), ("email", "a@127.0.0.1", "host_special_address"), ("email", "a@b.example.", "host_trailing_dot"),
    ("email", "x" * 300 + "@b.example", "email_too_long"),
    ("url", "http://a.example/", "url_scheme"), ("url", "javascript:alert(1)", "url_form"), ("url", "file:///etc/passwd", "url_scheme"),
    ("url", "//a.example/", "url_form"), ("url", "https:/a.example", "url_form"), ("url", "https://u@a.example/", "url_userinfo"),
    ("url", "https://a.example@evil.example/", "url_userinfo"), ("url", "https://a.example#@evil.example/", "url_fragment"),
    ("url", "https://a.example/..", "url_dot_segment"), ("url", "https://a.example/%2e%2e/b", "url_dot_segment"), ("url", "https://a.example/a//b", "url_empty_segment"),
    ("url", "https://a.example/%2fb", "url_escape"), ("url", "https://a.example/%252e", "url_escape"), ("url", "https://a.example/%00", "url_escape"),
    ("url", "https://a.example/%5c", "url_escape"), ("url", "https://a.example/a%0d%0ab", "url_escape"), ("url", "https://a.example/a b", "url_foreign_character"),
    ("url", "https://a.example/\\evil", "url_foreign_character"), ("url", "https://a.example/;x", "url_foreign_character"), ("url", "https://a.example/%zz", "url_foreign_character"),
    ("url", "https://a%2eexample/", "url_form"), ("url", "https://a.example:0/", "url_port"), ("url", "https://a.example:99999/", "url_port"),
    ("url", "https://a.example:443:80/", "url_port"), ("url", "https://a.example:/", "url_port"), ("url", "https://[::1]/", "host_special_address"),
    ("url", "https://[::ffff:127.0.0.1]/", "host_odd_address"), ("url", "https://0x7f000001/", "host_odd_address"), ("url", "https://localhost/", "host_local_name"),
    ("url", "https:///x", "host_form"), ("url", "https://a.example/" + "x" * 2048, "url_too_long"), ("url", "https://ａ.example/", "host_form"),
    (LIST, ["a@b.example"] * 3, "list_too_long"), (LIST, ["a@b.example", "c@d.example,e@f.example"], "email_several"), (LIST, [None], "wrong_type"),
    (OBJECT, {}, "object_field_missing"), (OBJECT, {"to": "a@b.example", "bcc": "e@evil.example"}, "object_field_unknown"), (OBJECT, {"to": None}, "object_field_missing"),
]  # fmt: skip


@every(("kind", "value", "expected"), GOOD)
def test_a_value_has_one_canonical_form(kind, value, expected):
    """The canonical form is reached, and is its own canonical form."""
    made = parse_type(kind)
    assert same(made.canonicalise(value), expected)
    assert same(made.canonicalise(expected), expected)


@every(("kind", "value", "code"), BAD, ids=[f"{n}-{b[2]}" for n, b in enumerate(BAD)])
def test_a_value_without_canonical_form_is_refused(kind, value, code):
    """Each oddity is refused by its own code, and the message never repeats the value."""
    with pytest.raises(NoCanonicalFormError) as caught:
        parse_type(kind).canonicalise(value)
    assert caught.value.code == code
    if isinstance(value, str) and len(value) > 8:
        assert value not in str(caught.value)


hosts = st.text(alphabet="abA1.-x0f:[]%/\\@éа。１", max_size=14)


@given(value=hosts)
@pytest.mark.parametrize(
    "kind",
    ["host", "email", "url", "path", "text", "line", "identifier", "decimal", "opaque", "bytes"],
)
def test_any_text_is_canonical_or_refused(kind, value):
    """No text raises anything else, and canonical forms are stable and normal."""
    shown = {"url": "https://" + value, "email": "a@" + value, "path": "/" + value}.get(kind, value)
    made = parse_type(kind)
    try:
        once = made.canonicalise(shown)
    except NoCanonicalFormError:
        return
    assert made.canonicalise(once) == once
    assert kind in {"text", "line"} or unicodedata.is_normalized("NFC", once)


@given(
    number=st.integers(0, 2**32 - 1),
    form=st.sampled_from(["{0}", "0x{0:x}", "{a}.{b}", "0{a:o}.{b}.{c}.{d}", "{a}.{b}.{c}.{d}."]),
)
def test_no_odd_spelling_of_an_address_is_a_host(number, form):
    """Every spelling that `inet_aton` reads and that is not plain dotted decimal is refused."""
    a, b, c, d = number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255
    with pytest.raises(NoCanonicalFormError):
        parse_type(OPEN).canonicalise(form.format(number, a=a, b=b, c=c, d=d))


@every(
    "body",
    ["regex", {"type": "text", "max": -1}, {"type": "text", "nope": 1}, {"type": "list"}, {"type": "enum", "values": []}, {"type": "enum"}, None, 5,
     {"type": "object", "fields": {}}, {"type": "url", "schemes": ["ftp"]}, {"type": "host", "unsafe_special_addresses": 1}, {"type": "integer", "min": 5, "max": 1},
     nested(16), {"type": "object", "fields": {"a": "text", "a?": "text"}},
     {"type": "text", "nullable": False}, {"type": {"type": "text", "nullable": True}, "nullable": True}, {"nullable": True}, {"type": "number", "min": 0.5}, {"type": "number", "min": "1e3"},
     {"type": "number", "multiple": "0"}, {"type": "integer", "multiple": 0}, {"type": "line", "multiline": False}, {"type": "text", "multiline": 1}, {"type": "identifier", "min": 0}],
)  # fmt: skip
def test_an_unknown_type_or_option_is_refused(body):
    """A definition that this release does not understand defines nothing."""
    with pytest.raises(MalformedError):
        parse_type(body)


@every("kind", [g[0] for g in GOOD])
def test_types_are_read_back(kind):
    """A type's JSON states the same type."""
    made = parse_type(kind)
    assert parse_type(made.to_json()) == made


def test_a_text_of_one_line_is_read_as_a_line():
    """How definitions spelled a line before there was one; they are compared by what they mean."""
    old = parse_type({"type": "text", "max": 50, "multiline": False})
    assert old == LineType(50) == parse_type({"type": "line", "max": 50})
    assert parse_type({"type": "text", "max": 50, "multiline": True}).to_json() == {"type": "text", "max": 50}  # fmt: skip


@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53) + 1, 2**53 - 1))  # fmt: skip
def test_every_finite_number_is_one_number(number):
    """Any finite JSON number is a number, equal to what was sent, and an integer where it is one."""
    once = parse_type("number").canonicalise(number)
    assert once == number
    assert same(parse_type("number").canonicalise(once), once)
    assert (type(once) is int) == (number == int(number) and abs(number) < 2**53)


@pytest.mark.parametrize(
    ("names", "name", "said"),
    [
        ({"type": "text", "max": 3}, "abcd", "its name will not do: it has 4 characters"),
        ("email", "A@B.example", "its name is not in canonical form"),
        ({"type": "enum", "values": ["a"]}, "c", "its name will not do: it is none of the type's values"),
    ],
)  # fmt: skip
def test_of_a_map_the_name_is_told_of_and_not_its_value(names, name, said):
    """A number under a name that is too long has no characters."""
    kind = parse_type({"type": "map", "of": "integer", "names": names})
    with pytest.raises(NoCanonicalFormError) as refused:
        kind.canonicalise({name: 1})
    assert str(refused.value) == said
    assert refused.value.remedy.startswith(f"Name it {kind.names.wanted}")
    assert refused.value.part_of({name: 1}) == name
