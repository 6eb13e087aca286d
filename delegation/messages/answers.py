"""Writes answers as JSON and reads them back, where they differ from the fields of their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId
from delegation.canonical import Json, b64u
from delegation.commands.plan import Inspection, Plan
from delegation.commands.work import Agent, DecisionDetail, OutcomeReport
from delegation.errors import MalformedError
from delegation.graph.view import LineageView
from delegation.hidden import Hidden, hidden_in
from delegation.judge.decision import STEPS, Decision, Denial, Step
from delegation.judge.facts import TaskFact
from delegation.judge.lease import Barrier, ReplicaEntry
from delegation.judge.limits import UNLIMITED
from delegation.lineage.analysis.risk import FORMULA, Risk
from delegation.lineage.approval import ApprovalEntry, ApprovalStatus
from delegation.lineage.entry import Lineage, TaskEntry
from delegation.lineage.export_job import ExportJob
from delegation.lineage.feed import Feed, Freeze, LastUse, Preview, Renewal, Revocation
from delegation.lineage.in_process import InProcessEntry
from delegation.lineage.revocation_effect import RevocationEffect
from delegation.messages.form import (
    FORMS,
    SHAPES,
    Form,
    Shape,
    extended,
    form_of,
    many,
    members,
    named,
)
from delegation.messages.values import (
    HEX,
    KEYS,
    NUMBERS,
    OBJECT,
    OR_EMPTY,
    TEXT,
    WHOLE,
    never,
)

T = TypeVar("T")


def answer_json(value: Any) -> Any:
    """Return an answer's JSON; a sequence's is an array.

    Raises:
        TypeError: It holds something that has no form in an answer.
    """
    if isinstance(value, list | tuple) and type(value) not in FORMS:
        return [answer_json(one) for one in value]
    kind: Any = type(value)
    return form_of(kind).write(value)


def read_answer(kind: type[T], body: object) -> T:
    """Return the answer that its JSON states; what is added for readers is passed over.

    Args:
        kind: The answer's class.
        body: What the service wrote.

    Raises:
        MalformedError: It is something else.
    """
    try:
        return cast("T", form_of(cast("Any", kind)).read(body))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MalformedError("An answer", wanted="as the service writes it") from error


def _consistent(made: Decision, body: Mapping[str, Any]) -> Decision:
    # A client acts on it, so it must say the same thing twice.
    if body["allowed"] is not made.allowed:
        raise MalformedError("A decision", wanted="one that does not contradict itself")
    return made


def _in_order(feed: Feed, _: object) -> Feed:
    # A reader relies on its order and its end, so both must agree with each other.
    epochs = [change.epoch for change in feed.changes]
    if epochs != sorted(set(epochs)) or (epochs and epochs[-1] > feed.epoch):
        raise MalformedError("A feed", wanted="in order")
    return feed


def _about_itself(made: DecisionDetail, _: object) -> DecisionDetail:
    own_id, outcome, local = made.decision.id, made.outcome, made.local
    return replace(
        made,
        outcome=outcome and replace(outcome, decision=own_id),
        local=local and replace(local, decision=own_id),
        reservations=tuple(replace(one, decision=own_id) for one in made.reservations),
    )


def plan_json(plan: Plan) -> dict[str, Json]:
    """Return a plan; it has no member `allowed`, so that nobody takes it for a decision."""
    outcome, refusal = plan.outcome, plan.narrowing
    told = None if outcome is None else form_of(Decision).write(outcome)
    return {
        "dry_run": True,
        "would_allow": told and told["allowed"],
        "denial": told and told["denial"],
        "steps": told["steps"] if told else [],
        "arguments": told["arguments"] if told else {},
        "cost": told["cost"] if told else {},
        "grant": None if plan.grant is None else plan.grant.to_json(),
        "narrowing": None
        if refusal is None
        else {
            "code": refusal.code,
            "field": refusal.field,
            "message": refusal.message,
            "remedy": refusal.remedy,
        },
    }


def _approval_form(body: Mapping[str, Any]) -> Form:
    # A service is told how a request stands, and not what is in it.
    return form_of(ApprovalEntry if "bound" in body else ApprovalStatus)


SHAPES[Hidden] = Shape(forms={"spells": OR_EMPTY})
SHAPES[TaskEntry] = Shape(forms={"spent": Form(dict, lambda body: tuple(body.items()), NUMBERS)})
SHAPES[Lineage] = Shape(names={"below": "child_tasks"})
SHAPES[Step] = Shape(names={"number": "step"}, added={"name": (TEXT, lambda step: step.name)})
SHAPES[Denial] = Shape(added={"name": (TEXT, lambda denial: STEPS[denial.step])})
SHAPES[Decision] = Shape(
    names={"id": "decision"},
    lacking=["sequence"],
    added={"allowed": (form_of(bool), lambda made: made.allowed)},
    finish=_consistent,
)
SHAPES[OutcomeReport] = Shape(unsaid={"decision": DecisionId(""), "cost": None})
SHAPES[InProcessEntry] = Shape(unsaid={"decision": DecisionId("")})
SHAPES[Barrier] = Shape(
    added={"how": (TEXT, lambda held: "confirmed" if held.is_confirmed else "waited")}
)
SHAPES[Revocation] = Shape(
    names={"barrier": "everywhere"}, inlined=["subject"], lacking=["barrier"]
)
SHAPES[Preview] = SHAPES[LastUse] = Shape(inlined=["subject"])
SHAPES[Freeze] = SHAPES[RevocationEffect] = Shape(inlined=["change"])
SHAPES[Feed] = Shape(
    names={"changes": "revocations"},
    added={
        "next": (
            form_of(int | None),
            lambda feed: feed.epoch if feed.epoch < feed.newest else None,
        )
    },
    finish=_in_order,
)
SHAPES[TaskFact] = Shape(unsaid={"idle_at": None, "broken_until": 0, "limits": UNLIMITED})
SHAPES[ReplicaEntry] = Shape(names={"name": "replica"})
SHAPES[Renewal] = Shape(names={"link": "id"})
SHAPES[Agent] = Shape(forms={"keys": KEYS})
SHAPES[ExportJob] = Shape(names={"digest": "sha256"}, forms={"digest": HEX})
SHAPES[Risk] = Shape(
    added={
        "score": (WHOLE, lambda risk: risk.score),
        "sum": (TEXT, lambda risk: risk.sum),
        "formula": (TEXT, lambda _: FORMULA),
    }
)
SHAPES[ApprovalStatus] = Shape(forms={"statement": OR_EMPTY})
_HIDDEN: Final = many(form_of(Hidden))
# What agents wrote stands apart, under `from_agents`: it is shown as text and never followed.
SHAPES[ApprovalEntry] = Shape(
    names={"binding": "bound", "link": "under"},
    forms={"statement": OR_EMPTY},
    grouped=dict.fromkeys(["arguments", "purpose", "claimed_cause"], "from_agents"),
    added={
        "link": (TEXT, lambda entry: entry.binding.link),
        "tool": (TEXT, lambda entry: entry.binding.tool),
        "audience": (TEXT, lambda entry: entry.binding.audience),
        "binding": (TEXT, lambda entry: b64u(entry.binding.digest())),
        "would_approve": (TEXT, lambda entry: entry.summary()),
        "hidden": (_HIDDEN, lambda entry: entry.hidden),
    },
)
SHAPES[LineageView] = Shape(inlined=["entry"])
SHAPES[Inspection] = Shape(names={"token_format": "format", "entries": "recorded"})
form_of(Decision)
FORMS[Plan] = Form(
    plan_json,
    never,
    named(
        "Plan",
        members(
            dry_run={"type": "boolean", "const": True},
            would_allow=bool | None,
            denial=Denial | None,
            steps=tuple[Step, ...],
            arguments=OBJECT,
            cost=NUMBERS,
            grant=Grant | None,
            narrowing={"anyOf": [OBJECT, {"type": "null"}]},
        ),
    ),
)
FORMS[tuple[int, InProcessEntry]] = Form(
    lambda pair: {
        "sequence": pair[0],
        "decision": pair[1].decision,
        **form_of(InProcessEntry).write(pair[1]),
    },
    lambda body: (
        WHOLE.read(body["sequence"]),
        replace(form_of(InProcessEntry).read(body), decision=DecisionId(body["decision"])),
    ),
    extended(form_of(InProcessEntry).schema, {"sequence": WHOLE.schema, "decision": TEXT.schema}),
)
FORMS[ApprovalEntry | ApprovalStatus] = Form(
    answer_json,
    lambda body: _approval_form(body).read(body),
    {"anyOf": [form_of(ApprovalEntry).schema, form_of(ApprovalStatus).schema]},
)
SHAPES[DecisionDetail] = Shape(
    inlined=["decision"],
    added={"hidden": (_HIDDEN, lambda found: hidden_in(dict(found.access or {})))},
    finish=_about_itself,
)
