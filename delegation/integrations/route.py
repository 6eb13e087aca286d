"""Maps one route's requests to the arguments of a tool, and arguments to requests.

Every input of a request is an argument of the tool, or refused. Nothing here is decided: what comes out
is what the holder's proof must cover and the service judges.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast, get_args

from delegation import sent_json
from delegation.authority.alias import called
from delegation.authority.arguments.url_text import KINDS, stated
from delegation.authority.documents.inputs import Input, InputPlace
from delegation.authority.fields import (
    ARGUMENT_NAME,
    ARGUMENT_WANTED,
    closed_object,
    list_of,
    matching_text,
)
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.integrations.forms import FIELD_NAME, FormBody
from delegation.integrations.request_body import (
    JSON_MEDIA,
    MEDIA_RANGE,
    MULTIPART,
    URLENCODED,
    BodyReader,
    FileBody,
    JsonBody,
    NoBody,
    TextBody,
    agrees,
    sent_media,
)
from delegation.integrations.request_headers import refuse_input_header
from delegation.integrations.request_inputs import (
    COOKIE_NAME,
    Headers,
    stated_by,
    stated_by_headers,
    text_of,
    written_headers,
    written_query,
)
from delegation.integrations.route_template import Template, template_of
from delegation.integrations.target import PARAMETER, RequestTarget, target_of

SOCKET: Final = "WEBSOCKET"
MAX_UPLOAD: Final = 10 * 1024 * 1024  # bytes of a body that holds files, where nothing else is said
_METHOD: Final = re.compile("(?!CONNECT$|TRACE$)[A-Z]{1,16}")
_KIND: Final = re.compile("|".join(KINDS))
_PLACE: Final = re.compile("|".join(get_args(InputPlace)))
_MANY: Final = frozenset({"query", "header", "field", "file"})
_MAX_INPUTS: Final = 512
_MAX_MEMBER: Final = 200
_TEXT: Final = re.compile(r"[^\x00-\x1f]{0,200}")


def named_method(method: str) -> str:
    """Return a method as it is declared.

    Raises:
        MalformedError: It has another form.
    """
    if type(method) is not str or _METHOD.fullmatch(method) is None:
        raise MalformedError(
            "method",
            wanted="an HTTP method in capital letters, or WEBSOCKET",
            remedy='Write it as HTTP does, in capital letters: "POST".',
        )
    return method


@dataclass(frozen=True, slots=True)
class Route:
    """One route of a service and the tool that it is.

    Args:
        method: HTTP method, or `WEBSOCKET` for the handshake of one.
        path: Template such as `/refunds/{order}`, with Starlette's converters: `/files/{path:path}`.
            A placeholder that no input names is an argument of its own name.
        tool: Name of the tool in the catalogue, or an alias of it; empty of a route that is open to
            everybody and states nothing.
        inputs: All other inputs, each the argument that states it.
        media: Media type of the body, a range for files of any: `image/*`. What follows from the
            inputs where it is left out.

    Raises:
        MalformedError: A field has another form, or an argument would come from two places, or two
            from one.
    """

    method: str
    path: str
    tool: str
    inputs: tuple[Input, ...] = ()
    media: str = ""

    def __post_init__(self) -> None:
        named_method(self.method)
        if self.tool:
            called(self.tool)
        object.__setattr__(self, "inputs", self._completed())
        for one in self.inputs:
            _refuse_odd(one)
        self._refuse_doubles()
        object.__setattr__(self, "media", self.media or self._usual_media())
        self._refuse_odd_body()

    @property
    def template(self) -> Template:
        """The path's template."""
        return template_of(self.path)

    @property
    def is_open(self) -> bool:
        """Whether everybody may call it unjudged."""
        return not self.tool

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Names in the path's template."""
        return self.template.placeholders

    def of_place(self, *places: InputPlace) -> tuple[Input, ...]:
        """Return the inputs of these places."""
        return tuple(one for one in self.inputs if one.place in places)

    def to_json(self) -> dict[str, Json]:
        """Return the route's JSON."""
        inputs: list[Json] = [
            {"argument": one.argument, "place": one.place, "name": one.name, "kind": one.kind,
             "many": one.many}
            for one in self.inputs
        ]  # fmt: skip
        return {
            "method": self.method,
            "path": self.path,
            "tool": self.tool,
            "inputs": inputs,
            "media": self.media,
        }

    @classmethod
    def from_json(cls, value: Json) -> Route:
        """Return a route from its JSON.

        Raises:
            MalformedError: It has another form, or a member that is not known.
        """
        fields = closed_object(
            "A route", value, frozenset({"method", "path", "tool", "inputs", "media"})
        )
        texts = [fields[name] for name in ("method", "path", "tool")]
        if not all(isinstance(text, str) for text in (*texts, fields["media"])):
            raise MalformedError("A route", wanted="texts")
        method, path, tool = (str(text) for text in texts)
        inputs = tuple(map(_input, list_of("inputs", fields["inputs"], _MAX_INPUTS)))
        return cls(method, path, tool, inputs, str(fields["media"]))

    def head(
        self, target: RequestTarget, filled: Mapping[str, str], headers: Headers
    ) -> dict[str, Json]:
        """Return the arguments that all but the body states.

        Args:
            target: Path and query.
            filled: What fills the placeholders.
            headers: All headers as they were sent.

        Raises:
            MalformedError: An input is not declared, comes twice, or does not read one way.
        """
        found = {one.argument: stated(filled[one.name], one.kind) for one in self.of_place("path")}
        found |= stated_by(self.of_place("query"), target.parameters, "The query")
        return found | stated_by_headers(self.of_place("header", "cookie"), headers)

    def body_reader(self, headers: Headers, max_upload: int = MAX_UPLOAD) -> BodyReader:
        """Return what reads the body of a request.

        Args:
            headers: All headers as they were sent.
            max_upload: Most bytes of a body that holds files.

        Raises:
            MalformedError: The body is said to be of another media type than declared.
        """
        media, parameters = sent_media(headers)
        if not (inputs := self.of_place("member", "field", "file", "body")):
            return JsonBody((), "")
        if not media and not _is_json(self.media):
            return NoBody(self.media)
        if self.media in {URLENCODED, MULTIPART}:
            return FormBody(inputs, self.media, media, parameters, max_upload)
        if parameters or not agrees(media or self.media, self.media):
            raise MalformedError("Content-Type", wanted=self.media)
        if _is_json(self.media):
            return JsonBody(inputs, self.media)
        if self.media.startswith("text/"):
            return TextBody(inputs[0], media)
        return FileBody(inputs[0], media, max_upload)

    def written(self, arguments: Mapping[str, Json]) -> tuple[str, str, list[tuple[str, str]]]:
        """Return escaped path, escaped query and headers that carry these canonical arguments.

        Raises:
            MalformedError: A value has no place there, or would be read as another one.
        """
        texts = {one.name: text_of(arguments[one.argument]) for one in self.of_place("path")}
        path = self.template.filled(texts)
        query = written_query(self.of_place("query"), arguments)
        headers = written_headers(self.of_place("header", "cookie"), arguments)
        target = target_of(path, query)
        meant = {
            one.argument: arguments[one.argument]
            for one in self.of_place("path", "query", "header", "cookie")
            if one.argument in arguments
        }
        filled = self.template.matched(target.segments)
        if filled is None or sent_json.encode(
            self.head(target, filled, headers)
        ) != sent_json.encode(meant):
            raise MalformedError("An argument", wanted="a value that reads the same in its place")
        return path, query, headers

    def _completed(self) -> tuple[Input, ...]:
        """Return the inputs with all placeholders, those of the path first."""
        named = {one.name: one for one in self.inputs if one.place == "path"}
        if named.keys() - set(self.placeholders):
            raise MalformedError("inputs", wanted="of the path the placeholders of its template")
        if self.is_open:
            return self.inputs
        rest = tuple(one for one in self.inputs if one.place != "path")
        implied = (
            named.get(name) or Input(name, "path", name, self.template.kind(name))
            for name in self.placeholders
        )
        return (*implied, *rest)

    def _refuse_doubles(self) -> None:
        if self.is_open and (self.inputs or self.media):
            raise MalformedError("A route that is open", wanted="no inputs")
        if len(self.inputs) > _MAX_INPUTS:
            raise MalformedError("A route", wanted=f"at most {_MAX_INPUTS} inputs")
        arguments = [one.argument for one in self.inputs]
        if len(set(arguments)) != len(arguments):
            raise MalformedError("A route", wanted="each argument from one place")
        places = [("field" if one.place == "file" else one.place, one.name) for one in self.inputs]
        if len(set(places)) != len(places):
            raise MalformedError("A route", wanted="each input as one argument")

    def _usual_media(self) -> str:
        places = {one.place for one in self.inputs}
        if "file" in places:
            return MULTIPART
        if "field" in places:
            return URLENCODED
        return "application/json" if places & {"member", "body"} else ""

    def _refuse_odd_body(self) -> None:
        inputs = self.of_place("member", "field", "file", "body")
        places = {one.place for one in inputs}
        if inputs and self.method == SOCKET:
            raise MalformedError("A socket", wanted="no body")
        if not inputs and self.media:
            raise MalformedError("media", wanted="none for a route without a body")
        if not inputs:
            return
        matching_text("media", self.media, MEDIA_RANGE, "a media type in lower case")
        is_form = self.media in {URLENCODED, MULTIPART}
        if is_form != places.issubset({"field", "file"}) or (
            "file" in places and self.media != MULTIPART
        ):
            raise MalformedError("media", wanted="a form for fields, multipart/form-data for files")
        if self.media.startswith("multipart/") and not is_form:
            raise MalformedError("media", wanted="of all multiparts only multipart/form-data")
        if self.media == "text/*":
            raise MalformedError(
                "media", wanted="one type of text: no argument says which was sent"
            )
        if "member" in places and not _is_json(self.media):
            raise MalformedError("media", wanted="JSON where members of it are arguments")
        if "body" in places and len(inputs) > 1:
            raise MalformedError("A route", wanted="nothing beside the whole body")


def _refuse_odd(one: Input) -> None:
    matching_text("argument", one.argument, ARGUMENT_NAME, ARGUMENT_WANTED)
    matching_text("place", one.place, _PLACE, "a place of a request")
    matching_text("kind", one.kind, _KIND, f"one of {', '.join(KINDS)}")
    if type(one.many) is not bool or (one.many and one.place not in _MANY):
        raise MalformedError("many", wanted="parameters of a query, headers, fields and files only")
    if one.kind != "text" and one.place in {"member", "file", "body"}:
        raise MalformedError("kind", wanted="text: JSON and files have types of their own")
    if one.place == "query":
        matching_text(
            "The parameter", one.name, PARAMETER, "1 to 200 plain characters, spaces only within"
        )
    elif one.place == "header":
        refuse_input_header(one.name)
    elif one.place == "cookie":
        matching_text("The cookie", one.name, COOKIE_NAME, "the name of a cookie")
    elif one.place in {"field", "file"}:
        matching_text("The field", one.name, FIELD_NAME, "1 to 200 printable ASCII characters")
    elif one.place == "member" and not (
        0 < len(one.name) <= _MAX_MEMBER and one.name.isprintable()
    ):
        raise MalformedError("The member", wanted=f"1 to {_MAX_MEMBER} printable characters")
    elif one.place == "body" and one.name:
        raise MalformedError("The whole body", wanted="no name")


def _input(value: Json) -> Input:
    fields = closed_object(
        "An input", value, frozenset({"argument", "place", "name", "kind", "many"})
    )
    if type(fields["many"]) is not bool:
        raise MalformedError("many", wanted="true or false")
    argument, place, name, kind = (
        matching_text(key, fields[key], _TEXT, "text")
        for key in ("argument", "place", "name", "kind")
    )
    return Input(argument, cast("InputPlace", place), name, kind, fields["many"])


def _is_json(media: str) -> bool:
    return JSON_MEDIA.fullmatch(media) is not None
