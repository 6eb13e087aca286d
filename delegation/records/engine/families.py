"""Joins reads of several tables into one statement: a UNION ALL over the same columns."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    Select,
    Text,
    bindparam,
    cast,
    literal_column,
    null,
    select,
)

TEXTS: Final = 8
INTEGERS: Final = 8


def branch(
    family: str,
    *texts: ColumnElement[Any],
    integers: tuple[ColumnElement[Any], ...] = (),
    key: ColumnElement[Any] | None = None,
) -> Select[Any]:
    """Return the query of one family: its name, then columns of each type, those not used empty.

    Args:
        family: The first column of its rows, by which they are told apart; a constant.
        texts: At most `TEXTS`.
        integers: At most `INTEGERS`.
        key: A column of bytes.
    """
    unused = TEXTS - len(texts), INTEGERS - len(integers)
    return select(
        literal_column(f"'{family}'", Text).label("family"),
        *texts,
        *(cast(null(), Text).label(f"t{n}") for n in range(unused[0])),
        *integers,
        *(cast(null(), BigInteger).label(f"n{n}") for n in range(unused[1])),
        cast(null(), LargeBinary).label("key") if key is None else key,
    )


def among(name: str) -> Any:
    """Return a parameter that holds a list of values."""
    return bindparam(name, expanding=True)
