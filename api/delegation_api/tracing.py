"""Traces requests with OpenTelemetry: one span each, continued from the caller's `traceparent`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Self

from starlette.types import Scope

from delegation import __version__
from delegation.errors import MissingExtraError


class Tracing:
    """Sends spans to a collector in the background; a collector that is gone loses spans only."""

    def __init__(self, tracer: Any, provider: Any) -> None:
        """Use a tracer; most callers want `to`."""
        self._tracer = tracer
        self._provider = provider

    @classmethod
    def to(cls, endpoint: str) -> Self:
        """Return the tracing that sends to an OTLP endpoint over HTTP.

        Raises:
            MissingExtraError: OpenTelemetry is not installed.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter,
            )
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtraError("otel", "Tracing") from error
        provider = TracerProvider(resource=Resource.create({"service.name": "delegation"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        return cls(provider.get_tracer("delegation", __version__), provider)

    def span(self, scope: Scope) -> AbstractContextManager[Any]:
        """Return the span of a request as a context."""
        from opentelemetry.propagate import extract  # noqa: PLC0415  # an extra
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        headers = {
            k.decode("latin-1"): v.decode("latin-1")
            for k, v in scope["headers"]
            if k in {b"traceparent", b"tracestate"}
        }
        found: AbstractContextManager[Any] = self._tracer.start_as_current_span(
            f"{scope['method']} request", context=extract(headers), kind=SpanKind.SERVER
        )
        return found

    def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        self._provider.shutdown()
