"""The parsers with which URLs and hosts are executed, each as a function to what it reads."""

from __future__ import annotations

import http.client
import ipaddress
import ntpath
import posixpath
import re
import socket
import unicodedata
import urllib.request
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus, unquote_to_bytes, urljoin, urlsplit

import ada_url
import httpx
import httpx2
import pydantic_core
import requests
import urllib3
import yarl

PORTS = {"https": 443, "http": 80}


class Target(NamedTuple):
    """Where a parser would connect, and the path that it would ask for, still escaped."""

    scheme: str
    host: str
    port: int | None
    path: str


class Refused(Exception):  # noqa: N818  # no fault: a parser that refuses reads no target
    """The parser reads nothing."""


def _target(scheme, host, port, path):
    if not host:
        raise Refused
    host = host.removeprefix("[").removesuffix("]").lower()
    if not host.isascii():
        host = host.encode("idna").decode()  # as http.client does when it connects
    if isinstance(port, str):
        port = int(port) if port else None
    return Target(
        scheme.lower().rstrip(":"), host, port or PORTS.get(scheme.lower().rstrip(":")), path or "/"
    )


def _urllib(text):
    split = urlsplit(text)
    return _target(split.scheme, split.hostname, split.port, split.path)


def _request(text):
    request = urllib.request.Request(text)
    connection = http.client.HTTPConnection(request.host)
    port = connection.port if ":" in request.host.rpartition("]")[2] else None
    return _target(request.type, connection.host, port, urlsplit(request.selector).path)


def _joined(text):
    return _urllib(urljoin("https://elsewhere.example/base/", text))


def _httpx(text, library):
    url = library.URL(text)
    return _target(
        url.scheme, url.raw_host.decode(), url.port, url.raw_path.decode().partition("?")[0]
    )


def _requests(text):
    return _urllib3(requests.Request("GET", text).prepare().url)


def _urllib3(text):
    url = urllib3.util.parse_url(text)
    return _target(url.scheme or "", url.host, url.port, url.path)


def _yarl(text):
    url = yarl.URL(text)
    return _target(url.scheme, url.raw_host, url.port, url.raw_path)


def _ada(text):
    url = ada_url.URL(text)
    return _target(url.protocol, url.hostname, url.port, url.pathname)


def _pydantic(text):
    url = pydantic_core.Url(text)
    return _target(url.scheme, url.host, url.port, url.path)


URL_READERS = {
    "urllib.parse": _urllib, "urllib.request": _request, "urllib.parse.urljoin": _joined, "httpx": lambda t: _httpx(t, httpx),
    "httpx2": lambda t: _httpx(t, httpx2), "requests": _requests, "urllib3": _urllib3, "yarl": _yarl, "ada-url": _ada,
    "pydantic": _pydantic,
}  # fmt: skip


def read_url(name, text):
    """Return the target that a parser reads.

    Raises:
        Refused: It reads none, by whatever error of its own.
    """
    try:
        return URL_READERS[name](text)
    except (ValueError, TypeError, urllib3.exceptions.HTTPError, requests.RequestException, httpx.InvalidURL,
            httpx2.InvalidURL, http.client.InvalidURL) as error:  # fmt: skip
        raise Refused from error


def lenient_utf8(data):
    """Decode as readers did that took overlong forms and surrogates for characters (CVE-2008-2938)."""
    result, at = [], 0
    while at < len(data):
        lead = data[at]
        more = 0 if lead < 0xC0 else 1 if lead < 0xE0 else 2 if lead < 0xF0 else 3
        number = lead if not more else lead & (0x3F >> more)
        for byte in data[at + 1 : at + 1 + more]:
            number = number << 6 | byte & 0x3F
        result.append(chr(min(number, 0x10FFFF)))
        at += 1 + more
    return "".join(result)


def _windows(path):
    return "".join(BEST_FIT.get(character, character) for character in path)


# What Windows-1252 and 1250 make of characters that they lack, a few of the published table.
BEST_FIT = {
    "\u2044": "/", "\u2215": "/", "\u2216": "\\", "\u2236": ":", "\uff0f": "/", "\uff3c": "\\", "\uff0e": ".", "\u2217": "*",
}  # fmt: skip


def _equivalent(escape):
    character = chr(int(escape[0][1:], 16))
    return character if re.fullmatch(r"[A-Za-z0-9._~-]", character) else escape[0].upper()


# What servers make of an escaped path before they look for the file or the handler.
PATH_READERS = {
    "by RFC 3986": lambda path: re.sub(r"%[0-9A-Fa-f]{2}", _equivalent, path), "unquoted": unquote, "unquoted as form": unquote_plus, "unquoted twice": lambda p: unquote(unquote(p)),
    "as Latin-1": lambda p: unquote(p, "latin-1"), "leniently": lambda p: lenient_utf8(unquote_to_bytes(p)),
    "without what is no UTF-8": lambda p: unquote(p, errors="ignore"), "as NFC": lambda p: unicodedata.normalize("NFC", unquote(p)),
    "as NFKC": lambda p: unicodedata.normalize("NFKC", unquote(p)), "on a code page": lambda p: _windows(unquote(p)),
    "without ignorables": lambda p: "".join(c for c in unquote(p) if unicodedata.category(c) not in {"Cf", "Cc"}),
    "without parameters": lambda p: "/".join(s.partition(";")[0] for s in unquote(p).split("/")),
    "to NUL": lambda p: unquote(p).partition("\0")[0],
}  # fmt: skip


@lru_cache(1024)
def places(path):
    """Return every place that a server may find at an escaped path, by how it reads it."""
    found = []
    for name, read in PATH_READERS.items():
        text = read(path)
        found.append((f"{name}, POSIX", posixpath.normpath(text)))
        found.append((f"{name}, Windows", ntpath.normpath(text).replace("\\", "/")))
    return tuple(found)


def _inet_aton(text):
    return ipaddress.IPv4Address(socket.inet_aton(text))


def _getaddrinfo(text):
    found = socket.getaddrinfo(text, None, flags=socket.AI_NUMERICHOST)
    return ipaddress.ip_address(found[0][4][0])


ADDRESS_READERS = {
    "ipaddress": ipaddress.ip_address,
    "socket.inet_aton": _inet_aton,
    "socket.getaddrinfo": _getaddrinfo,
}


def read_address(name, text):
    """Return the address that a parser reads in a host.

    Raises:
        Refused: It reads none.
    """
    try:
        return ADDRESS_READERS[name](text)
    except (ValueError, OSError) as error:
        raise Refused from error
