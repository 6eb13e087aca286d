"""Continues the caller's trace in what is sent: W3C Trace Context, where OpenTelemetry is in use."""

from __future__ import annotations

import sys


def trace_headers() -> dict[str, str]:
    """Return `traceparent` and `tracestate` of the present span; nothing where there is none.

    Nothing else of the caller's context is sent: baggage is nobody's business here. A program that never
    imported OpenTelemetry has no span, and is not made to import it.
    """
    headers: dict[str, str] = {}
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415  # an extra
            TraceContextTextMapPropagator,
        )

        TraceContextTextMapPropagator().inject(headers)
    return headers
