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
from cases import every
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from urlextract import URLExtract
from value_edges import BATCH, reading

from delegation import all_of, links, text
from delegation.authority import link_finder
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
    "Note: x. The data: five rows; file: report; Tel: +49 30 123", "(note: x) 'note: y' - note: z", "https://acme.example/user_guide.md",
    "<p>See <b>acme.example</b> now.</p><p>Best</p>", "<p>https://acme.example</p><p>Best</p>", "**Sum** 5 \\* 3 = 15, *all* ~~old~~ `new`",
    r"\frac{1}{2} of C:\ or \d+", "_see https://acme.example/my_report.html_", "https://acme.example/?id=3D4f&x=FEMKX", "a = b: c? x <b", "1. **Best** of 2",
    "Ask @kim, +1 900 555 0100, [[Wiki page]] or [the list](list)", "https://acme.example/~kim/x.html", "- https://acme.example\n- acme.example",
    '<a href="https://acme.example/x">x</a> & <img src="https://acme.example/y.png">', "Prices: 1.20, 3.40; 10:30 " * 600,
]  # fmt: skip
REFUSED = [
    '<a href="//\tevil.\ncom/x">x</a>', "[x](//\tevil.\r\ncom/x)", "<a href=//\tintranet>x</a>", "[x](//\n[::1]/x)", '<img src="\\\\\tevil.&NewLine;com">',
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
    # Escapes that are not HTML's or a URL's, and decoders in another order.
    r"[x](https\:/evil\.com)", r"[x](https\:evil\.com/a)", r"[x](mailto\:eve\@evil\.com)", r"[1]: https\:/evil\.com", r"[x](javascript\:alert\(1\))",
    r"www\.evil\.com", r"https\u003a\u002f\u002fevil\u002ecom", r"evil\x2ecom", r"evil\u{2e}com", r"evil\56com", r"evil.\c\o\m", r"evil\U0000002ecom",
    r"\68ttp\3a\2f\2f evil\2e com", r"evil\00002e com", "evil.c\\\nom", r"evil.\ud835\udc1com", "evil=2Ecom", "evil=2ecom", "evil.=\r\ncom", "evil=E3=80=82com",
    "a&lt\u3002com", "a&lt%2ecom", r"evil\u0026period;com", "evil%5C.com", "evil&bsol;.com", "evil&#61;2Ecom", "evil&lt;wbr&gt;.com",
    # Tags, comments and marks within a name.
    "evil<wbr>.com", "evil.<b>com</b>", "evil<!-- -->.com", "evil<!-- > <b> -->.com", "evil<!-->.com", "evil<!-- a --!>.com", "evil<b></b>.com", "https:/<b></b>/evil",
    "evil.**com**", "evil`.`com", "evil<p>.com", "eve<b>@</b>evil.com", "java<b></b>script:x",
    # What ends the path of a given host to some.
    "**https://acme.example/a**www.evil.com", "~~https://acme.example/a~~www.evil.com", "**https://acme.example/a**eve@evil.com", "*https://acme.example/a*evil.com",
    "_https://acme.example/a_www.evil.com", "https://acme.example/a!www.evil.com", "https://acme.example/$evil.com", "https://acme.example/a..evil.com",
    # Schemes before white space.
    "javascript: x", "JavaScript:\tx", "vbscript: x", "data: text/html,hi", "data: ,x", '<a href="tel: 1">', "[x](<sms: 1>)", "[x]: tel: 1", "<a href=\x0btel: 1>", "da\nta: text/html,x", '<a href="te\nl\n: 1">',
    # A break after a given host, within what is no prose.
    '<meta http-equiv=refresh content="0;https://acme.example\n.evil.c\nom">', '<a href="&#12;https://acme.example\n@evil.c\nom">x</a>',
    '<p style="a:url(\n https://acme.example\n@evil.c\nom)">', '<img srcset="x, https://acme.example\nevil.c\nom">', "|https://acme.example\n.evil.c\nom|",
    "https://acme.example\t@evil", "{https://acme.example\n@evil}", "a https://acme.example\n-evil.c\nom",
    # Names that are linked whatever their end, and those of other roots.
    "www.evil", "WWW.evil", "_www.evil", "ftp.evil", "a_www.evil", "evil.eth", "evil.bit", "eve@evil.zzz",
    "www.(evil", "www.=2E", "x www.<b", "the www. ", "iowww.evil", "www.acme.example@evil",
    # More than anybody is sure of.
    "a.b " * 600, "\u0430." * 15_000, " ".join(f"https://h{place}.acme.example/" for place in range(70)), r"\* &amp; %41 <b>x</b> *c* =41 [.] \uff21 \\5c \u0041 " * 9,
]  # fmt: skip


@every("said", ADMITTED)
def test_what_people_write_is_admitted(said: str) -> None:
    """Prose, figures, other scripts, and links to given hosts in the forms that people give them."""
    assert LINKS.admits(said)


@every("said", REFUSED)
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


def test_a_value_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many constraints ask about it: a holder writes those of its own grants."""
    looked: list[str] = []
    look = link_finder._hosts_in

    def counting(said: str) -> frozenset[str] | None:
        looked.append(said)
        return look(said)

    monkeypatch.setattr(link_finder, "_hosts_in", counting)
    monkeypatch.setattr(link_finder, "_MEMORY", link_finder._Memory())
    asked = [links(f"h{place}.com", "acme.example") for place in range(63)]
    assert all(one.admits("see acme.example") for one in asked)
    assert not any(one.admits("see evil.com") for one in asked)
    assert looked == ["see acme.example", "see evil.com"]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first; what is forgotten is found again."""
    monkeypatch.setattr(link_finder, "_REMEMBERED", 4_000)
    memory = link_finder._Memory()
    for place in range(50):
        assert memory.hosts_in(f"see a{place}.com") == frozenset({f"a{place}.com"})
        assert memory._size <= 4_000
    assert 1 < len(memory._found) < 9
    assert memory.hosts_in("see a0.com") == frozenset({"a0.com"})


def test_a_crowded_text_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long to read is never begun."""
    monkeypatch.setattr(link_finder, "_finder", lambda: pytest.fail("it was begun"))
    for said in ("\u0430." * 15_000, "a." * 16_000, "a@" * 16_000, "//" * 16_000, "ab:c " * 6_000):
        assert not LINKS.admits(said)


class _Targets(HTMLParser):
    """Collects what the attributes of a page lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [
            value for name, value in attrs if name in {"href", "src", "action"} and value
        ]


MARKDOWN = MarkdownIt("commonmark", {"linkify": True, "html": True}).enable(
    ["linkify", "strikethrough"]
)
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
    ** ~~ _ \\: \\. \\@ &lt &period; <b> <wbr> <!-- --> www. =2E \\u002e \\2e ~ ! tel: content="0;
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
