"""Defines a grant: everything that one link passes on. Closed world: what it does not name is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, TypeVar, cast, get_args

from delegation.authority.approval import ApprovalRule
from delegation.authority.capability import Capability
from delegation.authority.fields import (
    AUDIENCE,
    PURPOSE,
    closed_object,
    integer,
    list_of,
    listed,
    matching_text,
    units,
)
from delegation.authority.flow import FlowRule, parse_flow_rule, version_of
from delegation.authority.narrowing import refuse_wider
from delegation.canonical import Json, same
from delegation.errors import MalformedError, WiderThanParentError

Effect: TypeAlias = Literal["read", "write", "delete", "admin", "actuate"]
EFFECTS: Final[tuple[Effect, ...]] = get_args(Effect)

MAX_CAPABILITIES: Final = 64
MAX_AUDIENCES: Final = 32
MAX_RULES: Final = 32
MAX_CAVEATS: Final = 256  # over all lists of one grant: bounds narrowing, which compares pairs
MAX_SENSITIVITY: Final = 3  # 0 public, 1 internal, 2 confidential, 3 restricted
MAX_DELEGATIONS: Final = 15  # a chain has at most 16 links

FIELDS: Final = (
    "capabilities",
    "effects",
    "max_sensitivity",
    "audience",
    "purpose",
    "not_before",
    "expires_at",
    "delegations_left",
    "budget",
    "needs_approval",
    "flow",
)
_FIELD_SET: Final = frozenset(FIELDS)
Item = TypeVar("Item")
_EFFECT: Final = re.compile("|".join(EFFECTS))


@dataclass(frozen=True, slots=True, init=False)
class Grant:
    """A grant: what a holder may do, until when, how often, and how much may be handed on.

    Fields that are left out are *unset*: `narrow` and `filled_from` copy them from the parent
    (`delegations_left` minus one); a task's ceiling gets nothing that it does not name.

    Args:
        capabilities: The calls that are admitted; an empty list is valid and admits nothing.
        effects: Effects that tools may have.
        max_sensitivity: The highest sensitivity of a tool, 0 to 3.
        audience: Services that may act on it, compared as exact text.
        purpose: Slash path; empty restricts none. A call's purpose must be it or below it.
        not_before: First second at which it holds, Unix seconds.
        expires_at: First second at which it no longer holds, Unix seconds.
        delegations_left: How many further links may follow, 0 to 15.
        budget: Ceilings by unit: `calls` and money in minor units. A unit that is missing here is
            still bounded by the links above.
        needs_approval: Rules of consent, all of which hold.
        flow: Rules of sequence, all of which hold.

    Raises:
        MalformedError: A field has another form, or the whole has more than 256 caveats.
    """

    capabilities: tuple[Capability, ...]
    effects: tuple[Effect, ...]
    max_sensitivity: int
    audience: tuple[str, ...]
    purpose: str
    not_before: int
    expires_at: int
    delegations_left: int
    budget: Mapping[str, int]
    needs_approval: tuple[ApprovalRule, ...]
    flow: tuple[FlowRule, ...]
    unset: frozenset[str] = field(compare=False)

    def __init__(
        self,
        capabilities: Iterable[Capability] | None = None,
        *,
        effects: Iterable[str] | None = None,
        max_sensitivity: int | None = None,
        audience: Iterable[str] | None = None,
        purpose: str | None = None,
        not_before: int | None = None,
        expires_at: int | None = None,
        delegations_left: int | None = None,
        budget: Mapping[str, int] | None = None,
        needs_approval: Iterable[ApprovalRule] | None = None,
        flow: Iterable[FlowRule] | None = None,
    ) -> None:
        given = {
            "capabilities": capabilities,
            "effects": effects,
            "max_sensitivity": max_sensitivity,
            "audience": audience,
            "purpose": purpose,
            "not_before": not_before,
            "expires_at": expires_at,
            "delegations_left": delegations_left,
            "budget": budget,
            "needs_approval": needs_approval,
            "flow": flow,
        }
        for name in ("capabilities", "effects", "audience", "needs_approval", "flow"):
            listed(name, cast("Iterable[object]", _or(given[name], ())))
        unset = frozenset(name for name, value in given.items() if value is None)
        values: dict[str, object] = {
            "capabilities": tuple(_or(capabilities, ())),
            "effects": tuple(
                sorted(
                    {
                        matching_text("effects", e, _EFFECT, f"of {EFFECTS}")
                        for e in _or(effects, ())
                    }
                )
            ),
            "max_sensitivity": integer(
                "max_sensitivity", _or(max_sensitivity, 0), 0, MAX_SENSITIVITY
            ),
            "audience": _audience(_or(audience, ())),
            "purpose": matching_text(
                "purpose", _or(purpose, ""), PURPOSE, "a slash path of lower-case words, or empty"
            ),
            "not_before": integer("not_before", _or(not_before, 0), 0),
            "expires_at": integer("expires_at", _or(expires_at, 0), 0),
            "delegations_left": integer(
                "delegations_left", _or(delegations_left, 0), 0, MAX_DELEGATIONS
            ),
            "budget": units("budget", _or(budget, {})),
            "needs_approval": tuple(_or(needs_approval, ())),
            "flow": tuple(_or(flow, ())),
            "unset": unset,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._refuse_excess()

    def _refuse_excess(self) -> None:
        for name, most in (
            ("capabilities", MAX_CAPABILITIES),
            ("audience", MAX_AUDIENCES),
            ("needs_approval", MAX_RULES),
            ("flow", MAX_RULES),
        ):
            if len(getattr(self, name)) > most:
                raise MalformedError(name, wanted=f"at most {most} entries")
        if self.caveat_count > MAX_CAVEATS:
            raise MalformedError("The grant", wanted=f"at most {MAX_CAVEATS} caveats")

    @property
    def caveat_count(self) -> int:
        """How many single restrictions the grant states."""
        return (
            sum(1 + len(c.resources) + len(c.arguments) for c in self.capabilities)
            + len(self.needs_approval)
            + sum(max(1, len(list(rule.terms()))) for rule in self.flow)
            + len(self.budget)
        )

    @property
    def is_complete(self) -> bool:
        """Whether every field is set, as a link's payload demands."""
        return not self.unset

    @property
    def version(self) -> int:
        """The lowest payload version that can state it."""
        return max(
            [
                1,
                *(capability.version for capability in self.capabilities),
                *(pattern.version for rule in self.needs_approval for pattern in rule.tools),
                *(version_of(term) for rule in self.flow for term in rule.terms()),
            ]
        )

    def opened(self, at: int) -> Grant:
        """Return this grant with bounds that are relative to the opening of a task fixed.

        Args:
            at: When the task was opened, Unix seconds.
        """
        fixed = [capability.opened(at) for capability in self.capabilities]
        if fixed == [*self.capabilities]:
            return self
        fields = {name: getattr(self, name) for name in FIELDS if name not in self.unset}
        return Grant(**{**fields, "capabilities": fixed})

    def filled_from(self, parent: Grant) -> Grant:
        """Return this grant with unset fields copied from the parent (delegations minus one).

        Not checked here: whether the result is within the parent (`narrowing.refuse_wider`).

        Raises:
            WiderThanParentError: `delegations_left` is unset and the parent has none left.
        """
        if not self.unset:
            return self
        fields = {name: getattr(self, name) for name in FIELDS if name not in self.unset}
        fields |= {name: getattr(parent, name) for name in self.unset - {"delegations_left"}}
        if "delegations_left" in self.unset:
            if parent.delegations_left == 0:
                raise WiderThanParentError(
                    "delegations_exhausted",
                    "delegations_left",
                    "The parent may not be delegated any further.",
                    remedy="Ask the delegator above for a grant with delegations left.",
                )
            fields["delegations_left"] = parent.delegations_left - 1
        return Grant(**fields)

    def narrow(
        self, capabilities: Iterable[Capability] | None = None, /, **fields: object
    ) -> Grant:
        """Return a grant within this one; unset fields are copied (`delegations_left` minus one).

        Args:
            capabilities: The child's capabilities, each within one of this grant's.
            fields: Any other field of a grant, by name.

        Raises:
            WiderThanParentError: A field would admit more than this grant. Nothing is clipped.
            MalformedError: A field has another form.
        """
        child = Grant(capabilities, **fields).filled_from(self)  # type: ignore[arg-type]  # by name
        if (refusal := refuse_wider(child, self)) is not None:
            raise WiderThanParentError(
                refusal.code, refusal.field, refusal.message, remedy=refusal.remedy
            )
        return child

    def to_json(self) -> dict[str, Json]:
        """Return the grant's JSON, every field present; unset fields as the nothing they admit."""
        return {
            "capabilities": [c.to_json() for c in self.capabilities],
            "effects": list(self.effects),
            "max_sensitivity": self.max_sensitivity,
            "audience": list(self.audience),
            "purpose": self.purpose,
            "not_before": self.not_before,
            "expires_at": self.expires_at,
            "delegations_left": self.delegations_left,
            "budget": dict(self.budget),
            "needs_approval": [rule.to_json() for rule in self.needs_approval],
            "flow": [rule.to_json() for rule in self.flow],
        }

    @classmethod
    def from_json(cls, value: Json, *, partial: bool = False, version: int | None = None) -> Grant:
        """Return the grant that this JSON states.

        Args:
            value: An object of the grant's fields.
            partial: Whether fields may be left out, as people write them; never for a payload.
            version: The payload version that it stands in; None where people write it.

        Raises:
            MalformedError: A field is missing, unknown or of another form.
        """
        if partial:
            if not isinstance(value, dict) or not value.keys() <= _FIELD_SET:
                raise MalformedError("A grant", wanted=f"an object of {', '.join(FIELDS)}")
            body = value
        else:
            body = closed_object("A grant", value, _FIELD_SET)
            # `None` means unset to the constructor: in a payload it is no value of any field.
            if any(member is None for member in body.values()):
                raise MalformedError("A grant", wanted="an object without null fields")
        grant = cls(
            _each(
                body,
                "capabilities",
                MAX_CAPABILITIES,
                lambda one: Capability.from_json(one, version=version),
            ),
            effects=_texts(body, "effects", len(EFFECTS)),
            max_sensitivity=body.get("max_sensitivity"),  # type: ignore[arg-type]  # see __init__
            audience=_texts(body, "audience", MAX_AUDIENCES),
            purpose=body.get("purpose"),  # type: ignore[arg-type]
            not_before=body.get("not_before"),  # type: ignore[arg-type]
            expires_at=body.get("expires_at"),  # type: ignore[arg-type]
            delegations_left=body.get("delegations_left"),  # type: ignore[arg-type]
            budget=body.get("budget"),  # type: ignore[arg-type]
            needs_approval=_each(body, "needs_approval", MAX_RULES, ApprovalRule.from_json),
            flow=_each(body, "flow", MAX_RULES, parse_flow_rule),
        )
        if version is not None and grant.version > version:
            raise MalformedError("A grant", wanted=f"in a form of payload version {version}")
        # One spelling: what was sorted, dropped or read as a default above had another.
        if not partial and not same(grant.to_json(), value):
            raise MalformedError("A grant", wanted="in its canonical order")
        return grant


def _or(value: Item | None, default: Item) -> Item:
    """Only what is unset has a default: `False` for a purpose would restrict none."""
    return default if value is None else value


def _audience(entries: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        sorted(
            {
                matching_text("audience", e, AUDIENCE, "1 to 300 printable ASCII characters")
                for e in entries
            }
        )
    )


def _texts(body: Mapping[str, Json], name: str, most: int) -> list[str] | None:
    return _each(body, name, most, lambda item: matching_text(name, item, r"[!-~]+", "texts"))


def _each(
    body: Mapping[str, Json], name: str, most: int, read: Callable[[Json], Item]
) -> list[Item] | None:
    if body.get(name) is None:
        return None
    return [read(item) for item in list_of(name, body[name], most)]
