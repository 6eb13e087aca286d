"""A collector of OpenTelemetry's spans: OTLP over HTTP, read by OpenTelemetry's own messages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Span(dict):
    """A span's attributes, with its name, ids and status."""

    def __init__(self, span) -> None:
        super().__init__(
            {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}
        )
        self.name = span.name
        self.trace = span.trace_id.hex()
        self.parent = span.parent_span_id.hex()
        self.kind = span.kind
        self.is_error = span.status.code == 2


@contextmanager
def collecting() -> Iterator[tuple[str, list[Span]]]:
    """Collect until the block ends; yield where spans are sent to, and those that came."""
    spans: list[Span] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = ExportTraceServiceRequest.FromString(
                self.rfile.read(int(self.headers["Content-Length"]))
            )
            spans.extend(
                Span(span)
                for resource in asked.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            )
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", spans
    finally:
        server.shutdown()
        server.server_close()
