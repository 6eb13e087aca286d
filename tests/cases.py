"""A fact about many values as one test: all of them are tried, and a failure names each that is off.

For facts that need no fixture. Thousands of cases of pytest's own cost more than what they try.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest


def every(
    names: str | Sequence[str],
    cases: Iterable[Any],
    ids: Callable[[Any], Any] | Sequence[str] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a test hold for each of these, as `pytest.mark.parametrize` would, but as one test.

    Args:
        names: Of the arguments: `"a"`, `"a, b"`, or a sequence of them.
        cases: What they are: a value each, or as many as there are names.
        ids: What a case is called where it fails; its `repr` otherwise.
    """
    words = [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names)
    known = list(cases)
    assert known, "a fact about nothing"

    def wrap(fact: Callable[..., None]) -> Callable[..., None]:
        def test(**others: Any) -> None:
            wrong: list[BaseException] = []
            for number, case in enumerate(known):
                values = [case] if len(words) == 1 else case
                try:
                    fact(**dict(zip(words, values, strict=True)), **others)
                except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # each is told, at the end
                    error.add_note(f"case {number}: {_called(ids, number, case)}")
                    wrong.append(error)
            if wrong:
                said = f"{len(wrong)} of {len(known)} cases of {fact.__name__}"
                raise BaseExceptionGroup(said, wrong[:10])

        test.__name__, test.__doc__, test.__module__ = fact.__name__, fact.__doc__, fact.__module__
        given = inspect.signature(fact)
        left = [one for one in given.parameters.values() if one.name not in words]
        test.__signature__ = given.replace(parameters=left)  # type: ignore[attr-defined]  # pytest reads it
        return test

    return wrap


def _called(ids: Callable[[Any], Any] | Sequence[str] | None, number: int, case: Any) -> str:
    if callable(ids):
        return str(ids(case))
    return repr(case)[:400] if ids is None else ids[number]
