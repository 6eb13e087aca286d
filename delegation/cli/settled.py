"""Reads the service's settings for a command, and refuses what is none or out of its bounds."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from delegation.cli.console import fail, note

if TYPE_CHECKING:
    from delegation_api.settings import Settings


def settled(**given: Any) -> Settings | None:
    """Return the settings of the environment, None where the server's parts are not installed.

    What an orchestrator sets for a service that is called `delegation` is passed over, and said.

    Args:
        given: What the command line says, which wins; None is not said.
    """
    try:
        from delegation_api.setting_errors import refused  # noqa: PLC0415  # an extra
        from delegation_api.setting_names import injected  # noqa: PLC0415
    except ImportError:
        return None
    settings, said = refused(os.environ, {k: v for k, v in given.items() if v is not None})
    if said or settings is None:
        fail(" ".join(said), "Set each as docs/deploy/settings.md says, or unset it.")
    if passed := injected(os.environ):
        of = ", ".join(passed)
        aside(
            settings, f"Passed over, as an orchestrator sets it for a service of this name: {of}."
        )
    return settings


def aside(settings: Settings, text: str) -> None:
    """Say something beside the result: a line of the log where programs read the log."""
    if settings.log_format != "json":
        note(text)
        return
    from delegation_api import logs  # noqa: PLC0415  # an extra

    logs.configure(settings)
    logging.getLogger("delegation.serve").warning(text)
