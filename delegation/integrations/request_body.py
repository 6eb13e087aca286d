"""Reads bodies of requests as arguments while they arrive, and writes them anew as judged.

A body is JSON, a text, a form or a file. Its declared media type says which; one that is sent as
something else, in another charset, or encoded, is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, Final, Protocol

from delegation import sent_json
from delegation.authority.documents.inputs import Input
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.integrations.request_inputs import Headers, undeclared

IN_MEMORY: Final = 1024 * 1024  # bytes of all files of one request that never touch a disk
_CHUNK: Final = 256 * 1024
MAX_BODY: Final = 64 * 1024  # bytes of JSON, text and fields; an access is no larger
MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,150}")
MEDIA_RANGE: Final = re.compile(r"\*/\*|[a-z0-9!#$&^_.+-]{1,100}/(?:\*|[a-z0-9!#$&^_.+-]{1,150})")
JSON_MEDIA: Final = re.compile(r"application/(?:[a-z0-9!#$&^_.+-]+\+)?json")
URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
_PARAMETER: Final = re.compile(r'([A-Za-z]+)=(?:"([^"\\]{0,100})"|([^\s";,\\]{1,100}))')


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a request.

    Args:
        store: Where its bytes are.
        begin: From which byte on.
        size: How many.
        digest: `sha256:` and 64 hexadecimal digits.
    """

    store: FileStore
    begin: int
    size: int
    digest: str

    def stated(self, media: str, name: str | None = None) -> dict[str, Json]:
        """Return the argument that stands for this file.

        Args:
            media: Its media type.
            name: Its name, None if it has none.
        """
        named: dict[str, Json] = {} if name is None else {"name": name}
        return {**named, "size": self.size, "media_type": media, "digest": self.digest}

    def is_meant_by(self, argument: Mapping[str, Any]) -> bool:
        """Return whether an argument that was judged stands for these bytes."""
        return (argument.get("size"), argument.get("digest")) == (self.size, self.digest)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes."""
        yield from self.store.chunks(self.begin, self.size)


class FileStore:
    """All files of one request, one behind the other."""

    def __init__(self) -> None:
        """Begin without files."""
        self._file: SpooledTemporaryFile[bytes] | None = None
        self._end = 0
        self._begin = 0
        self._hash = hashlib.sha256()

    def begin(self) -> None:
        """Begin a file."""
        self._begin, self._hash = self._end, hashlib.sha256()

    def add(self, data: bytes) -> None:
        """Add bytes to the file that was begun."""
        if self._file is None:
            self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # see `close`
        self._file.seek(self._end)
        self._file.write(data)
        self._hash.update(data)
        self._end += len(data)

    def end(self) -> StoredFile:
        """Return the file that was begun."""
        return StoredFile(
            self, self._begin, self._end - self._begin, f"sha256:{self._hash.hexdigest()}"
        )

    def chunks(self, begin: int, size: int) -> Iterator[bytes]:
        """Yield some of the bytes."""
        while size and self._file is not None:
            self._file.seek(begin)
            data = self._file.read(min(size, _CHUNK))
            begin, size = begin + len(data), size - len(data)
            yield data

    def close(self) -> None:
        """Forget all files."""
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True, slots=True)
class WrittenBody:
    """A body that carries what was judged.

    Args:
        media: Its `Content-Type`.
        size: Bytes of it.
        chunks: The bytes, one piece after the other; read once.
    """

    media: str
    size: int
    chunks: Iterable[bytes]


class BodyReader(Protocol):
    """Reads one body."""

    limit: int
    """Most bytes of the body, so that no reader holds more than it should."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            MalformedError: The body is already no body of its kind.
        """

    def finish(self) -> dict[str, Json]:
        """Return the arguments that the whole body states.

        Raises:
            MalformedError: It has another form, or states what is not declared.
        """

    def written(self, arguments: Mapping[str, Json]) -> WrittenBody | None:
        """Return the body that carries these canonical arguments, None if it carries nothing.

        Raises:
            MalformedError: A value has no place in it, or is another file than the one that was sent.
        """

    def close(self) -> None:
        """Forget what was read."""


def sent_media(headers: Headers) -> tuple[str, dict[str, str]]:
    """Return the media type of a body in lower case, empty if none is said, and its parameters.

    Raises:
        MalformedError: It is said twice, has another form, is of another charset, or encoded.
    """
    said = []
    for name, value in headers:
        if name.lower() == "content-encoding":
            raise MalformedError("Content-Encoding", wanted="none: send the body as it is")
        if name.lower() == "content-type":
            said.append(value)
    if not said:
        return "", {}
    media, *rest = (part.strip(" ") for part in said[0].split(";"))
    media, parameters = media.lower(), {}
    for part in rest:
        if (found := _PARAMETER.fullmatch(part)) is None or found[1].lower() in parameters:
            raise MalformedError("Content-Type", wanted="a media type with plain parameters")
        parameters[found[1].lower()] = found[2] or found[3] or ""
    charset = parameters.pop("charset", "utf-8")
    if len(said) > 1 or MEDIA_TYPE.fullmatch(media) is None or charset.lower() != "utf-8":
        raise MalformedError("Content-Type", wanted="one media type, in UTF-8 where it is text")
    return media, parameters


def agrees(media: str, declared: str) -> bool:
    """Return whether a media type is a declared one or of a declared range."""
    kind, _, rest = declared.partition("/")
    return declared in {"*/*", media} or (rest == "*" and media.startswith(kind + "/"))


class _HeldBody:
    """A body that is kept in memory until it is whole."""

    limit = MAX_BODY

    def __init__(self) -> None:
        """Read nothing yet."""
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._data += data

    def close(self) -> None:
        """Forget what was read."""
        self._data.clear()


class JsonBody(_HeldBody):
    """A body of JSON, whose members are arguments or which is one argument as a whole.

    Args:
        inputs: All that the body states; none of a route without a body, where an empty object says
            nothing.
        media: The media type that the handler gets.
    """

    def __init__(self, inputs: Sequence[Input], media: str) -> None:
        """Read nothing yet."""
        super().__init__()
        self._inputs = inputs
        self._media = media

    def finish(self) -> dict[str, Json]:
        """Return the arguments that the body states."""
        if not self._data:
            return {}
        value: Json = sent_json.parse(bytes(self._data), what="The body")
        if self._whole is not None:
            return {self._whole.argument: value}
        if not isinstance(value, dict):
            raise MalformedError("The body", wanted="a JSON object")
        named = {one.name: one.argument for one in self._inputs}
        if value.keys() - named.keys():
            raise undeclared("The body", named)
        return {named[name]: member for name, member in value.items()}

    def written(self, arguments: Mapping[str, Json]) -> WrittenBody | None:
        """Return JSON of the arguments; nothing where nothing was sent and nothing is stated."""
        members: Json = {
            one.name: arguments[one.argument] for one in self._inputs if one.argument in arguments
        }
        if not members and (self._whole is not None or not self._data or not self._inputs):
            return None
        value = members if self._whole is None else arguments[self._whole.argument]
        data = _json(value)
        if sent_json.encode(sent_json.parse(data)) != sent_json.encode(value):
            raise MalformedError("The body", wanted="JSON that reads the same again")
        return WrittenBody(self._media, len(data), [data])

    @property
    def _whole(self) -> Input | None:
        return next((one for one in self._inputs if one.place == "body"), None)


class NoBody(_HeldBody):
    """A body that was not sent, since its media type was not.

    Args:
        declared: The media type that it needs.
    """

    def __init__(self, declared: str) -> None:
        """Read nothing yet."""
        super().__init__()
        self._declared = declared

    def feed(self, data: bytes) -> None:
        """Refuse bytes of which nothing says what they are."""
        if data:
            raise MalformedError("Content-Type", wanted=self._declared)

    def finish(self) -> dict[str, Json]:
        """Return no arguments."""
        return {}

    def written(self, arguments: Mapping[str, Json]) -> WrittenBody | None:  # there are none
        """Return no body."""
        return None


class TextBody(_HeldBody):
    """A body of text, which is one argument.

    Args:
        one: Its input.
        media: The media type that was sent.
    """

    def __init__(self, one: Input, media: str) -> None:
        """Read nothing yet."""
        super().__init__()
        self._one = one
        self._media = media

    def finish(self) -> dict[str, Json]:
        """Return the text, none if the body is empty."""
        try:
            return {self._one.argument: self._data.decode()} if self._data else {}
        except UnicodeError as error:
            raise MalformedError("The body", wanted="text in UTF-8") from error

    def written(self, arguments: Mapping[str, Json]) -> WrittenBody | None:
        """Return the text as it was judged."""
        if (text := arguments.get(self._one.argument)) is None:
            return None
        if not isinstance(text, str) or not text:
            raise MalformedError("The body", wanted="text: an empty body states nothing")
        data = text.encode()
        return WrittenBody(f"{self._media}; charset=utf-8", len(data), [data])


class FileBody:
    """A body of bytes, which one argument names by digest, size and media type.

    Args:
        one: Its input.
        media: The media type that was sent.
        limit: Most bytes.
    """

    def __init__(self, one: Input, media: str, limit: int) -> None:
        """Read nothing yet."""
        self.limit = limit
        self._one = one
        self._media = media
        self._store = FileStore()
        self._store.begin()

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._store.add(data)

    def finish(self) -> dict[str, Json]:
        """Return what names the bytes, nothing if there are none."""
        found = self._store.end()
        return {self._one.argument: found.stated(self._media)} if found.size else {}

    def written(self, arguments: Mapping[str, Json]) -> WrittenBody | None:
        """Return the bytes as they were sent."""
        if (argument := arguments.get(self._one.argument)) is None:
            return None
        found, media = sent_file(argument, [self._store.end()]), argument_media(argument)
        return WrittenBody(media, found.size, found.chunks())

    def close(self) -> None:
        """Forget what was read."""
        self._store.close()


def sent_file(argument: Json, files: Sequence[StoredFile]) -> StoredFile:
    """Return which of the files an argument that was judged stands for.

    Raises:
        MalformedError: None of them.
    """
    for one in files:
        if isinstance(argument, dict) and one.is_meant_by(argument):
            return one
    raise MalformedError("A file", wanted="the digest and size of what was sent")


def argument_media(argument: Json) -> str:
    """Return the media type that a file's argument names.

    Raises:
        MalformedError: It names none.
    """
    media: Any = argument.get("media_type") if isinstance(argument, dict) else None
    if not isinstance(media, str) or MEDIA_TYPE.fullmatch(media) is None:
        raise MalformedError("A file", wanted="the media type that was sent")
    return media


def _json(value: Json) -> bytes:
    """Return JSON that is no form: a reader that does not look at the type finds no pair in it."""
    text = json.dumps(value, ensure_ascii=False)
    # Both stand only inside texts, where an escape means the same to every reader of JSON.
    return text.replace("=", "\\u003d").replace("&", "\\u0026").encode()
