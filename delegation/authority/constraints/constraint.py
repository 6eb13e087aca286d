"""Defines a constraint: which canonical values it admits, and when it lies within another.

`is_within` is sound for every pair of kinds: it is never true when a value exists that the child
admits and the parent does not. Where inclusion is not proven it is refused. A special host
(`arguments.special_hosts`) is admitted only where it is named exactly, so a child that names one
which its parent only covers, by a suffix, a network or `any`, is wider than it. A kind is a module of
this package and one line in `table`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from enum import Enum
from typing import ClassVar, Final, Literal, TypeAlias

from delegation.authority.arguments import ArgumentType, parts_of
from delegation.authority.constraints.literal import same, spell
from delegation.authority.constraints.wording import Wording
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_VALUES: Final = 256  # literals in one list
MAX_MEMBERS: Final = 64  # constraints within one constraint, at all levels together
MAX_DEPTH: Final = 8  # constraints within constraints, of payload version 2
FIRST_DEPTH: Final = 4  # of version 1
MAX_COMBINED: Final = 3  # `all` and `any_of` within one another: inclusion is tried along each way
MAX_PROBES: Final = 128  # values that a search for a witness tries
SPELLED: Final = "spelled"  # what the literal kinds stand under where their literals are spelled


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""What an argument is that was not given; null is a value where the type is nullable."""

Value: TypeAlias = Json | Literal[Absent.ABSENT]


class Constraint(ABC):
    """One restriction on one argument. Subclasses are frozen values, one for each kind."""

    __slots__ = ()
    kind: ClassVar[str]
    since: ClassVar[int] = 1

    @property
    def version(self) -> int:
        """The lowest payload version that can say it: its kind's, its depth's, or of what it is made of."""
        of_depth = 1 if self.depth <= FIRST_DEPTH else 2
        return max([self.since, of_depth, *(member.version for member in self.members())])

    @property
    def depth(self) -> int:
        """How deep it is nested; 1 where it is made of no other."""
        return 1 + max((member.depth for member in self.members()), default=0)

    @property
    def combined(self) -> int:
        """How many of it are `all` or `any_of` at most on a way inwards."""
        inside = max((member.combined for member in self.members()), default=0)
        return inside + (self.kind in {"all", "any_of"})

    @abstractmethod
    def admits(self, value: Value) -> bool:
        """Return whether a canonical value, or the absence of one, is admitted.

        Not checked here: that the value is canonical under its argument's type (`fits`).
        """

    @abstractmethod
    def fits(self, of: ArgumentType) -> bool:
        """Return whether this may constrain an argument of that type.

        A path constraint on plain text would compare what nobody canonicalised.
        """

    def suits(self, of: ArgumentType) -> bool:
        """Return whether it fits an argument's type, or one of those that an `either` is made of.

        No value is read by two of them, and one of another kind of JSON is what no kind of constraint
        admits that compares a value's parts.
        """
        return self.fits(of) or any(map(self.fits, parts_of(of)))

    @abstractmethod
    def body(self) -> Json:
        """Return what stands behind the kind in its JSON."""

    @abstractmethod
    def _wording(self, of: ArgumentType | None) -> Wording: ...

    def wording(self, of: ArgumentType | None = None) -> Wording:
        """Return it in words, which follow "must be" or stand alone.

        Args:
            of: The argument's type where it is known: amounts of money are said with their currency.
        """
        return self._wording(of)

    @abstractmethod
    def probes(self) -> Iterable[Value]:
        """Return values at, just inside and just outside its bounds, for finding witnesses."""

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether this kind's own rule proves it within a parent that is no combination."""
        return False

    def finite(self) -> tuple[Json, ...] | None:
        """Return every value that is admitted, if they can be listed."""
        return None

    def members(self) -> tuple[Constraint, ...]:
        """Return the constraints that this one is made of."""
        return ()

    def opened(self, at: int) -> Constraint:
        """Return it with bounds that are relative to the opening of a task fixed.

        Args:
            at: When the task was opened, Unix seconds.
        """
        return self

    def names_special(self, value: Value) -> bool:
        """Return whether a canonical value that holds a special host is admitted, for it is named.

        Only `host` and `url` name one, alone, in combinations and for each item of a list: what
        the text of another kind means depends on the argument's type, which a grant does not know.
        """
        return False

    def special_parts(self) -> tuple[Constraint, ...]:
        """Return what names special hosts in this: parts that together admit all of them."""
        return ()

    def holds_special(self, part: Constraint) -> bool:
        """Return whether this names every special host that such a part names."""
        return False

    def is_within(self, parent: Constraint) -> bool:
        """Return whether everything that this admits is admitted by the parent. Sound, not complete.

        Args:
            parent: The constraint on the same argument, one link above.
        """
        return self == parent or (
            self.is_covered(parent)
            and all(parent.holds_special(part) for part in self.special_parts())
        )

    def is_covered(self, parent: Constraint) -> bool:
        """Return whether every value that is not special is admitted by the parent too."""
        if parent.kind == "any" or self == parent:
            return True
        if parent.kind == "all":
            return all(self.is_covered(clause) for clause in parent.members())
        if self.kind == "any_of":
            return all(member.is_covered(parent) for member in self.members())
        values = self.finite()
        if values is not None:
            return all(parent.admits(value) for value in values)
        if self.kind == "absent":
            return parent.admits(ABSENT)
        if self.kind == "all" and any(clause.is_covered(parent) for clause in self.members()):
            return True
        if parent.kind == "any_of":
            return any(self.is_covered(member) for member in parent.members())
        return self.kind != "all" and self.lies_within(parent)

    def witness(self, parent: Constraint) -> Value | None:
        """Return a smallest value found that this admits and the parent does not.

        None proves nothing: it was not found. What is returned was tried.
        """
        found = [
            value
            for value in _first([*self.probes(), *parent.probes()])
            if self.admits(value) and not parent.admits(value)
        ]
        found += [
            value
            for part in self.special_parts()
            for value in part.probes()
            if self.names_special(value)
            and part.names_special(value)
            and not parent.names_special(value)
        ]
        return min(found, key=_size, default=None)

    def to_json(self) -> Json:
        """Return the constraint's JSON, an object of exactly one member."""
        return {self.kind: self.body()}


def _first(values: Iterable[Value]) -> list[Value]:
    return list(values)[: 2 * MAX_PROBES]


def _size(value: Value) -> tuple[int, bytes]:
    if value is ABSENT:
        return (0, b"")
    data = spell(value).encode()
    return (len(data), data)


def refuse_deep(constraint: Constraint) -> None:
    """Refuse what is nested deeper than a payload holds.

    Raises:
        MalformedError: It is.
    """
    if constraint.depth > MAX_DEPTH:
        raise MalformedError("A constraint", wanted=f"nested at most {MAX_DEPTH} deep")
    if constraint.combined > MAX_COMBINED:
        wanted = f"made of at most {MAX_COMBINED} of all_of and any_of within one another"
        raise MalformedError("A constraint", wanted=wanted)


def contains_same(values: Iterable[Json], value: Value) -> bool:
    """Return whether a value is among others, types included: `1` is not `True`."""
    return value is not ABSENT and any(same(value, other) for other in values)
