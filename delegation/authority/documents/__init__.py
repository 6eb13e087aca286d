"""Imports tools from OpenAPI, Swagger, MCP's lists of tools and JSON Schema.

A document is input like any other: bounded, read one way, its references local. What it says bounds
the arguments of the tools; what cannot be kept of it is counted and named, never dropped silently.
"""

from __future__ import annotations
