"""Defines a capability: one tool pattern, its resources, and a constraint on every argument.

One capability admits a whole call. Two of them are never mixed, since the tool of one with the
recipients of another is an authority that nobody granted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from delegation import canonical
from delegation.authority.constraints import ABSENT, Constraint, parse_constraint
from delegation.authority.constraints.constraint import refuse_deep
from delegation.authority.fields import (
    ARGUMENT_NAME,
    ARGUMENT_WANTED,
    PLAIN_NAME,
    closed_object,
    list_of,
    matching_text,
)
from delegation.authority.pattern import SegmentPattern, resource_pattern, tool_pattern
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.errors import MalformedError, WiderThanParentError

MAX_RESOURCES: Final = 64
MAX_ARGUMENTS: Final = 64
_FIELDS: Final = frozenset({"tool", "resources", "arguments"})
_HANDING: Final = "delegate_only"  # a member that is true or not there, from payload version 2 on
_MOST_KNOWN: Final = 512
_KNOWN_CHARACTERS: Final = 1024  # longer ones are read each time, so that all take a few MB at most


class Prohibition(NamedTuple):
    """One reason why a capability does not admit a call; `authority.prohibition` words it.

    Args:
        why: The tool is another; an argument is not named, holds a special host that is not, is
            missing, or is outside its constraint; a resource is none of those granted.
        name: The tool's, the argument's or the resource's.
    """

    why: Literal["tool", "unnamed", "special", "missing", "refused", "resource"]
    name: str


@dataclass(frozen=True, slots=True)
class Capability:
    """One entry of a grant: the calls of a tool that it admits.

    Args:
        tool: Pattern over tool names of the pinned catalogue.
        resources: Patterns of which each resource of a call must match one. Empty admits exactly
            the calls that touch no resource.
        arguments: A constraint for each argument that may be given. An argument that is not named
            here must be absent.
        delegate_only: Whether its holder may only hand it on: its own calls are denied, whichever of
            its keys makes them, and those of other agents to whom it hands it are not.
        version: The lowest payload version that can state it; computed.

    Raises:
        MalformedError: Too many entries, an argument name of another form, a bare value where a
            constraint belongs, or one that is nested deeper than a payload holds.
    """

    tool: SegmentPattern
    resources: tuple[SegmentPattern, ...] = ()
    arguments: Mapping[str, Constraint] = field(default_factory=dict)
    delegate_only: bool = False
    version: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.resources) > MAX_RESOURCES:
            raise MalformedError("resources", wanted=f"at most {MAX_RESOURCES} patterns")
        if len(self.arguments) > MAX_ARGUMENTS:
            raise MalformedError("arguments", wanted=f"at most {MAX_ARGUMENTS} constraints")
        for name in self.arguments:
            matching_text("An argument's name", name, ARGUMENT_NAME, ARGUMENT_WANTED)
        for name, one in self.arguments.items():
            if not isinstance(one, Constraint):
                raise MalformedError(
                    f"What bounds {name}",
                    wanted="a constraint",
                    remedy=f"Write {name}=exact(...) for one value, one_of(...) for several, or "
                    "anything().",
                )
            refuse_deep(one)
        if type(self.delegate_only) is not bool:
            raise MalformedError(_HANDING, wanted="a boolean")
        frozen = MappingProxyType(dict(sorted(self.arguments.items())))
        object.__setattr__(self, "arguments", frozen)
        is_second = self.delegate_only or not all(map(PLAIN_NAME.fullmatch, self.arguments))
        version = max(
            [
                2 if is_second else 1,
                *(pattern.version for pattern in (self.tool, *self.resources)),
                *(constraint.version for constraint in self.arguments.values()),
            ]
        )
        object.__setattr__(self, "version", version)

    def opened(self, at: int) -> Capability:
        """Return it with bounds that are relative to the opening of a task fixed.

        Args:
            at: When the task was opened, Unix seconds.
        """
        fixed = {name: constraint.opened(at) for name, constraint in self.arguments.items()}
        return self if fixed == self.arguments else replace(self, arguments=fixed)

    def prohibits(
        self,
        tool: str,
        arguments: Mapping[str, Json],
        resources: Iterable[str],
        special: Mapping[str, str] = MappingProxyType({}),
    ) -> Prohibition | None:
        """Return the first reason why a call is refused, or None; see `prohibitions`."""
        return next(self.prohibitions(tool, arguments, resources, special), None)

    def prohibitions(
        self,
        tool: str,
        arguments: Mapping[str, Json],
        resources: Iterable[str],
        special: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[Prohibition]:
        """Yield every reason why a call is refused: none where it is admitted.

        Args:
            tool: The tool's name.
            arguments: Canonical arguments; nothing else may be judged.
            resources: The resources that the tool's template makes of them.
            special: The arguments that hold a special host, each with the code that refuses it:
                such a host must be named exactly.
        """
        if not self.tool.matches(tool):
            yield Prohibition("tool", tool)
            return
        unnamed = (name for name in arguments if name not in self.arguments)
        yield from (Prohibition("unnamed", name) for name in unnamed)
        for name, constraint in self.arguments.items():
            value = arguments.get(name, ABSENT)
            if name in special and not constraint.names_special(value):
                yield Prohibition("special", name)
            elif not constraint.admits(value):
                yield Prohibition("missing" if value is ABSENT else "refused", name)
        for resource in resources:
            if not any(pattern.matches(resource) for pattern in self.resources):
                yield Prohibition("resource", resource)
                return

    def refuses_child(self, child: Capability) -> Refusal | None:
        """Return why a child's capability is not within this one, or None.

        Sound: None only if every call that the child admits is admitted here. Not looked at: who
        hands on only. A child may leave that out, for it may be another's; whether it is, is judged
        with the registry (`judge.flow`), on the line whose parent still says it.
        """
        if not child.tool.is_within(self.tool):
            return Refusal(
                "tool_widened", "The tool is not held.", "tool", child.tool.text, self.tool.text,
                "Name a tool that the parent holds.",
            )  # fmt: skip
        for mine in child.resources:
            if not any(mine.is_within(theirs) for theirs in self.resources):
                return Refusal(
                    "resource_widened",
                    "A resource is not held.",
                    "resources",
                    mine.text,
                    [pattern.text for pattern in self.resources],
                    "Name resources within the parent's.",
                )
        for name, constraint in child.arguments.items():
            if (held := self.arguments.get(name)) is None:
                return Refusal(
                    "argument_added",
                    f'The argument "{name}" is not held, so it may not be given.',
                    f"arguments.{name}",
                    constraint.to_json(),
                    remedy=f"Leave {name} out.",
                )
            if not constraint.is_within(held) and constraint.opened(0) != constraint:
                return Refusal(
                    "argument_widened",
                    f"The constraint on {name} counts from the task's opening, and the parent's states "
                    "instants: the service fixed them when it opened the task.",
                    f"arguments.{name}",
                    constraint.to_json(),
                    held.to_json(),
                    f"Take {name} from the parent's own grant (root.grant, task.ceiling), or state instants.",
                )
            if not constraint.is_within(held):
                return Refusal(
                    "argument_widened",
                    f"The constraint on {name} admits more than the parent's.",
                    f"arguments.{name}",
                    constraint.to_json(),
                    held.to_json(),
                    f"Narrow the constraint on {name}.",
                )
        for name, held in self.arguments.items():
            # A dropped argument must be absent, so the parent has to admit its absence.
            if name not in child.arguments and not held.admits(ABSENT):
                return Refusal(
                    "argument_dropped",
                    f'The argument "{name}" is constrained by the parent and missing in the child.',
                    f"arguments.{name}",
                    None,
                    held.to_json(),
                    f"Keep a constraint on {name}.",
                )
        return None

    def narrow(
        self,
        tool: str | None = None,
        /,
        *,
        resources: Iterable[str] | None = None,
        arguments: Mapping[str, Constraint] | None = None,
        delegate_only: bool | None = None,
        **constraints: Constraint,
    ) -> Capability:
        """Return a capability within this one; what is not given is copied.

        Args:
            tool: A narrower tool pattern.
            resources: Narrower resource patterns.
            arguments: Constraints by name, for names that are no Python identifiers.
            delegate_only: Whether its holder may only hand it on.
            constraints: Narrower constraints by argument name.

        Raises:
            WiderThanParentError: The result would admit more than this capability.
        """
        child = Capability(
            self.tool if tool is None else tool_pattern(tool),
            self.resources if resources is None else tuple(map(resource_pattern, resources)),
            {**self.arguments, **(arguments or {}), **constraints},
            self.delegate_only if delegate_only is None else delegate_only,
        )
        if (refusal := self.refuses_child(child)) is not None:
            raise WiderThanParentError(
                refusal.code, refusal.field, refusal.message, remedy=refusal.remedy
            )
        return child

    def to_json(self) -> dict[str, Json]:
        """Return the capability's JSON, every field present; `delegate_only` only where it is so."""
        body: dict[str, Json] = {
            "tool": self.tool.text,
            "resources": [pattern.text for pattern in self.resources],
            "arguments": {name: c.to_json() for name, c in self.arguments.items()},
        }
        return {**body, _HANDING: True} if self.delegate_only else body

    @classmethod
    def from_json(cls, value: Json, *, version: int | None = None) -> Capability:
        """Return the capability that this JSON states.

        Args:
            value: An object of a capability's members.
            version: The payload version that it stands in; None where people write it.

        Raises:
            MalformedError: A field is missing, unknown or of another form.
        """
        # A chain repeats its capabilities from link to link; what one text states never changes.
        try:
            text = canonical.text_of(value)
        except (RecursionError, TypeError, ValueError) as error:
            raise MalformedError("A capability", wanted="JSON, nested a few deep") from error
        if (known := _KNOWN.get((version, text))) is None:
            known = cls._read(value, version)
            if len(text) <= _KNOWN_CHARACTERS:
                if len(_KNOWN) >= _MOST_KNOWN:
                    _KNOWN.clear()
                _KNOWN[version, text] = known
        return known

    @classmethod
    def _read(cls, value: Json, version: int | None) -> Capability:
        is_handed = isinstance(value, dict) and value.get(_HANDING) is True
        fields = _FIELDS | {_HANDING} if is_handed and version != 1 else _FIELDS
        body = closed_object("A capability", value, fields)
        arguments = body["arguments"]
        if not isinstance(arguments, dict):
            raise MalformedError("arguments", wanted="an object of constraints")
        texts = list_of("resources", body["resources"], MAX_RESOURCES)
        return cls(
            tool_pattern(matching_text("tool", body["tool"], r"[!-~]+", "a pattern")),
            tuple(
                resource_pattern(matching_text("resources", text, r"[!-~]+", "patterns"))
                for text in texts
            ),
            {name: parse_constraint(one, version=version) for name, one in arguments.items()},
            is_handed,
        )


# By payload version and canonical text: values, never verdicts.
_KNOWN: Final[dict[tuple[int | None, str], Capability]] = {}


def may(
    tool: str,
    /,
    *,
    resources: Iterable[str] = (),
    arguments: Mapping[str, Constraint] | None = None,
    delegate_only: bool = False,
    **constraints: Constraint,
) -> Capability:
    """Return a capability, written as one would say it: `may("mail.send", to=email("acme.example"))`.

    Args:
        tool: Tool name or pattern.
        resources: Resource patterns; none admits only calls that touch no resource.
        arguments: Constraints by name, for names that are no Python identifiers.
        delegate_only: Whether its holder may only hand it on to other agents.
        constraints: Constraints by argument name.

    Raises:
        MalformedError: A name or pattern has another form.
    """
    return Capability(
        tool_pattern(tool),
        tuple(map(resource_pattern, resources)),
        {**(arguments or {}), **constraints},
        delegate_only,
    )
