"""Library and store in one process; see `Tracker`."""

from delegation.embedded.location import store_url as store_url
from delegation.errors import MissingExtraError

try:
    from delegation.embedded.tracker import Tracker as Tracker
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] in {"sqlalchemy", "sqlmodel", "alembic", "pydantic"}:
        raise MissingExtraError("store", "A tracker with its store") from error
    raise
