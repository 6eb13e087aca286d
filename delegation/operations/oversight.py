"""Oversight: guardrails over all chains, and narrower grants from recorded use. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from delegation.authority.ids import TaskId
from delegation.errors import NotFoundError
from delegation.lineage.entry import TaskEntry
from delegation.lineage.guardrails import Assessment
from delegation.lineage.tightening import MINIMUM, Tightening, TightenKind
from delegation.operations.listing import MAX_NUMBER
from delegation.operations.operation import post
from delegation.operations.parameters import Told
from delegation.operations.roles import READERS


class Oversight:
    """What is asked of whole chains and histories."""

    @post(
        "/v1/guardrails",
        READERS,
        body="GuardrailsBody",
        is_repeatable=True,
        only_asks=True,
        written=Assessment,
        refuses=(NotFoundError,),
    )
    def assert_guardrails(
        self,
        guardrails: Annotated[str, Told("TOML, see docs/guardrails.md.", max_length=262_144)],
        *,
        task: Annotated[TaskEntry | TaskId | str | None, Told(max_length=64)] = None,
        ended: bool = False,
    ) -> dict[str, Any]:
        """Return what becomes of each guardrail, as JSON; `holds` is true only if all hold."""

    @post(
        "/v1/tighten",
        READERS,
        member="proposals",
        is_repeatable=True,
        only_asks=True,
        written=tuple[Tightening, ...],
        refuses=(NotFoundError,),
    )
    def tighten(
        self,
        kind: TightenKind,
        id: Annotated[str, Told(max_length=2048)],  # noqa: A002  # the word of the wire
        *,
        since: Annotated[int | None, Told("Unix seconds.", ge=0, le=MAX_NUMBER)] = None,
        minimum: Annotated[int, Told(ge=0, le=2**31)] = MINIMUM,
        ignore: Annotated[int, Told(ge=0, le=2**31)] = 0,
        with_budget: bool = False,
    ) -> Sequence[dict[str, Any]]:
        """Propose narrower grants from recorded use, with their evidence, as JSON."""
