"""Describes the catalogue of tools and what a call of each means, as immutable revisions.

A root link pins the revision that its grant speaks of. A tool that was redefined since is judged by
both definitions, the stricter counts; a tool that the pinned revision does not know is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeVar

from delegation.authority.alias import (
    MAX_ALIASES,
    RESERVED_PREFIX,
    Names,
    aliases_of,
)
from delegation.authority.argument import Argument, cut, read_argument, refuse_value
from delegation.authority.arguments import ArgumentType, NoCanonicalFormError
from delegation.authority.arguments.member import most_alike, place_of, shown_name
from delegation.authority.cost import amount_of, refuse_rule
from delegation.authority.fields import (
    MAX_UNITS,
    UNIT,
    closed_object,
    integer,
    list_of,
    listed,
    matching_text,
)
from delegation.authority.flow import LABEL, MAX_LABELS, matches
from delegation.authority.grant import EFFECTS, MAX_SENSITIVITY, Effect
from delegation.authority.pattern import TOOL_NAME
from delegation.authority.refusal import Refusal
from delegation.authority.resource_labels import MAX_RESOURCE_LABELS, ResourceLabels, labels_of
from delegation.authority.resource_template import filled, placeholders, refuse_ambiguous
from delegation.canonical import Json
from delegation.errors import ConflictError, MalformedError

Entry = TypeVar("Entry", bound="Tool | ResourceLabels")
MAX_SHOWN: Final = 32  # arguments that a refusal names
_WORD: Final = re.compile(r"[a-z0-9._-]{0,64}")
FIELDS: Final = frozenset(
    {"name", "effect", "system", "domain", "labels", "sensitivity", "arguments", "resource", "cost"}
    | {"aliases"}
)


@dataclass(frozen=True, slots=True, init=False)
class Tool:
    """One callable action, as the catalogue defines it.

    Args:
        name: Dotted name such as `crm.contacts.read`.
        effect: `read`, `write`, `delete`, `admin` or `actuate`.
        arguments: Type by name; a name that ends in `?` is optional. A type is an `ArgumentType`
            or its JSON (`"email"`, `{"type": "list", "of": "email"}`).
        system: Which system it acts on.
        domain: Which business domain that belongs to.
        labels: What a call brings into a task's history, such as `pii` or `external`.
        sensitivity: 0 public, 1 internal, 2 confidential, 3 restricted.
        resource: Template of the resources a call touches, such as `mail:acme/{mailbox}`. Each
            placeholder is a required argument and fills part of one segment; two in one segment
            have `:`, `@` or `+` between them, which no value holds there.
        cost: Minor units by unit: a constant; the name of a required number argument, also times a
            whole number (`amount*100` makes cents of euros); or None where only the service knows
            it, after the call: the holder's `max_cost` is reserved.
        aliases: Names that it has elsewhere, such as `getUser`, under which calls may name it.

    Raises:
        MalformedError: A field has another form, or a placeholder or cost names no such argument.
    """

    name: str
    effect: Effect
    arguments: Mapping[str, Argument]
    system: str
    domain: str
    labels: tuple[str, ...]
    sensitivity: int
    resource: str | None
    cost: Mapping[str, int | str | None]
    aliases: tuple[str, ...]
    marks: tuple[str, ...] = field(repr=False, compare=False)
    _placeholders: tuple[str, ...] = field(repr=False, compare=False)

    def __init__(  # the fields of a definition, all but two with defaults
        self,
        name: str,
        *,
        effect: str,
        arguments: Mapping[str, Json | ArgumentType | Argument] | None = None,
        system: str = "",
        domain: str = "",
        labels: tuple[str, ...] | list[str] = (),
        sensitivity: int = 0,
        resource: str | None = None,
        cost: Mapping[str, int | str | None] | None = None,
        aliases: Sequence[str] = (),
    ) -> None:
        if effect not in EFFECTS:
            raise MalformedError("effect", wanted="one of " + ", ".join(EFFECTS))
        if not isinstance(arguments or {}, Mapping):
            raise MalformedError("arguments", wanted='types by name, such as {"order": "opaque"}')
        given = dict(read_argument(key, value) for key, value in (arguments or {}).items())
        if len(given) != len(arguments or {}):
            raise MalformedError("arguments", wanted="names that differ")
        values: dict[str, object] = {
            "name": matching_text("name", name, TOOL_NAME, "a dotted lower-case tool name"),
            "effect": effect,
            "arguments": MappingProxyType(dict(sorted(given.items()))),
            "system": matching_text("system", system, _WORD, "a lower-case word"),
            "domain": matching_text("domain", domain, _WORD, "a lower-case word"),
            "labels": tuple(
                sorted(
                    {
                        matching_text("labels", label, LABEL, "lower-case words")
                        for label in listed("labels", labels)
                    }
                )
            ),
            "sensitivity": integer("sensitivity", sensitivity, 0, MAX_SENSITIVITY),
            "resource": resource,
            "cost": MappingProxyType(_cost(cost or {}, given)),
            "aliases": aliases_of(name, list(listed("aliases", aliases))),
            "_placeholders": placeholders(resource, given),
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)
        # What a call of it leaves in its task's history, whatever it is called with. A system that
        # nobody declared counts as one of its own.
        kinds = (f"tool:{name}", f"effect:{effect}", f"system:{system}", f"domain:{domain}")
        object.__setattr__(self, "marks", tuple(sorted({*self.labels, *kinds})))

    def canonicalise(
        self, arguments: Mapping[str, Json], special: dict[str, str] | None = None
    ) -> dict[str, Json] | Refusal:
        """Return the arguments in canonical form, or why they have none.

        Nothing but the result may be judged or executed. Where `special` is given, special hosts
        are read too: each argument that holds one goes there, with the code that refuses it.
        """
        canonical: dict[str, Json] = {}
        for name, value in arguments.items():
            if (argument := self.arguments.get(name)) is None:
                return self._unknown(name)
            if value is None and not argument.is_nullable:
                continue  # null is absence where it is no value
            try:
                canonical[name] = argument.read(name, value, special)
            except NoCanonicalFormError as error:
                return refuse_value(name, argument, value, error)
        for name, argument in self.arguments.items():
            if argument.required and name not in canonical:
                return self._missing(name, argument, is_null=name in arguments)
        return canonical

    def _unknown(self, name: str) -> Refusal:
        known = sorted(self.arguments)
        said, near = shown_name(name), most_alike(name, known)
        wanted = ", ".join(map(shown_name, known[:MAX_SHOWN]))
        takes = f"the arguments {wanted}" if known else "no arguments"
        return Refusal(
            "argument_unknown",
            f"The tool {self.name} has no argument {said}.",
            f"arguments{place_of(name)}",
            None,
            [*known],
            cut(
                f"Name it {shown_name(near)}, or leave it out."
                if near
                else f"Leave {said} out: {self.name} takes {takes}."
            ),
            cut(takes),
        )

    def _missing(self, name: str, argument: Argument, *, is_null: bool) -> Refusal:
        why = "which is null here, and null is none." if is_null else "and the call has none."
        return Refusal(
            "argument_missing",
            f"The tool {self.name} needs the argument {shown_name(name)}, {why}",
            f"arguments{place_of(name)}",
            None,
            argument.type.to_json(),
            cut(f"For {shown_name(name)}, send {argument.type.wanted}."),
            cut(argument.type.wanted),
        )

    def resources_of(self, canonical: Mapping[str, Json]) -> tuple[str, ...] | Refusal:
        """Return every resource that a call touches: one for each item of a list argument.

        A value fills part of one segment: everything else than letters, digits and `-._~` is
        percent-encoded, so no value can add a segment or a wildcard.
        """
        return () if self.resource is None else filled(self.resource, self._placeholders, canonical)

    def cost_of(self, canonical: Mapping[str, Json]) -> dict[str, int] | Refusal:
        """Return what a call costs by unit, in minor units; `calls` is not among them.

        Nor are the units that only the service will know (`settled_units`).
        """
        costs: dict[str, int] = {}
        for unit, rule in self.cost.items():
            if rule is None:
                continue
            amount = rule if isinstance(rule, int) else amount_of(unit, rule, canonical)
            if isinstance(amount, Refusal):
                return amount
            costs[unit] = amount
        return costs

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The arguments of which the resource template makes resources."""
        return self._placeholders

    @property
    def settled_units(self) -> tuple[str, ...]:
        """The units of which the service tells the cost after the call."""
        return tuple(unit for unit, rule in self.cost.items() if rule is None)

    def to_json(self) -> dict[str, Json]:
        """Return the definition's JSON, every field present; `aliases` where there are any."""
        return {
            "name": self.name,
            "effect": self.effect,
            "system": self.system,
            "domain": self.domain,
            "labels": list(self.labels),
            "sensitivity": self.sensitivity,
            "arguments": {
                name + ("" if argument.required else "?"): argument.type.to_json()
                for name, argument in self.arguments.items()
            },
            "resource": self.resource,
            "cost": dict(self.cost),
            **({"aliases": list(self.aliases)} if self.aliases else {}),
        }

    @classmethod
    def from_json(cls, value: Json) -> Tool:
        """Return the tool that this JSON defines; fields with a default may be left out.

        Raises:
            MalformedError: A field is unknown or has another form, or name or effect is missing.
        """
        if not isinstance(value, dict) or not {"name", "effect"} <= value.keys() <= FIELDS:
            raise MalformedError("A tool", wanted=f"an object of {', '.join(sorted(FIELDS))}")
        defaults: dict[str, Json] = {
            "system": "", "domain": "", "labels": [], "sensitivity": 0,
            "arguments": {}, "resource": None, "cost": {}, "aliases": [],
        }  # fmt: skip
        body = closed_object("A tool", {**defaults, **value}, FIELDS)
        if not isinstance(body["arguments"], dict) or not isinstance(body["cost"], dict):
            raise MalformedError("A tool", wanted="one whose arguments and cost are objects")
        labels = list_of("labels", body["labels"], MAX_LABELS)
        return cls(
            body["name"],  # type: ignore[arg-type]  # checked by __init__, as all below
            effect=body["effect"],  # type: ignore[arg-type]
            arguments=body["arguments"],
            system=body["system"],  # type: ignore[arg-type]
            domain=body["domain"],  # type: ignore[arg-type]
            labels=labels,  # type: ignore[arg-type]
            sensitivity=body["sensitivity"],  # type: ignore[arg-type]
            resource=body["resource"],  # type: ignore[arg-type]
            cost=body["cost"],  # type: ignore[arg-type]
            aliases=list_of("aliases", body["aliases"], MAX_ALIASES),  # type: ignore[arg-type]
        )


def _cost(
    cost: Mapping[str, int | str | None], arguments: Mapping[str, Argument]
) -> dict[str, int | str | None]:
    if len(cost) > MAX_UNITS:
        raise MalformedError("cost", wanted=f"at most {MAX_UNITS} units")
    for unit, rule in cost.items():
        matching_text("cost unit", unit, UNIT, "a lower-case word")
        if unit == "calls":
            raise MalformedError("cost", wanted="money or another unit: each call counts as one")
        if isinstance(rule, str):
            refuse_rule(unit, rule, arguments)
        elif rule is not None:
            integer(f"cost.{unit}", rule, 0)
    return dict(sorted(cost.items()))


def _upto(
    history: Mapping[str, tuple[tuple[int, Entry], ...]], revision: int
) -> dict[str, tuple[tuple[int, Entry], ...]]:
    known = {name: tuple(e for e in all_ if e[0] <= revision) for name, all_ in history.items()}
    return {name: entries for name, entries in known.items() if entries}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All tools and labelled resources, with every definition each ever had.

    Args:
        revision: Number of the newest revision; 0 is empty.
        history: For each tool its definitions, oldest first, with the revision that brought them.
        resources: The same for each resource pattern that has labels.
    """

    revision: int = 0
    history: Mapping[str, tuple[tuple[int, Tool], ...]] = field(default_factory=dict)
    resources: Mapping[str, tuple[tuple[int, ResourceLabels], ...]] = field(default_factory=dict)
    _marks: list[frozenset[str]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )
    _names: list[Names] = field(default_factory=list, init=False, repr=False, compare=False)

    def upto(self, revision: int) -> Catalogue:
        """Return the catalogue as it was at a revision; itself where that is the newest or later."""
        if revision >= self.revision:
            return self
        return Catalogue(revision, _upto(self.history, revision), _upto(self.resources, revision))

    def tool(self, name: str, at: int | None = None) -> Tool | None:
        """Return the definition of a tool, or None if there is (or was) none.

        Args:
            name: Exact tool name.
            at: A revision; None for the newest.
        """
        entries = reversed(self.history.get(name, ()))
        return next((tool for n, tool in entries if at is None or n <= at), None)

    @property
    def names(self) -> Names:
        """Whose each name and alias is, at any revision."""
        if not self._names:
            self._names.append(Names(self.history))
        return self._names[0]

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The newest definition of each tool, by name."""
        return tuple(self.history[name][-1][1] for name in sorted(self.history))

    def labels_of(self, resources: Sequence[str], pinned: int) -> frozenset[str]:
        """Return the labels of resources, as the pinned revision and the newest have them."""
        return labels_of(self.resources.values(), resources, pinned)

    def knows(self, term: str) -> bool:
        """Return whether any definition ever was what the flow rules' term speaks of."""
        if not self._marks:
            tools = (tool for entries in self.history.values() for _, tool in entries)
            named = (entry for entries in self.resources.values() for _, entry in entries)
            marks = {mark for tool in tools for mark in tool.marks}
            self._marks.append(frozenset(marks.union(*(entry.labels for entry in named))))
        known = self._marks[0]
        return term.startswith("effect:") or term in known or any(matches(term, m) for m in known)

    def with_tool(self, tool: Tool) -> Catalogue:
        """Return the catalogue with one more revision; an equal definition adds none.

        Raises:
            ConflictError: The name is reserved for requests to the service itself, or it or an
                alias is another tool's name or alias.
            MalformedError: Its resource template makes one name of different arguments.
        """
        refuse_ambiguous(tool.resource)
        if tool.name.startswith(RESERVED_PREFIX):
            raise ConflictError(f"Tool names that begin with {RESERVED_PREFIX} are reserved.")
        for name in (tool.name, *tool.aliases):
            if (other := self.names.meant(name, self.revision)) not in {"", tool.name}:
                raise ConflictError(f"{name} is a name of the tool {other} already.")
        if (known := self.tool(tool.name)) == tool:
            return self
        revision = self.revision + 1
        entries = (*self.history.get(tool.name, ()), (revision, tool))
        made = Catalogue(revision, {**self.history, tool.name: entries}, self.resources)
        had = () if known is None else known.aliases
        made._names.append(self.names.after(revision, tool.name, had, tool.aliases))
        return made

    def with_resource(self, entry: ResourceLabels) -> Catalogue:
        """Return the catalogue with one more revision; an equal declaration adds none.

        Raises:
            ConflictError: There are as many patterns as a call is held against.
        """
        text = entry.pattern.text
        if (before := self.resources.get(text, ())) and before[-1][1] == entry:
            return self
        if not before and len(self.resources) >= MAX_RESOURCE_LABELS:
            raise ConflictError(f"At most {MAX_RESOURCE_LABELS} resource patterns have labels.")
        revision = self.revision + 1
        entries = {**self.resources, text: (*before, (revision, entry))}
        return Catalogue(revision, self.history, entries)
