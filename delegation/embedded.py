"""Keeps the former import path of `Tracker` through one release; it is `delegation.tracker` now."""

from __future__ import annotations

import warnings

from delegation.tracker import Tracker as Tracker
from delegation.tracker import store_url as store_url

warnings.warn(
    "delegation.embedded is delegation.tracker now; `from delegation import Tracker` works as well.",
    DeprecationWarning,
    stacklevel=2,
)
