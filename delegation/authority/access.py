"""Describes one attempted call, as its holder states it, before any rule looked at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from delegation import canonical, sent_json
from delegation.authority.alias import called
from delegation.authority.fields import (
    AUDIENCE,
    PURPOSE,
    closed_object,
    matching_text,
    units,
)
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_ACCESS_BYTES: Final = 64 * 1024  # arguments included; more belongs behind a reference
_CAUSE: Final = r"dec_[A-Za-z0-9_-]{22}"
_FIELDS: Final = frozenset({"v", "tool", "arguments", "audience", "purpose", "max_cost", "cause"})


@dataclass(frozen=True, slots=True)
class Access:
    """One call that a holder wants to make: what the proof signs and the service judges.

    Not checked here: whether the tool exists, whether the arguments have a canonical form by type.

    Args:
        tool: Dotted tool name, or an alias of the tool.
        arguments: Argument values by name, as they are sent: any JSON. What has no canonical form
            is denied when the call is judged, never refused here.
        audience: The service that is to act, exactly as the grant names it.
        purpose: Slash path such as `support/refund`; empty states none.
        max_cost: The most this call may cost by unit, in minor units (`{"usd_cents": 500}`).
        cause: Id of the decision that led to this call: a claim, shown as such, judged by no rule.

    Raises:
        MalformedError: A field has another form, the arguments are no JSON, or the whole is too large.
    """

    tool: str
    arguments: Mapping[str, Json]
    audience: str
    purpose: str = ""
    max_cost: Mapping[str, int] = field(default_factory=dict)
    cause: str | None = None
    # Its one spelling; empty where an argument is a list or an object, which someone may change.
    _kept: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        called(self.tool)
        matching_text("audience", self.audience, AUDIENCE, "1 to 300 printable ASCII characters")
        matching_text(
            "purpose", self.purpose, PURPOSE, "a slash path of lower-case words, or empty"
        )
        if not isinstance(self.arguments, Mapping):
            raise MalformedError("arguments", wanted="an object")
        if self.cause is not None:
            matching_text("cause", self.cause, _CAUSE, "the id of a decision, or null")
        object.__setattr__(self, "max_cost", units("max_cost", self.max_cost))
        object.__setattr__(self, "arguments", MappingProxyType(dict(self.arguments)))
        plain = sent_json.plain_text(self.to_json())
        encoded = (plain or sent_json.text_of(self.to_json(), what="The access")).encode()
        if plain is None and len(encoded) <= MAX_ACCESS_BYTES:
            # What is judged is what the signed and recorded text says, to its last digit.
            read = sent_json.parse(encoded)["arguments"]
            object.__setattr__(self, "arguments", MappingProxyType(read))
        flat = all(type(value) not in {list, dict} for value in self.arguments.values())
        object.__setattr__(self, "_kept", encoded if flat else b"")
        if len(encoded) > MAX_ACCESS_BYTES:
            raise MalformedError("The access", wanted=f"at most {MAX_ACCESS_BYTES} bytes")

    def to_json(self) -> dict[str, Json]:
        """Return the access as JSON, every field present."""
        return {
            "v": 1,
            "tool": self.tool,
            "arguments": dict(self.arguments),
            "audience": self.audience,
            "purpose": self.purpose,
            "max_cost": dict(self.max_cost),
            "cause": self.cause,
        }

    def by_name(self, tool: str) -> Access:
        """Return the same call under its tool's own name.

        What was sent is bounded once: a name that is longer than the alias makes no call too large.
        """
        if tool == self.tool:
            return self
        made = object.__new__(Access)
        for name in ("arguments", "audience", "purpose", "max_cost", "cause"):
            object.__setattr__(made, name, getattr(self, name))
        object.__setattr__(made, "tool", tool)
        object.__setattr__(made, "_kept", self._kept and sent_json.encode(made.to_json()))
        return made

    @property
    def encoded(self) -> bytes:
        """Its one spelling as it is now: what the proof covers and what is recorded."""
        return self._kept or sent_json.encode(self.to_json())

    def digest(self) -> bytes:
        """Return SHA-256("dct-access-v1" 0x00 its one spelling): what the proof covers."""
        return canonical.digest(b"dct-access-v1", self.encoded)

    @classmethod
    def from_json(cls, value: Json) -> Access:
        """Return the access that this JSON states.

        Raises:
            MalformedError: A field is missing, unknown or has another form.
        """
        body = closed_object("The access", value, _FIELDS)
        if body["v"] is True or body["v"] != 1:
            raise MalformedError("v", wanted="1")
        return cls(
            body["tool"],  # type: ignore[arg-type]  # checked by __post_init__, as all below
            body["arguments"],  # type: ignore[arg-type]
            body["audience"],  # type: ignore[arg-type]
            body["purpose"],  # type: ignore[arg-type]
            body["max_cost"],  # type: ignore[arg-type]
            body["cause"],  # type: ignore[arg-type]
        )
