"""Traces requests with OpenTelemetry: one span each, continued from the caller's `traceparent`.

Named and described by the semantic conventions for HTTP servers; what is ours begins `delegation.`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

from starlette.types import Scope

from delegation import __version__
from delegation.errors import MissingExtraError
from delegation_api.asked_request import AskedRequest

_PARENTS: Final = frozenset({b"traceparent", b"tracestate"})
_METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
_FAULT: Final = 500


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
        resource = Resource.create({"service.name": "delegation", "service.version": __version__})
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        return cls(provider.get_tracer("delegation", __version__), provider)

    @contextmanager
    def span(self, scope: Scope, asked: AskedRequest) -> Iterator[Any]:
        """Open the span of a request; the request learns the trace that it belongs to."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415  # an extra
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
            TraceContextTextMapPropagator,
        )

        sent = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in _PARENTS
        }
        method = _method(scope)
        with self._tracer.start_as_current_span(
            "HTTP" if method == "_OTHER" else method,
            context=TraceContextTextMapPropagator().extract(sent),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": method,
                "url.scheme": scope.get("scheme", "http"),
                "network.protocol.version": scope.get("http_version", "1.1"),
                "delegation.request": asked.id,
            },
        ) as span:
            context = span.get_span_context()
            if context.is_valid:
                asked.trace = f"{context.trace_id:032x}"
            yield span

    def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        self._provider.shutdown()


def described(span: Any, scope: Scope, route: str, status: int, asked: AskedRequest) -> None:
    """Say on a span what is known of its request once it is answered."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415  # an extra

    if route != "unknown":  # what a caller made up is nowhere: neither in the name nor as a path
        method = _method(scope)
        span.update_name(f"{'HTTP' if method == '_OTHER' else method} {route}")
        span.set_attribute("http.route", route)
        span.set_attribute("url.path", scope["path"])
    if status:
        span.set_attribute("http.response.status_code", status)
    if asked.decision:
        span.set_attribute("delegation.decision", asked.decision)
    if asked.code:
        span.set_attribute("delegation.code", asked.code)
    if status >= _FAULT:
        span.set_attribute("error.type", asked.code or str(status))
        span.set_status(StatusCode.ERROR)


def _method(scope: Scope) -> str:
    """Return the method as conventions have it, where one that nobody knows has no name."""
    method: str = scope["method"]
    return method if method in _METHODS else "_OTHER"
