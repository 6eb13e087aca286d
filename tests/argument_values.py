"""Argument types as strategies: every name, every option, nested; and values near what they admit."""

from __future__ import annotations

from hypothesis import strategies as st
from value_edges import edge

from delegation.authority.arguments import TYPES, member_key

CLASSES = ["a-z", "A-Z0-9", "0-9", "a-zA-Z0-9_-", "^/", "\\u{e9}a", "ab", "^"]
PLACES = st.integers(0, 9)
small = st.integers(0, 6)


def _bounded(name: str, least: int = 0) -> st.SearchStrategy:
    """Return types of a text's family with some of their bounds."""
    spans = st.tuples(st.integers(least, 4), st.integers(4, 40))
    return st.builds(
        lambda span, shape: (
            {"type": name, "min": span[0], "max": span[1]}
            | ({} if shape is None else {"shape": shape})
        ),
        spans,
        st.none() | shapes,
    )


runs = st.builds(
    lambda of, least, more: (
        {"of": of, "min": least} | ({} if more is None else {"max": max(least + more, 1)})
    ),
    st.sampled_from(CLASSES),
    st.integers(0, 3),
    st.none() | st.integers(0, 4),
)
literals = st.builds(lambda text: {"text": text}, st.text("ab0-/", min_size=1, max_size=3))
choices = st.builds(
    lambda any_of, least, more: {"any_of": any_of, "min": least, "max": max(least + more, 1)},
    st.lists(st.lists(runs | literals, max_size=2), min_size=1, max_size=3),
    st.integers(0, 2),
    st.integers(0, 2),
)
shapes = st.lists(runs | literals | choices, max_size=4)
decimals = st.integers(-999, 999).map(lambda n: f"{n / 4:g}")
MADE = {"either", "enum", "list", "map", "money", "object"}  # of which no name alone is a type
PLAIN = sorted(TYPES - MADE)
plain = st.sampled_from(PLAIN)
optioned = st.one_of(
    plain,
    plain.map(lambda name: {"type": name, "nullable": True}),
    _bounded("text"),
    _bounded("line"),
    _bounded("identifier", 1),
    _bounded("segment", 1),
    st.builds(
        lambda n, m: {"type": "integer", "min": -n, "max": m, "multiple": n + 1}, small, small
    ),
    st.builds(
        lambda a, b: {
            "type": "number",
            "min": min(a, b, key=float),
            "max": max(a, b, key=float),
            "multiple": "0.25",
        },
        decimals,
        decimals,
    ),
    st.builds(lambda a: {"type": "number", "above": a}, decimals),
    st.builds(lambda n: {"type": "decimal", "places": n, "min": "-3.5"}, PLACES),
    st.builds(
        lambda n, a: {"type": "decimal", "digits": n + 1, "above": a, "multiple": "0.5"},
        PLACES,
        decimals,
    ),
    st.builds(lambda n: {"type": "datetime", "places": n}, PLACES),
    st.builds(lambda n: {"type": "argv", "max": n}, small),
    st.builds(
        lambda b, d, c: {"type": "json", "bytes": b, "depth": d, "count": c},
        st.integers(1, 99),
        small,
        small,
    ),
    st.builds(lambda c: {"type": "money", "currency": c}, st.sampled_from(["USD", "JPY", "KWD"])),
    st.builds(
        lambda n: {"type": "money", "currency": "EUR", "places": n, "min": -5, "max": 500}, PLACES
    ),
    st.builds(
        lambda v: {"type": "enum", "values": v},
        st.lists(
            st.sampled_from(["a", "1", 1, 2.5, True, False, -7]),
            min_size=1,
            max_size=5,
            unique_by=lambda v: (type(v), v),
        ),
    ),
    st.just({"type": "url", "schemes": ["https", "http"]}),
    st.just({"type": "host", "unsafe_special_addresses": True}),
    st.just({"type": "opaque", "max": 9}),
    st.just({"type": "bytes", "max": 9}),
)
names = st.text(st.sampled_from("ab .?![]\u00e9\u8cc7-$"), min_size=1, max_size=5)
members = st.builds(member_key, names, st.booleans())


def _nested(inner: st.SearchStrategy) -> st.SearchStrategy:
    return st.builds(
        lambda of, least, more, unique: {
            "type": "list",
            "of": of,
            "min": least,
            "max": least + more,
            "unique": unique,
        },
        inner,
        small,
        small,
        st.booleans(),
    ) | st.one_of(
        st.dictionaries(members, inner, min_size=1, max_size=3).map(_object).filter(bool),
        st.builds(lambda of, most: {"type": "map", "of": of, "max": most}, inner, small),
        st.builds(
            lambda of, name: {"type": "map", "of": of, "names": name}, inner, _bounded("line")
        ),
        st.builds(
            lambda text, others: {"type": "either", "of": [text, *others]},
            _bounded("text") | st.just("url"),
            st.lists(
                st.sampled_from(
                    [
                        "boolean",
                        {"type": "number", "above": "2"},
                        {"type": "json", "kinds": ["list"]},
                    ]
                )
                | st.just({"type": "map", "of": "text"}),
                min_size=1,
                max_size=3,
                unique_by=lambda one: one if isinstance(one, str) else one["type"],
            ),
        ),
        st.builds(
            lambda of: {"type": "either", "of": [{"type": "list", "of": of}, "integer", "date"]},
            inner,
        ),
    )


def _object(fields: dict) -> dict | None:
    from delegation.authority.arguments import read_member

    differ = len({read_member(key)[0] for key in fields}) == len(fields)
    return {"type": "object", "fields": fields} if differ else None


# Values that each type has a canonical form for, and neighbours that it has none for.
TOLD = {
    "boolean": [True, False, 1, "true"],
    "bytes": ["AQI", "AQJ", ""],
    "date": ["2026-11-30", "2024-02-29", "2023-02-29", "0000-01-01"],
    "datetime": ["2026-11-30T07:00:00Z", "2024-02-29t23:59:59.120+01:00", "2016-12-31T23:59:60Z", "2026-11-30T24:00:00Z", "2026-11-30T07:00:00.1234567-00:00", "9999-12-31T23:59:59-00:01"],
    "email": ["Ana@Acme.Example", "a@b.example,c@d.example"],
    "host": ["API.Acme.Example", "1.1.1.1", "127.1"],
    "opaque": ["ord-88", "a/b"],
    "path": ["/a/b c.txt", "/", "/a/../b"],
    "relative_path": ["a/b c.txt", ".git/x", "../b", "-rf", "C:x", ""],
    "segment": ["ab", "a b", "..", "a%2fb", "\uff0f", "a:b"],
    "url": ["HTTPS://A.Example:443/%7eb?q=%2a", "https://a.example/..", "http://a.example/"],
}  # fmt: skip
types = st.one_of(optioned, optioned, st.recursive(optioned, _nested, max_leaves=4))
texts = st.one_of(
    st.lists(edge, max_size=4).map("".join),
    st.text("ab0-9./:TZ+é", max_size=12),
    st.sampled_from(
        [
            "2026-11-30T07:00:00Z",
            "2024-02-29t23:59:59.120+01:00",
            "2026-11-30",
            "a/b",
            "/a/b",
            "12.50",
            "a@b.example",
            "https://a.example/x",
            "AQI",
            "ab-7",
        ]
    ),
)
scalars = texts | st.integers(-9, 600) | st.floats(-9, 9).map(lambda x: round(x * 4) / 4) | st.booleans() | st.none()  # fmt: skip
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(names, v, max_size=3), max_leaves=8
)


@st.composite
def typed_values(draw):
    """Return a type's JSON and a value of its form, more often than not."""
    kind = draw(types)
    return kind, draw(_value_of(kind))


def _value_of(kind) -> st.SearchStrategy:
    body = {"type": kind} if isinstance(kind, str) else kind
    if body["type"] == "list":
        least, most = max(body.get("min", 0) - 1, 0), body.get("max", 3) + 1
        return st.lists(_value_of(body["of"]), min_size=least, max_size=most)
    if body["type"] == "object":
        from delegation.authority.arguments import read_member

        needed = {read_member(k)[0]: _value_of(v) for k, v in body["fields"].items() if read_member(k)[1]}  # fmt: skip
        spare = {read_member(k)[0]: _value_of(v) for k, v in body["fields"].items() if not read_member(k)[1]}  # fmt: skip
        return st.fixed_dictionaries(needed, optional=spare)
    if body["type"] == "map":
        return st.dictionaries(names, _value_of(body["of"]), max_size=4) | values
    if body["type"] == "either":
        return st.one_of(*map(_value_of, body["of"]))
    if body["type"] == "enum":
        return st.sampled_from(body["values"]) | values
    if body["type"] == "argv":
        return st.lists(texts, max_size=4) | values
    if body["type"] in {"integer", "number", "money", "decimal"}:
        return st.integers(-9, 600) | st.integers(-9, 600).map(float) | scalars
    told = TOLD.get(body["type"])
    return texts | values if told is None else st.sampled_from(told) | texts | values
