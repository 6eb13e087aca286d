"""Reads urlencoded and multipart forms strictly, and writes them anew.

Whatever a second parser might read otherwise is refused: names that come twice, other headers of a
part than its disposition and type, `filename*`, quoted pairs, text before the first boundary and after
the last. What is handed on has a boundary of its own, which nothing that was sent can hold.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast
from urllib.parse import quote, unquote_to_bytes

from delegation.authority.documents.inputs import Input
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.integrations.multipart import MultipartReader, Part
from delegation.integrations.request_body import (
    MAX_BODY,
    MULTIPART,
    URLENCODED,
    FileStore,
    StoredFile,
    WrittenBody,
    argument_media,
    sent_file,
)
from delegation.integrations.request_inputs import stated_by, texts_of, undeclared

_SPELLED: Final = rb"(?:[A-Za-z0-9*._~+!'()\[\]:,@/$-]|%[0-9A-Fa-f]{2})"
_PAIR: Final = re.compile(rb"(%b{1,600})=?(%b*)" % (_SPELLED, _SPELLED))
BOUNDARY: Final = re.compile(r"[A-Za-z0-9'_.=-]{1,70}")
FIELD_NAME: Final = re.compile(r"(?!_charset_$)[ !#$&-\[\]-~]{1,200}")  # no quote, % or backslash
_FILE_NAME: Final = re.compile(r'[^"\\%\x00-\x1f\x7f]{1,255}')


class FormBody:
    """A form, whose fields and files are arguments.

    Args:
        inputs: All that are declared.
        declared: The media type that the handler gets.
        media: The media type that was sent; either of the two serves.
        parameters: Its parameters.
        max_upload: Most bytes of a form with files.

    Raises:
        MalformedError: The media type is no form's, or its boundary is odd.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        declared: str,
        media: str,
        parameters: Mapping[str, str],
        max_upload: int,
    ) -> None:
        """Read nothing yet."""
        self._inputs = inputs
        self._declared = declared
        self._store = FileStore()
        self._files: dict[str, list[tuple[StoredFile, str, str]]] = {}
        self._data = bytearray()
        self._parts: MultipartReader | None = None
        self.limit = MAX_BODY
        if media == MULTIPART:
            boundary = parameters.get("boundary", "")
            if parameters.keys() != {"boundary"} or BOUNDARY.fullmatch(boundary) is None:
                raise MalformedError("Content-Type", wanted="a form with a plain boundary")
            self._parts = MultipartReader(boundary.encode(), self._store)
            self.limit = max_upload if self._of("file") else MAX_BODY
        elif media != URLENCODED or parameters:
            raise MalformedError("Content-Type", wanted=declared)

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._parts is not None:
            self._parts.feed(data)
        else:
            self._data += data

    def finish(self) -> dict[str, Json]:
        """Return the arguments that the form states."""
        if self._parts is None:
            return stated_by(self._of("field"), pairs_of(bytes(self._data)), "The form")
        parts = self._parts.finish()
        fields = [(part.name, part.text) for part in parts if part.file is None]
        found = stated_by(self._of("field"), fields, "The form")
        return found | self._stated_files([part for part in parts if part.file is not None])

    def written(self, arguments: Mapping[str, Json]) -> WrittenBody | None:
        """Return a form that carries the arguments, nothing where it has no field."""
        pairs = [
            (one, text)
            for one in self._of("field")
            if one.argument in arguments
            for text in texts_of(one, arguments[one.argument])
        ]
        if any("\0" in text for _, text in pairs):
            raise MalformedError("The form", wanted="no zero bytes")
        if self._declared == URLENCODED:
            data = "&".join(
                f"{quote(one.name, safe='')}={quote(text, safe='')}" for one, text in pairs
            )
            return WrittenBody(URLENCODED, len(data), [data.encode()]) if data else None
        pieces: list[bytes | StoredFile] = []
        for one, text in pairs:
            pieces += [_head(one.name), text.encode()]
        for one in self._of("file"):
            if one.argument in arguments:
                for file, name, media in self._meant(one, arguments[one.argument]):
                    pieces += [_head(one.name, name, media), file]
        if not pieces:
            return None
        boundary = _boundary(pieces)
        for at in range(0, len(pieces), 2):
            begin = f"--{boundary}\r\n".encode()
            begin = b"\r\n" + begin if at else begin
            pieces[at] = begin + cast("bytes", pieces[at])
        pieces.append(f"\r\n--{boundary}--\r\n".encode())
        size = sum(piece.size if isinstance(piece, StoredFile) else len(piece) for piece in pieces)
        return WrittenBody(f"{MULTIPART}; boundary={boundary}", size, _chunks(pieces))

    def close(self) -> None:
        """Forget what was read."""
        self._store.close()

    def _of(self, place: str) -> list[Input]:
        return [one for one in self._inputs if one.place == place]

    def _stated_files(self, parts: Sequence[Part]) -> dict[str, Json]:
        declared = {one.name: one for one in self._of("file")}
        stated: dict[str, list[Json]] = {}
        for part in parts:
            if part.name not in declared or part.file is None:
                raise undeclared("The form", [f"{name} (a file)" for name in declared])
            one = declared[part.name]
            self._files.setdefault(one.argument, []).append((part.file, part.file_name, part.media))
            stated.setdefault(part.name, []).append(part.file.stated(part.media, part.file_name))
        found: dict[str, Json] = {}
        for name, files in stated.items():
            if len(files) > 1 and not declared[name].many:
                raise MalformedError(f"{name} in the form", wanted="stated once: it is no list")
            found[declared[name].argument] = files if declared[name].many else files[0]
        return found

    def _meant(self, one: Input, argument: Json) -> Iterator[tuple[StoredFile, str, str]]:
        files = argument if one.many else [argument]
        if not isinstance(files, list) or not files:
            raise MalformedError(f"The argument {one.argument}", wanted="a file at least")
        sent = [file for file, _, _ in self._files.get(one.argument, [])]
        for file in files:
            name = file.get("name") if isinstance(file, dict) else None
            if not isinstance(name, str) or _FILE_NAME.fullmatch(name) is None:
                raise MalformedError("A file", wanted="a name that every server reads alike")
            yield sent_file(file, sent), name, argument_media(file)


def pairs_of(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield names and values of a urlencoded form.

    Raises:
        MalformedError: Two parsers might read it as two things.
    """
    for part in data.split(b"&") if data else ():
        if (found := _PAIR.fullmatch(part)) is None:
            raise MalformedError("The form", wanted="plain name=value pairs")
        yield _decoded(found[1]), _decoded(found[2])


def _decoded(text: bytes) -> str:
    try:
        # A form is decoded once by everybody, and a plus is a space in it.
        decoded = unquote_to_bytes(text.replace(b"+", b" ")).decode()
    except UnicodeError as error:
        raise MalformedError("The form", wanted="UTF-8") from error
    if "\0" in decoded:
        raise MalformedError("The form", wanted="no zero bytes")
    return decoded


def _head(name: str, file_name: str | None = None, media: str = "") -> bytes:
    named = "" if file_name is None else f'; filename="{file_name}"'
    typed = f"\r\nContent-Type: {media}" if media else ""
    return f'Content-Disposition: form-data; name="{name}"{named}{typed}\r\n\r\n'.encode()


def _boundary(pieces: Sequence[bytes | StoredFile]) -> str:
    """Return what stands in none of the pieces: it is a digest of all of them."""
    digests = (
        one.digest if isinstance(one, StoredFile) else hashlib.sha256(one).hexdigest()
        for one in pieces
    )
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:48]


def _chunks(pieces: Sequence[bytes | StoredFile]) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, StoredFile):
            yield from piece.chunks()
        else:
            yield piece
