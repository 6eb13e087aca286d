"""What is declared once is all that is known: no kind, filter or question beside it."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import get_args

import pytest
from world import World

from delegation.commands.questions import Moment
from delegation.judge.decision import Decision
from delegation.judge.subject import KINDS, SubjectKind
from delegation.lineage.entry import DecisionEntry
from delegation.lineage.filter import DecisionFilter
from delegation.operations.backend import Operations
from delegation.operations.operation import Operation
from delegation.records.lineage.decisions import _FITS, _OWN
from delegation.records.tables.records import DECISIONS


def test_every_kind_of_subject_is_described() -> None:
    """A kind that nothing refuses would stand although it was ended."""
    assert tuple(KINDS) == get_args(SubjectKind)
    codes = [one.code for kind in KINDS.values() for one in (kind.revoked, kind.suspended) if one]
    assert len(codes) == len(set(codes)) == 15


def test_every_field_of_an_entry_is_a_column_and_every_filter_is_known() -> None:
    """A listing reads columns by the fields' names, and a filter compares one or says how else."""
    columns = set(DECISIONS.c.keys())
    assert {field.name for field in fields(DecisionEntry)} <= columns
    assert DecisionFilter.__annotations__.keys() <= columns | _FITS.keys()
    assert set(_OWN) <= {field.name for field in fields(Decision)}
    assert {"claimed_cause", "approval", "holder", "valid_until"} <= set(_OWN)


def test_a_filter_that_is_none_is_refused(world: World) -> None:
    """A misspelt one would list everything, and a column that is no filter is not asked for."""
    for name in ("tol", "proof", "arguments"):
        with pytest.raises(TypeError, match=name):
            world.tracker.decisions(**{name: "x"})
        with pytest.raises(TypeError, match=name):
            world.tracker.acting_as("ana").decisions(**{name: "x"})


def test_each_question_is_answered_by_what_takes_its_arguments(world: World) -> None:
    """What a declaration names takes a snapshot, an instant, and the question's own arguments."""
    asked = [
        one
        for kind in Operations.__mro__
        for one in vars(kind).values()
        if isinstance(one, Operation)
    ]
    assert {one.name for one in asked if one.does is None} == {
        one.name for one in asked if getattr(type(world.tracker), one.name) is not one
    }
    for one in asked:
        if one.does is not None:
            own = [name for name in one.signature.parameters if name != "at"]
            inspect.signature(one.does).bind(None, Moment(0), **dict.fromkeys(own))
            shown = inspect.signature(getattr(world.tracker, one.name))
            assert list(shown.parameters) == list(one.signature.parameters)
