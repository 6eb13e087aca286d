"""Reads multipart forms part by part while they arrive, and refuses what two parsers read as two things."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from delegation.errors import MalformedError, MissingExtraError
from delegation.integrations.request_body import FileStore, StoredFile

_DISPOSITION: Final = re.compile(
    r'form-data; ?name="([^"\\%\x00-\x1f\x7f]{1,200})"(?:; ?filename="([^"\\%\x00-\x1f\x7f]{1,255})")?'
)
# Of a file any but a nested message; of a field plain text.
_FILE_TYPE: Final = re.compile(
    r"(?!multipart/|message/)[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,150}"
)
_FIELD_TYPE: Final = re.compile(r"text/plain(?:; ?charset=(?:utf-8|UTF-8|\"utf-8\"))?")
_HEADERS: Final = frozenset({"content-disposition", "content-type"})
_MAX_PARTS: Final = 256
_MAX_FIELDS: Final = 64 * 1024  # bytes of all fields together
_MAX_HEADER: Final = 2048


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form.

    Args:
        name: Of the field.
        text: Its value, empty of a file.
        file: What was sent as a file, None of a field.
        file_name: The name of the file.
        media: The media type of the file, in lower case.
    """

    name: str
    text: str
    file: StoredFile | None = None
    file_name: str = ""
    media: str = ""


def form_parser() -> Any:
    """Return the class that takes multipart forms apart.

    Raises:
        MissingExtraError: The extra `forms` is not installed.
    """
    try:
        from python_multipart import MultipartParser  # noqa: PLC0415  # only forms need it
    except ImportError as error:
        raise MissingExtraError("forms", "Reading multipart forms") from error
    return MultipartParser


class MultipartReader:
    """Reads the parts of one form; its files go into a store.

    Args:
        boundary: Between the parts.
        store: Takes the files.
    """

    def __init__(self, boundary: bytes, store: FileStore) -> None:
        """Begin before the first boundary."""
        parser = form_parser()
        self._store = store
        self._begins, self._ends = b"--" + boundary + b"\r\n", b"\r\n--" + boundary + b"--"
        self._head, self._tail, self._last, self._end_count = b"", b"", b"", 0
        self._parts: list[Part] = []
        self._fields = 0
        self._headers: dict[str, str] = {}
        self._name = self._value = b""
        self._current: Part | None = None
        self._text = bytearray()
        self._is_ended = False
        self._parser = parser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._part_data,
                "on_part_end": self._part_ends,
                "on_end": self._form_ends,
            },
            max_header_count=len(_HEADERS),
            max_header_size=_MAX_HEADER,
        )

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            MalformedError: They are no such form.
        """
        from python_multipart.exceptions import FormParserError  # noqa: PLC0415  # as above

        self._head = (self._head + data[: len(self._begins)])[: len(self._begins)]
        seen = self._tail + data
        self._end_count += seen.count(self._ends)
        self._tail = seen[-len(self._ends) + 1 :]
        self._last = (self._last + data)[-len(self._ends) - 2 :]
        if not self._begins.startswith(self._head):
            raise _odd("nothing before its first boundary")
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _odd("parts as RFC 7578 has them") from error

    def finish(self) -> list[Part]:
        """Return all parts.

        Raises:
            MalformedError: The form has no end, or something behind it.
        """
        if self._head == b"":
            return []
        is_whole = self._is_ended and self._end_count == 1
        if not is_whole or not self._last.removesuffix(b"\r\n").endswith(self._ends):
            raise _odd("one end, and nothing behind it")
        return self._parts

    def _part_begins(self) -> None:
        if len(self._parts) >= _MAX_PARTS:
            raise _odd(f"at most {_MAX_PARTS} parts")
        self._headers, self._name, self._value = {}, b"", b""
        self._current = None
        self._text.clear()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        name = self._name.decode("latin-1").lower()
        if name in self._headers or name not in _HEADERS:
            raise _odd("of each part Content-Disposition and Content-Type, each once")
        try:
            self._headers[name] = self._value.decode()
        except UnicodeError as error:
            raise _odd("headers in UTF-8") from error
        self._name = self._value = b""

    def _headers_end(self) -> None:
        said = _DISPOSITION.fullmatch(self._headers.get("content-disposition", ""))
        media = self._headers.get("content-type")
        if said is None:
            raise _odd('parts that say form-data; name="..."; filename="...", plainly')
        name, file_name = said[1], said[2]
        if file_name is None:
            if media is not None and _FIELD_TYPE.fullmatch(media) is None:
                raise _odd("fields that are plain text in UTF-8")
            self._current = Part(name, "")
            return
        if media is None or _FILE_TYPE.fullmatch(media) is None:
            raise _odd("files that state one plain media type")
        self._store.begin()
        self._current = Part(name, "", None, file_name, media.lower())

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current is None:
            raise _odd("parts with headers")
        if self._current.media:
            self._store.add(data[start:end])
            return
        self._fields += end - start
        if self._fields > _MAX_FIELDS:
            raise _odd(f"fields of at most {_MAX_FIELDS} bytes together")
        self._text += data[start:end]

    def _part_ends(self) -> None:
        part = self._current
        if part is None:
            raise _odd("parts with headers")
        if part.media:
            self._parts.append(Part(part.name, "", self._store.end(), part.file_name, part.media))
            return
        try:
            text = self._text.decode()
        except UnicodeError as error:
            raise _odd("fields in UTF-8") from error
        if "\0" in text:
            raise _odd("fields without zero bytes")
        self._parts.append(Part(part.name, text))

    def _form_ends(self) -> None:
        self._is_ended = True


def _odd(wanted: str) -> MalformedError:
    return MalformedError("The form", wanted=wanted)
