"""URLs that are admitted under a constraint are read within it by the parsers that execute them.

Set `DELEGATION_LONG=1` for a million values.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from random import Random

import pytest
import url_readers as readers
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from delegation import all_of, text, url
from delegation.authority.arguments import NoCanonicalFormError, parse_type
from delegation.authority.arguments.url import parse_url
from delegation.errors import MalformedError

LONG = os.environ.get("DELEGATION_LONG") == "1"
SETTINGS = settings(
    deadline=None, phases=(Phase.generate, Phase.shrink), database=None,
    suppress_health_check=list(HealthCheck), max_examples=10_000 if LONG else 100,
)  # fmt: skip
URL = parse_type({"type": "url", "schemes": ["https", "http"], "unsafe_special_addresses": True})
CONSTRAINTS = [
    url("https://api.acme.example/v1"), url("https://api.acme.example/v1", query=True), url("http://api.acme.example:8080/v1/b%C3%BC", query=True),
    url("https://[2606:4700::1111]/v1", query=True), url("https://1.1.1.1/v1"), url("https://xn--bcher-kva.example/v1", query=True),
    url("http://localhost:8080/v1"), url("https://api.acme.example/v1/a:b@c=d&e+f", "https://api.acme.example/v1/a,b(c)!"), all_of(url("https://api.acme.example/v1", query=True), text(max=2000)),
]  # fmt: skip

# The edges of the grammar. What stands first in each list is plain, so that enough is admitted.
ODD = (
    "\\", "\t", "\r\n", " ", "\0", "%00", "%0d%0a", "%09", "%20", "\u3002", "\uff0e", "\uff0f", "\u2044", "\u2215", "\u2024", "\xad", "\u200b",
    "\u200d", "\u202e", "\ufeff", "\u0000", "%2f", "%2F", "%5c", "%5C", "%2e", "%2E", "%252e", "%252f", "%255c", "%c0%ae", "%C0%AF", "%e0%80%af",
    "%ed%a0%80", "%ff", "%fe%ff", "%c2%85", "%c2%ad", "%e2%80%8b", "%e2%80%ae", "%e2%80%a8", "%ef%bb%bf", "%ef%bc%8f", "%EF%BC%8E", "%e2%88%95",
    "%e2%81%84", "%e2%88%96", "%c2%a5", "%e2%80%a5", "%ef%bc%85", "%ef%bc%9b", "%cc%b8", "%3b", ";", "%23", "#", "%3f", "?", "%40", "@", "%3a", ":",
    "%u002e", "%", "%2", "&", "=", "|", "^", "`", "'", '"', "<", ">", "{", "}", "[", "]", "$", "*", "~", "+", "!",
)  # fmt: skip
NAMES = (
    "api.acme.example", "API.Acme.Example", "1.1.1.1", "[2606:4700::1111]", "xn--bcher-kva.example", "b\xfccher.example", "localhost", "b\xfcCHER.example",
    "api.acme.example.", "api.acme.example..", "xn--BCHER-kva.example", "\uff41pi.acme.example", "api\u3002acme.example", "api.acme%2eexample",
    "api_acme.example", "fa\xdf.example", "xn--fa-hia.example", "\u03b2\u03cc\u03bb\u03bf\u03c2.example", "xn--zckzah", "xn--a", "xn--a-\xfc.example",
    "1.1.1.01", "0x1.1.1.1", "1.257", "16843009", "0001.1.1.1", "1.1.1.1.", "\uff11.1.1.1", "1.1.1.0x1", "1.1.1.1a", "[2606:4700::1111%25eth0]",
    "[2606:4700:0::1111]", "[::ffff:1.1.1.1]", "[2606:4700::1.1.1.1]", "[v1.x]", "evil.example", "a.1", "a.0x", "a.09", "127.1", "",
)  # fmt: skip
SCHEMES = (
    "https",
    "http",
    "HTTPS",
    "hTTp",
    "ftp",
    "file",
    "javascript",
    "ws",
    "https:https",
    " https",
    "ht\ttps",
    "",
)
SLASHES = ("://", "://", "://", "://", ":/", ":", ":///", ":\\\\", ":/\\", "://\\", "//")
USERS = (
    "",
    "",
    "",
    "",
    "u@",
    "u:p@",
    "@",
    "evil.example@",
    "evil.example\\@",
    "evil.example#@",
    "evil.example?@",
    "a@b@",
    "%40",
)
PORTS = (
    "",
    "",
    "",
    ":443",
    ":80",
    ":8080",
    ":",
    ":0",
    ":0443",
    ":00",
    ":65536",
    ":99999",
    ":443:80",
    ":\uff14\uff14\uff13",
    ":+443",
    ":-1",
    ":4 43",
    ":1_0",
)
PLAIN = (
    "/v1",
    "/v1",
    "/v1/",
    "/v1/b%C3%BC",
    "/v1/b%c3%bc/x",
    "/v1/a-b.c_d~e",
    "/v1/%7Eu",
    "/v1/x.y",
    "/v1/%E4%B8%AD/",
    "/v1/a,b(c)!",
    "/v1/a:b@c=d&e+f",
)
DOTS = (
    "/..",
    "/.",
    "/../",
    "/%2e%2e/",
    "/.%2E/",
    "/...",
    "/..;/",
    "//",
    "/\\..",
    "/%2e%2e%2f",
    "/..%00/",
    "/%c0%ae%c0%ae/",
    "/%ef%bc%8e%ef%bc%8e/",
    "/..\u2215",
    "/%e2%80%a5/",
)
TAILS = ("", "", "?a=b", "?", "?a=b;c", "?x=/../..", "?%2e", "?q=%C3%BC", "?a=b#c", "#", "#@evil.example/", "?#", "/?x", "?x=\\", "?@evil.example", "?q=%ff", "\n", " ", "\t")  # fmt: skip


AUTHORITIES = ("api.acme.example", "api.acme.example", "API.Acme.Example:443", "1.1.1.1", "[2606:4700::1111]", "b\xfccher.example", "localhost:8080", "api.acme.example:8080")  # fmt: skip


def odd(random, pieces, share):
    """Return one of these, at times with an oddity put somewhere into it."""
    piece = random.choice(pieces)
    if random.random() >= share:
        return piece
    at = random.randint(0, len(piece))
    return piece[:at] + random.choice(ODD) + piece[at:]


def sent_urls(seed, count):
    """Return URLs around the grammar's edges: oddities in the path and query, or everywhere."""
    random = Random(seed)
    for _ in range(count):
        path = odd(random, PLAIN, 0.3) + random.choice(
            ("", odd(random, DOTS, 0.3), odd(random, PLAIN, 0.3))
        )
        path += random.choice(("", "", odd(random, PLAIN, 0.5)))
        tail = odd(random, TAILS, 0.3) if random.random() < 0.5 else ""
        if random.random() < 0.6:
            yield f"{random.choice(('https', 'http', 'HTTPS'))}://{random.choice(AUTHORITIES)}{path}{tail}"
        else:
            parts = (
                odd(random, SCHEMES, 0.1),
                random.choice(SLASHES),
                random.choice(USERS),
                odd(random, NAMES, 0.3),
                odd(random, PORTS, 0.2),
            )
            yield "".join(parts) + random.choice((path, "/v1", "/v1/x")) + tail


TOPS = [
    (one, [parse_url(t, special=True) for t in (one.members() or (one,))[-1].under]) for one in CONSTRAINTS
]  # fmt: skip


def within(sent):
    """Fail where a parser reads an admitted URL, canonical or as it was sent, outside a constraint."""
    try:
        canonical = URL.canonicalise(sent)
    except NoCanonicalFormError:
        return False
    admitting = [tops for one, tops in TOPS if one.admits(canonical)]
    for spelled in {canonical, sent} if admitting else ():
        for name in readers.URL_READERS:
            try:
                read = readers.read_url(name, spelled)
            except readers.Refused:
                continue
            for tops in admitting:
                ours = [
                    t.path
                    for t in tops
                    if (read.scheme, read.host, read.port) == (t.scheme, t.host, t.port)
                ]
                outside = [
                    how
                    for how, place in readers.places(read.path)
                    if not any(is_below(place, p) for p in ours)
                ]
                assert not outside, (name, spelled, read, outside)
    return bool(admitting)


@cache
def owns(top):
    """Return how a top itself is read."""
    return {place.rstrip("/") for _, place in readers.places(top)}


def is_below(place, top):
    """Return whether a place is the top or below it, however the top is read."""
    return any(place == own or place.startswith(own + "/") for own in owns(top))


def test_no_parser_reads_an_admitted_url_outside_its_constraint():
    """Ten parsers, and for each a dozen ways to read the path, of URLs in canonical form and as sent."""
    counted = Counter()

    @SETTINGS
    @given(seed=st.binary(min_size=16, max_size=16))
    def law(seed):
        for sent in sent_urls(seed, 100):
            counted[within(sent)] += 1

    law()
    assert counted.total() > (900_000 if LONG else 5_000)
    assert counted[True] > counted.total() / 40  # the law is about something


def test_a_constraint_writes_plainly_what_some_client_sends_plainly():
    """`/v1%3Ax` is `/v1:x` where yarl asks for it: another path than the constraint names."""
    assert readers.read_url("yarl", "https://api.acme.example/v1%3Ax").path == "/v1:x"
    for character in "!$&'()*+,:=@":
        with pytest.raises(MalformedError):
            url(f"https://api.acme.example/v1%{ord(character):02X}x")
        assert url(f"https://api.acme.example/v1{character}x")
