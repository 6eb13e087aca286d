"""Guards services that act on calls of agents; `signing.Auth` is the other side of one."""

from __future__ import annotations

from delegation.integrations.app_tools import tools_from_app
from delegation.integrations.guard import Guard
from delegation.integrations.guarded import decision_of
from delegation.integrations.route import Route
from delegation.integrations.routes import Routes

__all__ = ["Guard", "Route", "Routes", "decision_of", "tools_from_app"]
