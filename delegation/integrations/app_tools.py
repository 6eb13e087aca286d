"""Makes tools of a FastAPI application's routes, or names those left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from delegation.authority.catalogue import Tool
from delegation.authority.documents.forms import tools_from
from delegation.authority.documents.imported import Imported
from delegation.errors import ConfigurationError
from delegation.integrations.application_document import operation_id, with_relative_paths
from delegation.integrations.application_routes import listed_routes

_OWN: Final = ("openapi_url", "docs_url", "redoc_url", "swagger_ui_oauth2_redirect_url")
_REST: Final = re.compile(r"\{([^{}:]+):path\}")
_HIDDEN: Final = "the application leaves it out of its OpenAPI document; give its function to @tool"
_FOREIGN: Final = "it is no route of FastAPI, so that nothing says what it takes"
_MOUNTED: Final = "an application is mounted here; give that one to tools_from_app"
_SOCKET: Final = "no proof covers what is said on a socket"


def tools_from_app(app: Any, *, prefix: str, system: str = "") -> Imported:
    """Return a tool for each operation of a FastAPI application, and what was left out.

    What its routes take is read from the OpenAPI document that the application makes of them: models,
    enumerations, constraints, forms and files included. Look at effects, labels, sensitivity and cost
    before you register: no application states them. FastAPI's operation ids are aliases.

    Not looked at: what handlers read from the raw request, and what runs behind a mount.

    Args:
        app: The application, with all its routes.
        prefix: First segments of the tools' names, such as `crm`.
        system: Which system they act on.

    Raises:
        ConfigurationError: It is no application that makes an OpenAPI document.
        MalformedError: Its document is too large, or has too many operations.
    """
    describe, listed = getattr(app, "openapi", None), listed_routes(app)
    if not callable(describe) or listed is None:
        raise ConfigurationError(
            "The application makes no OpenAPI document.",
            remedy="Give the FastAPI application itself, not what wraps it.",
        )
    document = _with_steady_ids(describe(), listed)
    found = tools_from(document, prefix=prefix, system=system, form="openapi")
    own = {path for name in _OWN if (path := getattr(app, name, None))}
    missing = tuple(_left_out(listed, document.get("paths", {}), own))
    rests = _rests(listed, document.get("paths", {}))
    tools = tuple(_with_rest(tool, rests) for tool in found.tools)
    return replace(found, tools=tools, skipped=(*found.skipped, *missing))


def _with_steady_ids(document: dict[str, Any], listed: list[Any]) -> dict[str, Any]:
    """Return a document in which each method of a route has an id of its own, the same at each start."""
    paths = {path: dict(item) for path, item in document.get("paths", {}).items()}
    for route in listed:
        if getattr(route, "operation_id", None) or not hasattr(route, "unique_id"):
            continue
        for method in route.methods if len(route.methods) > 1 else ():
            item = paths.get(route.path_format, {})
            operation = item.get(method.lower(), {})
            if operation.get("operationId") == route.unique_id:
                item[method.lower()] = {**operation, "operationId": operation_id(route, method)}
    return {**document, "paths": paths}


def _rests(listed: list[Any], paths: dict[str, Any]) -> dict[str, set[str]]:
    """Return by operation id the parameters that take all that is left of a path.

    No document says so: to it, each fills one segment.
    """
    found: dict[str, set[str]] = {}
    for route in listed:
        names = set(_REST.findall(str(getattr(route, "path", None) or "")))
        for operation in (
            paths.get(str(getattr(route, "path_format", "")), {}).values() if names else ()
        ):
            if isinstance(operation, dict) and "operationId" in operation:
                found[operation["operationId"]] = names
    return found


def _with_rest(tool: Tool, rests: dict[str, set[str]]) -> Tool:
    names = {name for alias in tool.aliases for name in rests.get(alias, ())}
    return with_relative_paths(tool, names & tool.arguments.keys())


def _left_out(listed: list[Any], paths: dict[str, Any], own: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the routes that the document does not have, with the reason."""
    for route in listed:
        path = str(getattr(route, "path_format", None) or getattr(route, "path", None) or "?")
        if not (methods := getattr(route, "methods", None)):
            is_socket = "websocket" in type(_bare(route)).__name__.lower()
            yield (
                f"{'SOCKET' if is_socket else 'MOUNT'} {path}",
                _SOCKET if is_socket else _MOUNTED,
            )
            continue
        is_described = hasattr(_bare(route), "dependant")
        for method in sorted(methods):
            said = method.lower() in paths.get(path, {})
            if (
                not said
                and not (path in own and not is_described)
                and not (method == "HEAD" and "GET" in methods)  # Starlette answers it beside
            ):
                yield f"{method} {path}", _HIDDEN if is_described else _FOREIGN


def _bare(route: Any) -> Any:
    """Return a route without the context of the router that includes it."""
    return getattr(route, "original_route", route)
