"""Mailboxes: what the type admits at `acme.example` reaches `acme.example` through every mailer.

Thousands of values are read, hundreds are sent over a local SMTP socket; with `DELEGATION_LONG=1`
a million and a hundred times as many.
"""

from __future__ import annotations

import argparse
import email
import email.policy
import getopt
import posixpath
import shlex
import smtplib
import socketserver
import threading
import unicodedata
from collections.abc import Iterator
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.mime.text import MIMEText
from email.utils import formataddr, getaddresses, parseaddr
from urllib.parse import unquote, urlsplit

import pytest
from cases import every
from hypothesis import given, settings
from hypothesis import strategies as st
from value_edges import BATCH, FITTED, HIDDEN, LOOKALIKES, VALUES, admitted, mixed, reading

from delegation import email as at

AT: str = "acme.example"
UNDER = at(AT, "*.acme.example")
OPTIONS = argparse.ArgumentParser(add_help=False, exit_on_error=False)
OPTIONS.add_argument("to")


class _Smtp(socketserver.StreamRequestHandler):
    """Answers as a mail server that takes everything and notes to whom it is."""

    def handle(self) -> None:
        """Speak until QUIT."""
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.wfile.write(b"250-test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
            elif verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() != b".\r\n":
                    pass
                self.wfile.write(b"250 taken\r\n")
            else:
                if verb == b"RCPT":
                    self.server.recipients.append(line.decode())  # type: ignore[attr-defined]
                self.wfile.write(b"250 ok\r\n" if verb != b"QUIT" else b"221 bye\r\n")
                if verb == b"QUIT":
                    return


class Mailer:
    """A connection of `smtplib` to a server that tells who would get a message."""

    def __init__(self) -> None:
        """Start the server and connect."""
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp)
        self.server.daemon_threads = True
        self.server.recipients = []  # type: ignore[attr-defined]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.client = smtplib.SMTP("127.0.0.1", self.server.server_address[1])

    def send(self, message: EmailMessage | MIMEText) -> list[str]:
        """Return the mailboxes that a message goes to."""
        self.server.recipients.clear()  # type: ignore[attr-defined]
        self.client.send_message(message, from_addr="us@acme.example")
        lines: list[str] = list(self.server.recipients)  # type: ignore[attr-defined]
        return [line[line.index("<") + 1 : line.rindex(">")] for line in lines]

    def close(self) -> None:
        """Hang up and stop the server."""
        self.client.quit()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def mailer() -> Iterator[Mailer]:
    """Return a mailer."""
    made = Mailer()
    yield made
    made.close()


def message_to(value: str) -> EmailMessage:
    """Return a message as programs make them today."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "us@acme.example", value, "Hi"
    message.set_content("Hi")
    return message


def refute(value: str) -> str | None:
    """Return how some reader takes an admitted mailbox for another one, or None."""
    local, _, domain = value.partition("@")
    message = message_to(value)
    again = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
    old = email.message_from_bytes(message.as_bytes())
    checks = {
        "email.message": [(a.username, a.domain) for a in message["To"].addresses] == [(local, domain)],
        "email.parser": [a.addr_spec for a in again["To"].addresses] == [value],
        "compat32": getaddresses([str(make_header(decode_header(old["To"])))]) == [("", value)],
        "headerregistry": Address(addr_spec=value).addr_spec == value,
        "parseaddr": parseaddr(value) == ("", value) == parseaddr(f"<{value}>"),
        "formataddr": parseaddr(formataddr(("A, B", value))) == ("A, B", value),
        "getaddresses": getaddresses([f"a@acme.example, {value}"])[1:] == [("", value)],
        "encoded words": str(make_header(decode_header(value))) == value,
        "mailto": urlsplit(f"mailto:{value}")[2:] == (value, "", "") and unquote(value) == value,
        "getopt": getopt.getopt([value], "itf:o:") == ([], [value]),
        "argparse": OPTIONS.parse_args([value]).to == value,
        "shlex": shlex.split(shlex.quote(value)) == [value] and not set("`$|&;<>(){}*?!\\\n") & set(value),
        "a mail server's files": posixpath.dirname(posixpath.normpath(f"/var/mail/{local}")).startswith("/var/mail"),
        "a relay": value.rsplit("@", 1)[1] == domain and not set("%!:") & set(local),
        "NFKC": unicodedata.normalize("NFKC", value) == value and value.isascii(),
    }  # fmt: skip
    return next((name for name, holds in checks.items() if not holds), None)


boxes = st.tuples(mixed, st.sampled_from([AT, AT, AT, "mail.acme.example"])).map("@".join) | mixed


@reading
@given(values=st.lists(boxes, min_size=BATCH, max_size=BATCH))
def test_no_reader_takes_an_admitted_mailbox_for_another(values: list[str]) -> None:
    """Headers, encoded words, options, files, URLs and relays: one mailbox or refused."""
    for value in values:
        made = admitted("email", value)
        if isinstance(made, str) and UNDER.admits(made):
            assert refute(made) is None, made


@settings(parent=reading, max_examples=VALUES // BATCH // 10)
@given(locals_=st.lists(mixed, min_size=BATCH, max_size=BATCH))
def test_mail_goes_to_the_admitted_domain_over_smtp(mailer: Mailer, locals_: list[str]) -> None:
    """What the socket is told is the mailbox that was admitted, of both kinds of message."""
    for local in locals_:
        value = admitted("email", f"{local}@{AT}")
        if isinstance(value, str) and UNDER.admits(value):
            assert mailer.send(message_to(value)) == [value]
            legacy = MIMEText("Hi")
            legacy["To"] = formataddr(("Ana", value))
            assert mailer.send(legacy) == [value]


@every("place", ["{}@acme.example", "a{}@acme.example", "a{}b@acme.example", "{}ab@acme.example", "a.{}@acme.example", "a@{}acme.example", "a@acme.example{}", "a@evil.example{}.acme.example"])  # fmt: skip
def test_no_single_character_makes_another_mailbox(place: str) -> None:
    """Every look-alike, every best fit, every ignorable character, at each odd place."""
    ascii_too = [chr(point) for point in range(0x100)]
    for character in [*ascii_too, *LOOKALIKES, *FITTED, *HIDDEN, "\ufb01", "\uff21", "\u212a"]:
        value = admitted("email", place.format(character))
        if isinstance(value, str) and UNDER.admits(value):
            assert refute(value) is None, f"U+{ord(character):04X} in {place}"


def test_the_longest_mailboxes_are_not_folded_into_others(mailer: Mailer) -> None:
    """Headers are folded at 78 characters; a mailbox of 254 is not split or encoded by it."""
    domain = ".".join([*(["a" * 56] * 3), "b" * 4, AT])
    for local in ("a" * 64, "a.b-c_d+" + "e" * 56, "a=3D" * 16):
        value = admitted("email", f"{local}@{domain}")
        assert isinstance(value, str)
        assert refute(value) is None
        assert mailer.send(message_to(value)) == [value]


@every(
    "local",
    ["=?utf-8?q?eve=40evil.example_?=b", "=?utf-8?b?ZXZlQGV2aWwuZXhhbXBsZQ==?=", "a.=?us-ascii?q?x?=", "-bs", "-oQ/tmp", "--help", "|id", "a|id", "/etc/passwd", "/x=y", "`id`", "a`id`",
     "r&d", "a&/usr/bin/id&b", "~root", "$HOME", "${run{id}}", "{a,b}", "*", "a?bcc=b", "a#b", "a%evil.example", "evil!a", '"a b"', "a(b)", "a\\b", ":include:x", "a b", ".a", "a..b", "a.", "\uff20", "\ufb01n", "a\u200bb", "", "@evil.example:a"],
)  # fmt: skip
def test_a_local_part_that_mail_programs_act_on_is_refused(local: str) -> None:
    """Encoded words, options, pipes, files, shells, wildcards, URLs, routes, quotes, comments."""
    assert admitted("email", f"{local}@acme.example") is None


@pytest.mark.parametrize(
    "value",
    ["ana+tickets@acme.example", "ana-maria.o'brien@acme.example", "bounce+ana=acme.example@acme.example", "name/surname@acme.example", "_x@acme.example", "a~b@acme.example",
     "x@acme.example", "1@acme.example", "a.b.c@mail.acme.example", "a--b@acme.example", "postmaster@xn--bcher-kva.acme.example"],
)  # fmt: skip
def test_a_mailbox_that_all_read_alike_is_admitted(mailer: Mailer, value: str) -> None:
    """Tagged, hyphenated, quoted-free and bounce mailboxes stay, and mail reaches them."""
    assert admitted("email", value) == value
    assert refute(value) is None
    assert mailer.send(message_to(value)) == [value]


def test_ligatures_in_a_domain_are_what_they_spell_or_refused() -> None:
    """A domain is compared as A-labels, so that no mailer maps it to another one afterwards."""
    for domain in ("\ufb01n.example", "\uff41cme.example", "acme\u3002example", "\u212acme.example", "ac\u00adme.example"):  # fmt: skip
        value = admitted("email", f"a@{domain}")
        assert value is None or not UNDER.admits(value)
