"""Writes leaves: the bytes of a decision, a link or a change of standing in the log. Version 1, for ever.

Canonical JSON, so that a leaf has one spelling. No leaf holds arguments: what may be erased stands in
it as salted digests, so that the leaf stays true when arguments, salt and proof are gone. A link's
leaf holds its signed payload and what re-verifies its author, so that the tree of who handed what to
whom is rebuilt, signatures included, from the log alone. A change's leaf says what was revoked,
suspended, resumed, closed or registered, by whom and why: in people's own words, so it is spelled as
`sent_json` spells them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Final, Literal, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from delegation import canonical, sent_json
from delegation.authority.chain import Link, parse_payload
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.canonical import Json, b64u, unb64u
from delegation.errors import MalformedError
from delegation.tokens.evidence import LinkEvidence
from delegation.tokens.formats import FORMATS
from delegation.transparency.tile import MAX_ENTRY

Kind: TypeAlias = Literal["decision", "link", "change"]
VERSION: Final = 1
_ERASABLE: Final = b"dct-erasable-v1"
_CHANGES: Final = ("revoke", "suspend", "resume", "close", "register")


def erasable_digest(
    salt: bytes,
    *,
    access: str | None,
    arguments: str | None,
    proof: str | None,
    detail: str,
    resources: str,
) -> str:
    """Return the salted digest of all that may be erased from a decision's record.

    Args:
        salt: The record's 16 bytes; once they are erased too, nothing can be guessed from it.
        access: The call as it was sent, canonical JSON.
        arguments: Canonical arguments.
        proof: The holder's proof.
        detail: What was offered and what is allowed.
        resources: What the call touches; made of arguments.
    """
    whole = canonical.text_of([access, arguments, proof, detail, resources])
    return b64u(canonical.digest(_ERASABLE + salt, whole.encode()))


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLeaf:
    """A decision as the log holds it.

    Args:
        id: The decision.
        sequence: Its number in commit order; dense, so that a gap shows what was taken out.
        at: Unix seconds.
        task: Its task, None if nothing verified that far.
        links: Links of its chain, root first.
        holder: Key of who asked, base64url; empty if unproven.
        tool: The tool.
        audience: The service that was to act; empty if unproven.
        purpose: Slash path.
        allowed: The outcome.
        step: Step of the denial, None if allowed.
        code: Code of the denial.
        message: Its sentence.
        denied_link: The link that denied.
        denied_depth: Its depth.
        caveat: The caveat that denied.
        remedy: What would help.
        cost: What was charged, by unit.
        valid_until: Until when it might be acted on, Unix seconds.
        steps: One letter for each step's outcome.
        claimed_cause: The decision that led here, as its holder claims.
        epoch: The newest revocation that was known.
        catalogue: The catalogue revision in force.
        client: Name of the API key that asked.
        arguments: base64url of the salted digest of the arguments as sent; empty if unproven.
        erasable: base64url of the salted digest of what may be erased.
    """

    id: DecisionId
    sequence: int
    at: int
    task: TaskId | None
    links: tuple[str, ...]
    holder: str
    tool: str
    audience: str
    purpose: str
    allowed: bool
    step: int | None
    code: str | None
    message: str
    denied_link: str | None
    denied_depth: int | None
    caveat: str
    remedy: str
    cost: Mapping[str, int]
    valid_until: int
    steps: str
    claimed_cause: str | None
    epoch: int
    catalogue: int
    client: str
    arguments: str
    erasable: str

    @property
    def kind(self) -> Kind:
        """What it is a leaf of."""
        return "decision"

    @property
    def entry(self) -> bytes:
        """The leaf's bytes."""
        body: dict[str, Json] = {name: getattr(self, name) for name in DECISION}
        body |= {"v": VERSION, "kind": "decision"}
        body |= {"links": list(self.links), "cost": dict(self.cost)}
        return canonical.text_of(body).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLeaf:
    """A link as the log holds it.

    Args:
        link: The link, read from its payload; whether its author signed it, `evidence` says.
        task: The task whose tree it stands in.
        sequence: Its number in commit order; growing, not dense.
        depth: 0 for a root.
        at: When the service recorded it, Unix seconds.
        evidence: What re-verifies its author, in the format in which it was seen first.
    """

    link: Link
    task: TaskId
    sequence: int
    depth: int
    at: int
    evidence: LinkEvidence

    @property
    def kind(self) -> Kind:
        """What it is a leaf of."""
        return "link"

    @property
    def id(self) -> LinkId:
        """The link's id."""
        return self.link.id

    @property
    def entry(self) -> bytes:
        """The leaf's bytes; the payload stands in them as it was signed."""
        previous = self.evidence.previous_signature
        head: dict[str, Json] = {
            "at": self.at,
            "depth": self.depth,
            "evidence": {
                "block": b64u(self.evidence.block),
                "format": self.evidence.format,
                "previous_signature": None if previous is None else b64u(previous),
                "signature": b64u(self.evidence.signature),
            },
            "id": self.link.id,
            "kind": "link",
        }
        tail: dict[str, Json] = {"sequence": self.sequence, "task": self.task, "v": VERSION}
        # Member names are sorted: those of the head come before "payload", those of the tail after.
        before, after = canonical.text_of(head)[:-1], canonical.text_of(tail)[1:]
        return before.encode() + b',"payload":' + self.link.payload + b"," + after.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLeaf:
    """A change of standing as the log holds it.

    Args:
        epoch: Its number: later changes have higher ones. A gap is what was told to a database that
            was then restored from an older backup, or was taken out.
        act: `revoke`, `suspend`, `resume`, `close` of a task or `register` of an agent.
        subject_kind: Kind of what it says something of.
        subject: Which one.
        by: Who made it.
        reason: Why, in their words.
        at: Unix seconds.
        effective_at: From when it holds, Unix seconds.
        cause: The subject with which this one was suspended; empty where it was for itself.
    """

    epoch: int
    act: str
    subject_kind: str
    subject: str
    by: str
    reason: str
    at: int
    effective_at: int
    cause: str

    @property
    def kind(self) -> Kind:
        """What it is a leaf of."""
        return "change"

    @property
    def id(self) -> str:
        """Its number, as the log looks it up."""
        return str(self.epoch)

    @property
    def entry(self) -> bytes:
        """The leaf's bytes."""
        body = {name: getattr(self, name) for name in CHANGE} | {"v": VERSION, "kind": "change"}
        return sent_json.encode(body)


Leaf: TypeAlias = DecisionLeaf | LinkLeaf | ChangeLeaf


def _json_types(hint: Any) -> tuple[type, ...]:
    """Return the types that a field's value has in JSON."""
    if get_origin(hint) in {Union, UnionType}:
        return tuple(one for inside in get_args(hint) for one in _json_types(inside))
    kind = get_origin(hint) or getattr(hint, "__supertype__", hint)
    return ({tuple: list, Mapping: dict}.get(kind, kind),)


# The members of a decision's leaf beside version and kind, by their types.
DECISION: Final = {name: _json_types(hint) for name, hint in get_type_hints(DecisionLeaf).items()}
CHANGE: Final = {name: _json_types(hint) for name, hint in get_type_hints(ChangeLeaf).items()}
_LINK: Final[Mapping[str, tuple[type, ...]]] = {
    "id": (str,), "task": (str,), "sequence": (int,), "depth": (int,), "at": (int,),
    "payload": (dict,), "evidence": (dict,),
}  # fmt: skip
_EVIDENCE: Final = frozenset({"block", "format", "signature", "previous_signature"})


def read_leaf(entry: bytes) -> Leaf:
    """Return the leaf that an entry of the log spells; nothing is verified of its signatures.

    Raises:
        MalformedError: It is none, of another version, or spelled in another way.
    """
    if len(entry) > MAX_ENTRY:
        raise MalformedError("A leaf", wanted=f"at most {MAX_ENTRY} bytes")
    # "act" sorts first: of a change people's words are read as they were sent.
    is_change = entry.startswith(b'{"act":')
    body = (sent_json if is_change else canonical).parse(entry, what="A leaf")
    if not isinstance(body, dict) or type(body.get("v")) is not int or body["v"] != VERSION:
        raise MalformedError("A leaf", wanted=f"an object of version {VERSION}")
    members = {"decision": DECISION, "link": _LINK, "change": CHANGE}.get(str(body.get("kind")))
    if members is None or body.keys() != {*members, "v", "kind"}:
        raise MalformedError("A leaf", wanted="a decision, a link or a change with its members")
    for name, kinds in members.items():
        if type(body[name]) not in kinds:
            raise MalformedError(f"A leaf's {name}", wanted="of its type")
    leaf = _READ[cast("Kind", body["kind"])](body)
    if leaf.entry != entry:
        raise MalformedError("A leaf", wanted="canonical JSON")
    return leaf


def _decision(body: dict[str, Json]) -> DecisionLeaf:
    links = cast("list[Json]", body["links"])
    cost = cast("dict[str, Json]", body["cost"])
    if not all(type(one) is str for one in links) or not all(type(n) is int for n in cost.values()):
        raise MalformedError("A leaf", wanted="links that are ids and costs that are numbers")
    known = {name: body[name] for name in DECISION if name not in {"links", "cost"}}
    return DecisionLeaf(links=tuple(map(str, links)), cost=cost, **known)  # type: ignore[arg-type]  # types were compared


def _link(body: dict[str, Json]) -> LinkLeaf:
    payload = canonical.text_of(body["payload"]).encode()
    said = cast("dict[str, Json]", body["evidence"])
    if said.keys() != _EVIDENCE or said["format"] not in FORMATS:
        raise MalformedError("A leaf's evidence", wanted="an object of its members")
    previous = said["previous_signature"]
    evidence = LinkEvidence(
        said["format"],  # type: ignore[arg-type]  # compared above
        _bytes(said["block"]),
        _bytes(said["signature"]),
        None if previous is None else _bytes(previous),
    )
    depth = cast("int", body["depth"])
    leaf = LinkLeaf(
        link=parse_payload(payload, root=depth == 0),
        task=TaskId(str(body["task"])),
        sequence=cast("int", body["sequence"]),
        depth=depth,
        at=cast("int", body["at"]),
        evidence=evidence,
    )
    if body["id"] != leaf.link.id:
        raise MalformedError("A leaf's id", wanted="the hash of its payload")
    return leaf


def _change(body: dict[str, Json]) -> ChangeLeaf:
    if body["act"] not in _CHANGES:
        raise MalformedError("A leaf's act", wanted=f"one of {', '.join(_CHANGES)}")
    return ChangeLeaf(**{name: body[name] for name in CHANGE})  # type: ignore[arg-type]  # types were compared


_READ: Final[Mapping[Kind, Callable[[dict[str, Json]], Leaf]]] = {
    "decision": _decision,
    "link": _link,
    "change": _change,
}


def _bytes(value: Json) -> bytes:
    if not isinstance(value, str):
        raise MalformedError("A leaf's evidence", wanted="base64url")
    return unb64u(value, what="A leaf's evidence")
