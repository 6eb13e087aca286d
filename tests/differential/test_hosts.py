"""Hosts that are admitted under a constraint are read within it by the parsers that execute them.

Set `DELEGATION_LONG=1` for a million values.
"""

from __future__ import annotations

import ipaddress
import os
from collections import Counter
from random import Random

import idna
import pytest
import url_readers as readers
from hypothesis import given, settings
from hypothesis import strategies as st

from delegation import cidr, host
from delegation.authority.arguments import NoCanonicalFormError, parse_type

LONG = os.environ.get("DELEGATION_LONG") == "1"
SETTINGS = settings(deadline=None, database=None, max_examples=10_000 if LONG else 100)
HOST = parse_type({"type": "host", "unsafe_special_addresses": True})
NAMED = host(
    "*.acme.example",
    "acme.example",
    "xn--bcher-kva.example",
    "*.xn--p1ai",
    "1.1.1.1",
    "2606:4700::1111",
    "localhost",
)
NETWORKS = cidr("1.1.0.0/16", "2606:4700::/32", "127.0.0.0/8")

LABELS = (
    "a", "api", "acme", "xn--bcher-kva", "b\xfccher", "fa\xdf", "xn--fa-hia", "\u0440\u0444", "xn--p1ai", "\u043f\u0440\u0438\u043c\u0435\u0440",
    "\u4e2d\u6587", "xn--fiq228c", "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc", "xn--mgba3gch31f", "\u30fb", "l\xb7l", "a_b", "a-b", "-a", "a-", "ab--c",
    "xn--", "xn--a", "xn--zzzzzz", "xn--0ca", "xn--a-ecp.ru", "a\xad", "\u212aelvin", "\ufb01n", "\uff41", "\u0131", "\u0130", "e\u0301", "1", "01", "0x1", "1e3", "0", "09",
)  # fmt: skip
DOTS = (".", ".", ".", ".", ".", ".", "..", "\u3002", "\uff0e", "\uff61", "%2e", "")
TAILS = (".acme.example", ".acme.example", ".ACME.Example", ".xn--p1ai", ".\u0440\u0444", ".example", ".", "", ".1", ".0x1", ".acme.example.", ".acme.example..", "acme.example")  # fmt: skip
ODD = (
    "%",
    "@",
    ":",
    "/",
    "\\",
    " ",
    "\t",
    "\n",
    "\0",
    "[",
    "]",
    "_",
    "*",
    "\xad",
    "\u200b",
    "\u200d",
    "\u202e",
    "\uff11",
    "\u0661",
    "\u2460",
    "0",
    "x",
)


def address(random):
    """Return one of the ways in which some parser writes an address."""
    number = random.choice(
        (
            0x01010101,
            0x7F000001,
            0xA9FEA9FE,
            0x01010000 + random.randint(0, 65535),
            random.randint(0, 2**32 - 1),
        )
    )
    a, b, c, d = number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255
    six = ipaddress.IPv6Address(
        random.choice((0x26064700 << 96, 0, 0xFFFF << 32, 0x0064FF9B << 96, 0x2002 << 112))
        | random.choice((number, 0x1111, number << 48))
    )
    forms = (
        f"{a}.{b}.{c}.{d}", f"{a}.{b}.{c}.{d}", f"{number}", f"{number:#x}", f"{a}.{b}.{number & 65535}", f"{a}.{number & 0xFFFFFF}", f"0{a:o}.{b}.{c}.{d}",
        f"{a}.{b}.{c}.{d:#x}", f"{a:03}.{b:03}.{c:03}.{d:03}", f"{a}.{b}.{c}.{d}.", f"{a}.{b}.{c}", f"{a}.{b}.{c}.{d} x", f"{six}", f"{six}", f"{six.exploded}",
        f"{str(six).upper()}", f"[{six}]", f"{six}%eth0", f"::ffff:{a}.{b}.{c}.{d}", f"2606:4700::{a}.{b}.{c}.{d}", f"{a}\uff0e{b}.{c}.{d}", f"{a}.{b}.{c}.{d + 256}",
    )  # fmt: skip
    return random.choice(forms)


def sent_hosts(seed, count):
    """Return hosts around the grammar's edges."""
    random = Random(seed)
    for _ in range(count):
        if random.random() < 0.4:
            text = address(random)
        else:
            text = "".join(
                random.choice(LABELS) + random.choice(DOTS) for _ in range(random.randint(0, 2))
            )
            text += random.choice(LABELS) + random.choice(TAILS)
        if random.random() < 0.2:
            at = random.randint(0, len(text))
            text = text[:at] + random.choice(ODD) + text[at:]
        yield text


def reads(host):
    """Return what each parser reads in a host: an address, or a name in A-labels, by the parser."""
    found = {}
    for name in readers.ADDRESS_READERS:
        try:
            found[name] = str(readers.read_address(name, host))
        except readers.Refused:
            continue
    if found:  # what a resolver takes for an address is never asked for as a name
        return found
    for name in readers.URL_READERS:
        try:
            found[name] = readers.read_url(name, f"https://{host}/").host
        except readers.Refused:
            continue
    for name, encode in (
        ("idna", lambda: idna.encode(host, uts46=True)),
        ("idna 2003", lambda: host.encode("idna")),
    ):
        try:
            found[name] = encode().decode().lower()
        except (UnicodeError, ValueError):
            continue
    return found


def within(sent):
    """Fail where a parser reads an admitted host, canonical or as it was sent, outside the constraint."""
    try:
        canonical = HOST.canonicalise(sent)
    except NoCanonicalFormError:
        return False
    admitting = [one for one in (NAMED, NETWORKS) if one.admits(canonical)]
    for spelled in {canonical, sent}:
        for name, read in reads(spelled).items():
            assert read == canonical, (name, spelled, read)
            for one in admitting:
                assert one.admits(read), (name, spelled, read)
    return bool(admitting)


def test_no_parser_reads_an_admitted_host_as_another():
    """Three readers of addresses, ten of URLs, two versions of IDNA; names, addresses and networks."""
    counted = Counter()

    @SETTINGS
    @given(seed=st.binary(min_size=16, max_size=16))
    def law(seed):
        for sent in sent_hosts(seed, 100):
            counted[within(sent)] += 1

    law()
    assert counted.total() > (900_000 if LONG else 5_000)
    assert counted[True] > counted.total() / 40  # the law is about something


@given(
    st.text("a1\xdf\u05d0\u0646\u0627\u0645\u06cc\u06f1\u200c\u4e2d\ua723-", min_size=1, max_size=5)
)
def test_a_name_is_admitted_in_letters_only_where_both_idnas_read_it_as_one(label):
    """One that the older standard refuses (a digit after Arabic letters, say) is refused too: send A-labels."""
    value = f"{label}.com"
    try:
        name = HOST.canonicalise(value)
    except NoCanonicalFormError:
        return
    assert value.encode("idna").decode().lower() == name


def test_what_one_idna_refuses_is_sent_in_a_labels():
    """The older codec raises where Arabic ends with a digit; the A-label is admitted."""
    value = "\u05d01.com"
    a_labels = idna.encode(value).decode()
    with pytest.raises(UnicodeError):
        value.encode("idna")
    with pytest.raises(NoCanonicalFormError):
        HOST.canonicalise(value)
    assert HOST.canonicalise(a_labels) == a_labels
