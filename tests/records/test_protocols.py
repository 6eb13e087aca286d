"""What commands ask of a store is answered: a protocol's own empty method is never inherited."""

from __future__ import annotations

import pytest

from delegation.commands.work import Reader, Store, Work
from delegation.records.reader import SqlReader
from delegation.records.store import SqlStore
from delegation.records.work import SqlWork


@pytest.mark.parametrize(
    ("protocol", "answers"), [(Reader, SqlReader), (Work, SqlWork), (Store, SqlStore)]
)
def test_every_method_is_answered(protocol: type, answers: type) -> None:
    """An empty method would answer None, which says that nothing is known or nothing is wrong."""
    asked = [name for name in dir(protocol) if not name.startswith("_")]
    assert len(asked) > 10
    declared = {id(vars(base)[name]) for base in protocol.__mro__ for name in vars(base)}
    assert [name for name in asked if id(getattr(answers, name)) in declared] == []
