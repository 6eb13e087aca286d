"""Links in texts: what is admitted under `links` leads nowhere else, by readers that we did not write.

markdown-it with its linkifier, urlextract, and Python's HTML reader with ada's URLs (which browsers'
follow) read the same texts. `DELEGATION_LONG=1` makes them read a million texts instead of thousands.
"""

from __future__ import annotations

import re
from contextlib import suppress
from html.parser import HTMLParser

import ada_url
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from urlextract import URLExtract
from value_edges import BATCH, reading

from delegation import all_of, links, text
from delegation.authority.link_finder import leads_only_to

GIVEN = {"acme.example", "docs.acme.example", "acme.com", "docs.acme.com", "a.io"}
LINKS = links("*.acme.example", "acme.example", "acme.com", "docs.acme.com", "a.io")
BASE = "https://reader.invalid/page/"
ADMITTED = [
    "Dear Kim, your refund of 12.50 EUR for order 4711 (see https://acme.example/refunds) is done. Best, Ana",
    "Visit https://acme.example\nBest regards", "See acme.example, or docs.acme.example/x.", "Mail kim@acme.example", "https://acme.example.",
    "<https://acme.example/x>", "[x](https://acme.example/y?z=1#top)", "at 10:30, ratio 3:1, and/or, e.g. this; v1.2.3 of Node.js; U.S.A.",
    "Note: see below:\n- a\n- b", "“https://acme.example”", "**https://acme.example**", "HTTPS://ACME.EXAMPLE/x", "100% sure & done; a < b > c",
    "Grüße aus Köln. Bis morgen!", "你好。再见。", "x = y // z", "http", "", "😀 ok. 👍🏽 fine", "see:\nhttps://acme.example/@kim/x\nthanks",
]  # fmt: skip
REFUSED = [
    "evil.com", "see evil.com.", "https://evil.com", "//evil.com", "[x](//evil.com)", "[x](evil.com)", "hxxp://evil.com", "hxxps://evil[.]com",
    "evil[.]com", "evil(dot)com", "https://acme.example@evil.com", "https://user:pw@acme.example/", "https://acme.example:8443/",
    "https://acme.example\\@evil.com", "https:/evil.com", "https:evil.com", "https:///evil.com", "http://2130706433/", "javascript:alert(1)",
    "java\nscript:alert(1)", "<a href='javascript:\nalert(1)'>", "data:text/html,x", "da\nta:text/html,x", "mailto:x@evil.com", "x@evil.com",
    "https://\u0430cme.example/", "https://acme.example.evil.com", "https://acme.exampleevil.com", "https://acme.example%2eevil.com/",
    "https://acme.example%2F@evil.com", "https&colon;//evil.com", "&#x2f;&#x2f;evil", "ev&shy;il.com", "evil\u3002com", "ev\u200bil.com",
    "https://acme.example/?u=https://evil.com", "https://acme.example/?u=https%3A%2F%2Fevil.com", "https://acme.example,evil.com",
    "https://acme.example)evil.com", '<a href="https://acme.example\n.evil.com">', "ht\ntps://evil.com", "\\\\evil\\share", "/\\evil.com",
    "/\t/evil", "https:\\\\evil.com", "ftp://acme.example/x", "file:///etc/passwd", "ms-msdt:/id", "tel:+123", "www.evil.zzz",
    "evil.\u0440\u0444", "1.2.3.4", "https://evil.com#acme.example", "i\u2764.ws", "evil.com\uff0cok", "EVIL.COM", "evil.example", "localhost:8080",
    "<img src=//evil>", "https://acme.example//evil.com", "http://[::1]/", "evil.com\u2122", "https://acme\u2024example.evil.com", "\u0435vil.com",
    "xhttps://evil.com", "1https://evil.com", "evil%252ecom", "https://acme.example/x,evil.com", "[x]: evil.com", "https://evil\u00ad.com",
    "\uff45\uff56\uff49\uff4c\uff0e\uff43\uff4f\uff4d", "https://acme.example\u2028.evil.com", "see http:// evil.com", "https://xn--evil.com",
    "<kim@java>", "https://acme.example\u200b", "https://acme.examplx\u0301", "xlocalhost\u200blocalhost", "\xe9localhost", "\xe91.2.3.4",
    "&amp;amp;amp;amp;amp;amp;amp;#47;", "https://acme.example/x@evil.com",
]  # fmt: skip


@pytest.mark.parametrize("said", ADMITTED)
def test_what_people_write_is_admitted(said: str) -> None:
    """Prose, figures, other scripts, and links to given hosts in the forms that people give them."""
    assert LINKS.admits(said)


@pytest.mark.parametrize("said", REFUSED)
def test_what_may_lead_elsewhere_is_refused(said: str) -> None:
    """Also within prose, behind a link to a given host, and where no host is given."""
    for around in (said, f"Dear Kim, {said} is it", f"https://acme.example/x {said}", f"({said})"):
        assert not LINKS.admits(around), around
    assert not links().admits(said)


def test_without_hosts_no_link_is_admitted() -> None:
    """None of the given hosts either; a text without one is."""
    assert links().admits("No links. None at all: 3.5 and/or more!")
    assert not any(links().admits(f"see {host}") for host in GIVEN)
    assert all_of(links(), text(20)).is_within(LINKS)
    assert not LINKS.is_within(links())


class _Targets(HTMLParser):
    """Collects what the attributes of a page lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [
            value for name, value in attrs if name in {"href", "src", "action"} and value
        ]


MARKDOWN = MarkdownIt("commonmark", {"linkify": True, "html": True}).enable("linkify")
URLS = URLExtract()


def led_to(said: str) -> list[str]:
    """Return every target that the foreign readers find in a text."""
    found = []
    for markup in (said, MARKDOWN.render(said)):
        page = _Targets()
        with suppress(AssertionError):  # what it raises for half a declaration
            page.feed(markup)
            page.close()
        found += page.found
    # urlextract has two slashes or a dot for a URL even in `//` alone; what it finds must be one.
    try:
        extracted = [one for one in URLS.find_urls(said) if re.search(r"\w", one)]
    except UnicodeDecodeError:  # it stumbles over escapes that are no UTF-8
        extracted = []
    return found + [one if "://" in one else f"http://{one}" for one in extracted]


def is_elsewhere(target: str) -> bool:
    """Return whether a browser that follows a target leaves the page for a host that is not given."""
    try:
        url = ada_url.URL(target, base=BASE)
    except ValueError:
        return False  # nobody can follow it
    name = url.hostname
    if url.protocol == "mailto:":  # a mailbox of a given host is one of its links
        name = url.pathname.rpartition("@")[2].lower()
    elif url.protocol not in {"http:", "https:"}:
        return True
    if name.startswith(".") or ".." in name:
        return False  # nobody is asked for such a name
    # `img!acme.com` is a name below `com` that nobody can register: no other host.
    is_odd = re.search(r"[^a-z0-9.:[\]-]", name) and name.endswith(tuple(GIVEN))
    return not (name in {"reader.invalid", *GIVEN} or name.endswith(".acme.example") or is_odd)


PIECES = """
    https:// http:// // : / \\ @ . , ; ? # & = % %2e %2f %252e &#46; &colon; &sol; [ ] ( ) < > " ' ` ! [x]( [.] {.} (dot)
    evil.com evil com acme.example acme.com docs.acme.com a.io evil.example x.acme.example www. javascript: data: mailto: HTTPS: hxxp:
    ht tps java script: <a\x20href= <img\x20src= href=" "> </a> ]: 1.2.3.4 2130706433 [::1] localhost :80 user@ kim \xad \u200b \u3002 \uff0e
    \uff0f \u2024 \u0430cme.example \u2028 \u202e xn-- .com .io .ws \u2764 path/x index.html \xe9 the Kim
""".split()  # noqa: SIM905  # pieces as written
piece = st.sampled_from([one.replace("\\x20", " ") for one in PIECES]) | st.sampled_from(
    [" ", "\n", "\t", "\r\n", ""]
)
texts = st.lists(piece, min_size=1, max_size=7).map("".join)


@reading
@given(st.lists(texts, min_size=BATCH, max_size=BATCH))
def test_foreign_readers_find_no_other_link(many: list[str]) -> None:
    """Whatever is admitted, no reader is led from it to another host or by another scheme."""
    for said in many:
        if LINKS.admits(said):
            assert [one for one in led_to(said) if is_elsewhere(one)] == [], said


def test_the_oracle_is_awake() -> None:
    """The readers find the links of most texts that are refused: their silence means something."""
    led = [said for said in REFUSED if any(map(is_elsewhere, led_to(f"see {said} now")))]
    assert len(led) > len(REFUSED) // 3
    assert not leads_only_to("see evil.com", lambda _: False)
