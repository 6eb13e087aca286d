"""Makes the applications; each function runs in an environment that has its package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_AGENT = """from google.adk.agents import Agent
root_agent = Agent(name="helper", model="gemini-flash", instruction="Help.")
"""


def application() -> Any:
    """Return the application that the environment is for."""
    return globals()[os.environ["DELEGATION_APPLICATION"]]()


def prefect() -> Any:
    """Return Prefect's server: an application in an application, and one at the root behind it."""
    from prefect.server.api.server import create_app

    return create_app(ephemeral=True)


def agno() -> Any:
    """Return Agno's system of agents: 24 routers, forms, files, events, security."""
    from agno.agent import Agent
    from agno.db.in_memory import InMemoryDb
    from agno.os import AgentOS

    return AgentOS(agents=[Agent(name="helper", id="helper", db=InMemoryDb())]).get_app()


def titiler() -> Any:
    """Return TiTiler: tiles of maps, by lists in queries and several placeholders in a segment."""
    from titiler.application.main import app

    return app


def google_adk() -> Any:
    """Return Google's server for agents, with its development pages."""
    from google.adk.cli.fast_api import get_fast_api_app

    agents = Path.home() / "agents"
    (agents / "helper").mkdir(parents=True, exist_ok=True)
    (agents / "helper" / "__init__.py").write_text("from . import agent\n")
    (agents / "helper" / "agent.py").write_text(_AGENT)
    return get_fast_api_app(agents_dir=str(agents), web=True)


def gradio() -> Any:
    """Return Gradio's server of one page: `file=` before a path's placeholder, queues, events."""
    import gradio
    from gradio.routes import App

    with gradio.Blocks() as page:
        said, answer = gradio.Textbox(), gradio.Textbox()
        gradio.Button("Ask").click(lambda text: f"{text}!", said, answer)
    return App.create_app(page)


def marimo() -> Any:
    """Return marimo's server of one notebook: Starlette without FastAPI, sockets, a session of its own."""
    import marimo as notebooks

    file = Path.home() / "notebook.py"
    file.write_text("import marimo\napp = marimo.App()\n\n@app.cell\ndef _():\n    return\n")
    return notebooks.create_asgi_app().with_app(path="", root=str(file)).build()


def grammar() -> Any:
    """Return an application with each way to have a route that old and new FastAPI know."""
    from apps.grammar import application as made

    return made()
