"""Constrains where something goes: `host`, `cidr`, `email`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from delegation.authority.arguments import ArgumentType, NoCanonicalFormError
from delegation.authority.arguments.email import canonical_email
from delegation.authority.arguments.host import (
    address_of,
    canonical_host,
    is_mapped,
    is_special_host,
)
from delegation.authority.arguments.special_hosts import Network
from delegation.authority.constraints.constraint import Constraint, Value
from delegation.authority.constraints.place import entries
from delegation.authority.constraints.wording import Wording, names, one_of_texts
from delegation.canonical import Json
from delegation.errors import MalformedError


def refuse_odd_name(what: str, entry: str) -> None:
    """Refuse an entry that is neither a canonical host nor `*.` before a canonical name.

    Raises:
        MalformedError: It is neither.
    """
    name = entry.removeprefix("*.")
    try:
        canonical = canonical_host(name, special=True)
    except NoCanonicalFormError as error:
        raise MalformedError(what, wanted="canonical host names") from error
    if canonical != name or (name != entry and address_of(name) is not None):
        raise MalformedError(what, wanted="canonical host names, or *. before one")


def name_matches(entry: str, host: str) -> bool:
    """Return whether a host is the entry, or for `*.name` below it; never the bare name."""
    return host.endswith(entry[1:]) if entry.startswith("*.") else host == entry


def name_within(child: str, parent: str) -> bool:
    """Return whether every host of the child's entry is one of the parent's."""
    return child == parent or (
        parent.startswith("*.") and child.removeprefix("*").endswith(parent[1:])
    )


@dataclass(frozen=True, slots=True)
class HostNamed(Constraint):
    """A host that is one of these names, or below one that begins with `*.`.

    Args:
        names: Canonical names or addresses; `*.acme.example` is one or more labels below it. A
            special host is admitted only where it is one of the names.
    """

    kind: ClassVar[str] = "host"
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", entries("host", self.names))
        for name in self.names:
            refuse_odd_name("host names", name)

    def admits(self, value: Value) -> bool:
        """Return whether it is one of those hosts."""
        return isinstance(value, str) and any(name_matches(name, value) for name in self.names)

    def names_special(self, value: Value) -> bool:
        """Return whether it is one of the names: what is below `*.` is not named."""
        return value in self.names

    def special_parts(self) -> tuple[Constraint, ...]:
        """Return each special name or address by itself."""
        return tuple(
            HostNamed((name,))
            for name in self.names
            if not name.startswith("*.") and is_special_host(name)
        )

    def holds_special(self, part: Constraint) -> bool:
        """Return whether the part's names are among these."""
        return isinstance(part, HostNamed) and set(part.names) <= set(self.names)

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is a host's."""
        return of.name == "host"

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether every name is within one of the parent's, or an address in its networks."""
        if isinstance(parent, HostNamed):
            return all(any(name_within(m, p) for p in parent.names) for m in self.names)
        if isinstance(parent, AddressIn):
            return all(not n.startswith("*.") and parent.admits(n) for n in self.names)
        return False

    def body(self) -> Json:
        """Return the names."""
        return {"names": [*self.names]}

    def probes(self) -> Iterable[Value]:
        """Return the names, one below, and one that ends alike."""
        for name in self.names:
            bare = name.removeprefix("*.")
            yield from (bare, f"x.{bare}", f"x{bare}", f"x.y.{bare}")

    def _wording(self, _: ArgumentType | None) -> Wording:
        return Wording(f"the host {one_of_texts(self.names)}", f"host {names(self.names)}")


@dataclass(frozen=True, slots=True)
class AddressIn(Constraint):
    """An address within one of these networks. A name is never admitted: it may resolve anywhere.

    Args:
        networks: Networks in their one spelling, such as `198.51.100.0/24`.
    """

    kind: ClassVar[str] = "cidr"
    networks: tuple[str, ...]
    _parsed: tuple[Network, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "networks", entries("cidr", self.networks))
        try:
            parsed = tuple(map(ipaddress.ip_network, self.networks))
        except ValueError as error:
            raise MalformedError("cidr networks", wanted="networks without host bits") from error
        if tuple(map(str, parsed)) != self.networks or any(
            is_mapped(network.network_address) for network in parsed
        ):
            raise MalformedError("cidr networks", wanted="networks in their one spelling")
        object.__setattr__(self, "_parsed", parsed)

    def admits(self, value: Value) -> bool:
        """Return whether it is an address within one of the networks."""
        address = address_of(value) if isinstance(value, str) and value else None
        return address is not None and any(
            address.version == network.version and address in network for network in self._parsed
        )

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is a host's."""
        return of.name == "host"

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether every network lies in one of the parent's."""
        return isinstance(parent, AddressIn) and all(
            any(_is_subnet(mine, theirs) for theirs in parent._parsed)  # noqa: SLF001
            for mine in self._parsed
        )

    def body(self) -> Json:
        """Return the networks."""
        return {"networks": [*self.networks]}

    def probes(self) -> Iterable[Value]:
        """Return each network's first and last address and the ones beside them."""
        for network in self._parsed:
            for number in (
                int(network.network_address),
                int(network.broadcast_address),
                int(network.network_address) - 1,
                int(network.broadcast_address) + 1,
            ):
                if 0 <= number < 2**network.max_prefixlen:
                    yield str(type(network.network_address)(number))

    def _wording(self, _: ArgumentType | None) -> Wording:
        return Wording(f"an address in {one_of_texts(self.networks)}", f"in {names(self.networks)}")


def _is_subnet(child: Network, parent: Network) -> bool:
    return child.version == parent.version and (
        int(parent.network_address) <= int(child.network_address)
        and int(child.broadcast_address) <= int(parent.broadcast_address)
    )


@dataclass(frozen=True, slots=True)
class EmailAt(Constraint):
    """A mailbox at one of these domains, or one of these mailboxes.

    Args:
        domains: `acme.example` is that domain alone, `*.acme.example` one or more labels below it,
            `ana@acme.example` one mailbox.
    """

    kind: ClassVar[str] = "email"
    domains: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", entries("email", self.domains))
        for entry in self.domains:
            if "@" not in entry:
                refuse_odd_name("email domains", entry)
                continue
            try:
                if canonical_email(entry) != entry:
                    raise MalformedError("email domains", wanted="canonical domains or mailboxes")
            except NoCanonicalFormError as error:
                raise MalformedError("email domains", wanted="domains or mailboxes") from error

    def admits(self, value: Value) -> bool:
        """Return whether it is a mailbox at one of the domains."""
        if not isinstance(value, str) or value.count("@") != 1:
            return False
        domain = value.partition("@")[2]
        return any(
            value == entry if "@" in entry else name_matches(entry, domain)
            for entry in self.domains
        )

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is a mailbox's."""
        return of.name == "email"

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether every entry is within one of the parent's."""
        return isinstance(parent, EmailAt) and all(
            any(_entry_within(mine, theirs) for theirs in parent.domains) for mine in self.domains
        )

    def body(self) -> Json:
        """Return the domains."""
        return {"domains": [*self.domains]}

    def probes(self) -> Iterable[Value]:
        """Return a mailbox at each domain, below it, and at one that ends alike."""
        for entry in self.domains:
            domain = entry.partition("@")[2] or entry.removeprefix("*.")
            yield from (f"x@{domain}", f"x@y.{domain}", f"x@y{domain}")
            if "@" in entry:
                yield entry

    def _wording(self, _: ArgumentType | None) -> Wording:
        whole = one_of_texts(one for one in self.domains if "@" in one)
        at = one_of_texts(one for one in self.domains if "@" not in one)
        must = filter(None, (whole, f"an e-mail address at {at}" if at else ""))
        short = names(one if "@" in one else f"@{one}" for one in self.domains)
        return Wording(" or ".join(must), f"mail {short}" if short.startswith('"') else short)


def _entry_within(child: str, parent: str) -> bool:
    if "@" in parent:
        return child == parent
    if "@" in child:
        return name_matches(parent, child.partition("@")[2])
    return name_within(child, parent)
