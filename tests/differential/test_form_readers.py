"""Forms: what a guard hands on, four parsers that nobody here wrote read as what was judged.

Starlette, Werkzeug (which Flask has inside), Django and `multipart`. What they might read as two things is
refused before.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import secrets
from typing import Any

import django.conf
import httpx
import pytest
import requests
from cases import every
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser
from hypothesis import given, settings
from hypothesis import strategies as st
from multipart import parse_form_data
from starlette.requests import Request
from werkzeug.formparser import parse_form_data as werkzeug_form

from delegation.errors import MalformedError
from delegation.integrations.routes import declared_route

if not django.conf.settings.configured:
    django.conf.settings.configure(DEFAULT_CHARSET="utf-8")

LONG = os.environ.get("DELEGATION_LONG")
ROUTE = declared_route("POST", "/", "a.b", form=["note", "tag"], files=["photo", "more"], many=["tag", "more"])  # fmt: skip
Seen = dict[str, list[Any]]  # of each name texts, and of files name, media type and digest


def digest(data: bytes) -> str:
    """Return what a file is called by."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def by_starlette(media: str, body: bytes) -> Seen:
    """Read a form as FastAPI does."""

    async def read() -> Seen:
        async def receive():
            return {"type": "http.request", "body": body}

        headers = [(b"content-type", media.encode())]
        form = await Request({"type": "http", "method": "POST", "headers": headers}, receive).form()
        seen: Seen = {}
        for name, value in form.multi_items():
            file = value if isinstance(value, str) else (value.filename, value.content_type, digest(await value.read()))  # fmt: skip
            seen.setdefault(name, []).append(file)
        await form.close()
        return seen

    return asyncio.run(read())


def by_werkzeug(media: str, body: bytes) -> Seen:
    """Read a form as Flask does."""
    environ = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": media, "REQUEST_METHOD": "POST"}  # fmt: skip
    _, fields, files = werkzeug_form(environ)
    seen: Seen = {name: list(fields.getlist(name)) for name in fields}
    for name in files:
        seen[name] = []
        for file in files.getlist(name):
            seen[name].append((file.filename, file.mimetype, digest(file.read())))
            file.close()
    return seen


def by_django(media: str, body: bytes) -> Seen:
    """Read a form as Django does."""
    if not media.startswith("multipart"):
        return by_werkzeug(media, body)
    handler = MemoryFileUploadHandler()
    handler.handle_raw_input(io.BytesIO(body), {}, len(body), None)
    meta = {"CONTENT_TYPE": media, "CONTENT_LENGTH": str(len(body))}
    fields, files = MultiPartParser(meta, io.BytesIO(body), [handler], "utf-8").parse()
    seen: Seen = {name: list(fields.getlist(name)) for name in fields}
    for name in files:
        seen[name] = [(f.name, f.content_type, digest(f.read())) for f in files.getlist(name)]
    return seen


def by_multipart(media: str, body: bytes) -> Seen:
    """Read a form as Bottle does."""
    environ = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": media, "REQUEST_METHOD": "POST"}  # fmt: skip
    fields, files = parse_form_data(environ, strict=True)
    seen: Seen = {}
    for name, value in fields.iterallitems():
        seen.setdefault(name, []).append(value)
    for name, file in files.iterallitems():
        seen.setdefault(name, []).append((file.filename, file.content_type, digest(file.raw)))
        file.close()
    return seen


READERS = [by_starlette, by_werkzeug, by_django, by_multipart]


def judged(media: str, body: bytes, size: int = 1 << 16) -> tuple[dict[str, Any], str, bytes]:
    """Return the arguments of a form, and the form that is handed on."""
    reader = ROUTE.body_reader([("Content-Type", media)])
    try:
        for begin in range(0, len(body), size):
            reader.feed(body[begin : begin + size])
        stated = reader.finish()
        written = reader.written(stated)
        return stated, written.media if written else "", b"".join(written.chunks) if written else b""  # fmt: skip
    finally:
        reader.close()


def meant(stated: dict[str, Any]) -> Seen:
    """Return what every reader must see of arguments."""
    seen: Seen = {}
    for name, value in stated.items():
        for one in value if isinstance(value, list) else [value]:
            seen.setdefault(name, []).append(one if isinstance(one, str) else (one["name"], one["media_type"], one["digest"]))  # fmt: skip
    return seen


def by_httpx(data: dict[str, Any], files: list[Any]) -> tuple[str, bytes]:
    """Send a form as httpx does."""
    request = httpx.Request("POST", "http://x/", data=data, files=files)
    return request.headers["content-type"], request.read()


def by_requests(data: dict[str, Any], files: list[Any]) -> tuple[str, bytes]:
    """Send a form as requests does."""
    request = requests.Request("POST", "http://x/", data=data, files=files).prepare()
    body = request.body or b""
    return request.headers["content-type"], body.encode() if isinstance(body, str) else body


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(["\r\n--", "a=b&c", "--x--\r\n", "%00%25", "+", "\r\n\r\n"])  # fmt: skip
names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\%/'), min_size=1, max_size=12).filter(lambda n: n.strip(" .") == n and n.isprintable())  # fmt: skip
content = st.binary(max_size=60) | st.sampled_from(
    [b"\r\n", b"\r\n--", b"--", b"\r\n\r\n", b"x" * 3000]
)
media_types = st.sampled_from(["image/png", "application/x-www-form-urlencoded", "text/html", "application/vnd.a+json"])  # fmt: skip
files = st.tuples(names, content, media_types)


@settings(max_examples=2000 if LONG else 30, deadline=None)
@given(
    note=st.none() | texts,
    tags=st.lists(texts, max_size=3),
    photo=st.none() | files,
    more=st.lists(files, max_size=2),
    size=st.sampled_from([1, 7, 1 << 16]),
)
@pytest.mark.parametrize("client", [by_httpx, by_requests])
def test_four_parsers_read_a_form_as_it_was_judged(client, note, tags, photo, more, size) -> None:
    """Whatever an honest client sends in whatever pieces; the boundary is new."""
    data = {**({} if note is None else {"note": note}), **({"tag": tags} if tags else {})}
    sent = [("photo", photo)] if photo else []
    media, body = client(data, sent + [("more", one) for one in more]) if data or sent or more else ("application/x-www-form-urlencoded", b"")  # fmt: skip
    stated, again, written = judged(media, body, size)
    assert stated.get("note") == note
    assert stated.get("tag", []) == tags
    wanted = [(n, t, digest(c)) for n, c, t in [*([photo] if photo else []), *more]]
    assert [one for name in ("photo", "more") for one in meant(stated).get(name, [])] == wanted
    for reader in READERS if written else ():
        assert reader(again, written) == meant(stated), reader.__name__


def part(head: str, body: str = "v") -> str:
    """Return one part."""
    return f"--B\r\n{head}\r\n\r\n{body}\r\n"


NOTE = 'Content-Disposition: form-data; name="note"'
PHOTO = 'Content-Disposition: form-data; name="photo"; filename="a"\r\nContent-Type: a/b'
END = "--B--\r\n"
SMUGGLED = {
    "twice": part(NOTE) + part(NOTE) + END,
    "two files": part(PHOTO) + part(PHOTO) + END,
    "a field and a file": part(NOTE) + part(PHOTO.replace("photo", "note")) + END,
    "a file as a field": part('Content-Disposition: form-data; name="photo"') + END,
    "undeclared": part('Content-Disposition: form-data; name="other"') + END,
    "two dispositions": part(f"{NOTE}\r\n{PHOTO}") + END,
    "two types": part(f"{PHOTO}\r\nContent-Type: c/d") + END,
    "two names": part(NOTE + '; name="tag"') + END,
    "two file names": part(PHOTO.replace('"a"', '"a"; filename="b"')) + END,
    "filename*": part(PHOTO.replace('"a"', "\"a\"; filename*=utf-8''b")) + END,
    "only filename*": part(PHOTO.replace('filename="a"', "filename*=utf-8''b")) + END,
    "name*": part(NOTE.replace('name="note"', "name*=utf-8''note")) + END,
    "continued": part(NOTE.replace('name="note"', 'name*0="no"; name*1="te"')) + END,
    "unquoted": part(NOTE.replace('"note"', "note")) + END,
    "escaped quote": part(NOTE.replace('"note"', r'"no\"te"')) + END,
    "escaped": part(NOTE.replace('"note"', '"n%6Fte"')) + END,
    "other case": part(NOTE.replace("name=", "NAME=")) + END,
    "folded": part(NOTE + ";\r\n x=y") + END,
    "folded name": part('Content-Disposition: form-data;\r\n name="note"') + END,
    "bare LF": part(NOTE).replace("\r\n", "\n") + END,
    "LF in a header": part(NOTE + "\nX: y") + END,
    "encoded": part(f"{NOTE}\r\nContent-Transfer-Encoding: base64") + END,
    "other charset": part(f"{NOTE}\r\nContent-Type: text/plain; charset=utf-7") + END,
    "a field of JSON": part(f"{NOTE}\r\nContent-Type: application/json", "{}") + END,
    "nested": part(PHOTO.replace("a/b", "multipart/mixed; boundary=C")) + END,
    "nested plainly": part(PHOTO.replace("a/b", "multipart/mixed")) + END,
    "no type": part(PHOTO.partition("\r\n")[0]) + END,
    "no name": part("Content-Disposition: form-data") + END,
    "no file name": part(PHOTO.replace('"a"', '""')) + END,
    "attachment": part(NOTE.replace("form-data", "attachment")) + END,
    "no headers": "--B\r\n\r\nv\r\n" + END,
    "another header": part(f"{NOTE}\r\nX-A: b") + END,
    "charset field": part(NOTE.replace("note", "_charset_"), "utf-7") + END,
    "preamble": "x\r\n" + part(NOTE) + END,
    "empty lines": "\r\n\r\n" + part(NOTE) + END,
    "epilogue": part(NOTE) + END + "x",
    "second form": part(NOTE) + END + part(PHOTO) + END,
    "no end": part(NOTE),
    "half an end": part(NOTE) + "--B-",
    "end alone": END,
    "zero byte": part(NOTE, "a\0b") + END,
    "file name with a path": part(PHOTO.replace('"a"', r'"C:\a"')) + END,
    "file name with a line": part(PHOTO.replace('"a"', '"a\tb"')) + END,
}


@every("how", SMUGGLED)
@every("size", [1, 1 << 16])
def test_a_form_of_two_readings_is_refused(how: str, size: int) -> None:
    """Whether it comes at once or byte by byte."""
    with pytest.raises(MalformedError):
        judged("multipart/form-data; boundary=B", SMUGGLED[how].encode(), size)


@every(
    "media",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=B; boundary=C", "multipart/form-data; boundary=B; charset=utf-16", "multipart/form-data; boundary=B;x=y",
     "multipart/form-data; boundary=B B", f"multipart/form-data; boundary={'B' * 71}", "multipart/form-data, application/json", "multipart/mixed; boundary=B", "application/json",
     'multipart/form-data; boundary="B', "application/x-www-form-urlencoded; charset=latin-1", "application/x-www-form-urlencoded; x=y", ""],
)  # fmt: skip
def test_an_odd_media_type_is_refused(media: str) -> None:
    """And a body of which nothing says what it is."""
    with pytest.raises(MalformedError):
        judged(media, (part(NOTE) + END).encode())


@every("body", ["note=a&note=b", "note=a;tag=b", "note=a&&tag=b", "other=a", "=a", "note=%", "note=%zz", "note=%00", "note=%ff", "note=a=b", "note=ä", "note=a b", "&note=a", "note%5B%5D=a"])  # fmt: skip
def test_an_urlencoded_form_of_two_readings_is_refused(body: str) -> None:
    """Doubles, separators that some readers know, escapes that are none."""
    with pytest.raises(MalformedError):
        judged("application/x-www-form-urlencoded", body.encode())


@settings(max_examples=20000 if LONG else 100, deadline=None)
@given(st.data())
def test_whatever_is_cut_and_pasted_is_refused_or_handed_on_in_one_reading(data) -> None:
    """A form with pieces moved, doubled and dropped; if it passes, four parsers see what was judged."""
    pieces = ["--B", "--", "\r\n", "\n", "--B--", NOTE, PHOTO, "\r\n\r\n", "v", " ", "Content-Type: text/plain", ": ", ";", '"', "--C"]  # fmt: skip
    whole = [part(NOTE), part(PHOTO), part(NOTE.replace("note", "tag")), END]
    chosen = data.draw(st.lists(st.sampled_from([*whole, *pieces]), max_size=4))
    at = data.draw(st.integers(0, len(chosen)))
    body = "".join([*chosen[:at], *data.draw(st.sampled_from([[], whole, [whole[0], END]])), *chosen[at:]])  # fmt: skip
    try:
        stated, media, written = judged("multipart/form-data; boundary=B", body.encode(), data.draw(st.sampled_from([1, 1 << 16])))  # fmt: skip
    except MalformedError:
        return
    assert secrets.compare_digest(media[:30], "multipart/form-data; boundary=") or not written
    for reader in READERS if written else ():
        assert reader(media, written) == meant(stated)
