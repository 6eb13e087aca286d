"""Lists the commands: where each is written, and its line of help, so that only what runs is imported."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import typer
from typer.main import get_command

from delegation.errors import MissingExtraError


@dataclass(frozen=True, slots=True)
class Written:
    """Where a command is written.

    Args:
        place: Module of this package and its member.
        line: What the list of commands says of it: a command's first line.
    """

    place: str
    line: str

    def read(self, name: str) -> Any:
        """Import a command, or a group of them, as the program runs it.

        Args:
            name: As people type it.

        Raises:
            MissingExtraError: A library is not installed.
        """
        module, _, member = self.place.partition(":")
        try:
            found = getattr(import_module(f"delegation.cli.{module}"), member)
        except (MissingExtraError, ModuleNotFoundError) as error:
            if (getattr(error, "name", None) or "").partition(".")[0] == "delegation":
                raise
            raise MissingExtraError("cli", "The command line") from error
        made = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="markdown")
        made.callback()(_nothing)  # a lone command would stand for the whole program
        if isinstance(found, typer.Typer):
            made.add_typer(found, name=name, help=self.line)
        else:
            made.command(name)(found)
        group: Any = get_command(made)
        return group.commands[name]

    def listed(self, name: str) -> Any:
        """Return what stands for a command in the list, without importing it."""
        return typer.core.TyperCommand(name, help=self.line.replace("`", ""))


def _nothing() -> None:
    pass


class Commands(MutableMapping[str, Any]):
    """All commands by name; one is imported when it is asked for."""

    def __init__(self) -> None:
        """Import nothing."""
        self._read: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """Import a command."""
        if name not in self._read:
            self._read[name] = WRITTEN[name].read(name)
        return self._read[name]

    def __setitem__(self, name: str, command: Any) -> None:
        """Take a command that is there."""
        self._read[name] = command

    def __delitem__(self, name: str) -> None:
        """Forget what was imported."""
        del self._read[name]

    def __iter__(self) -> Iterator[str]:
        """Name them as the list shows them."""
        return iter(WRITTEN)

    def __len__(self) -> int:
        """Count them."""
        return len(WRITTEN)


WRITTEN: Final = {
    "quickstart": Written(
        "quickstart:quickstart",
        "Print a shell script of the whole life of a token, to be read and run: quickstart | sh.",
    ),
    "init": Written(
        "init:init",
        "Make a store and its key ring for a named issuer; where they are there, see that they fit.",
    ),
    "serve": Written(
        "server:serve",
        "Serve the store. The first start makes the store, its ring, and the first API keys.",
    ),
    "doctor": Written(
        "doctor:doctor",
        "Say what is wrong with this deployment and what to do. Exit code 1 when something is.",
    ),
    "issue": Written(
        "handing:issue",
        "Issue a task's root to a holder and print its token. What is not stated is the ceiling's.",
    ),
    "delegate": Written(
        "handing:delegate",
        "Hand a token on, narrower, and print the longer token. With --ring no service is asked.",
    ),
    "prove": Written(
        "handing:prove",
        "Prove one call, and print the proof. It serves once, within a minute. With --ring: offline.",
    ),
    "announce": Written(
        "handing:announce",
        "Show a token before it is used, so that reviewers see it, and print its link's id.",
    ),
    "tasks": Written("review:tasks", "List tasks, newest first."),
    "lineage": Written("review:lineage", "Show how authority flowed in a task."),
    "graph": Written(
        "review:graph",
        "Draw a task's lineage. svg, mmd, txt and json need nothing; png and pdf need Graphviz.",
    ),
    "export": Written(
        "export:export",
        "Export a view as a file; with --out its manifest and SHA-256 are written beside it.",
    ),
    "inspect": Written(
        "handing:inspect",
        "Show what a token holds and how its links stand. Exit code 3 when it does not verify.",
    ),
    "check": Written(
        "handing:check",
        "Decide one call, record and print the decision. Exit code 3 when it is denied.",
    ),
    "explain": Written(
        "review:explain", "Say how a call was decided, step by step, and by what right or caveat."
    ),
    "revoke": Written(
        "standing:revoke", "End a subject and everything below it. There is no way back."
    ),
    "suspend": Written(
        "standing:suspend", "End a subject and everything below it until it is resumed."
    ),
    "resume": Written("standing:resume", "End a suspension."),
    "freeze": Written(
        "standing:freeze",
        "Suspend everything: no call is allowed until `unfreeze`. Prints a receipt.",
    ),
    "unfreeze": Written("standing:unfreeze", "End a freeze."),
    "renew": Written(
        "standing:renew",
        "Issue a root in place of an earlier one and print its token. What does not stand is refused.",
    ),
    "last-use": Written(
        "standing:last_use", "Say when a link, an agent or a key made its newest call."
    ),
    "login-link": Written(
        "keys:login_link",
        "Make a link that logs a person into the pages once, with that key's role.",
    ),
    "assert": Written(
        "guardrails:assert_",
        "Check that no chain breaks a guardrail. Exit code 3 when one does, with the link to narrow.",
    ),
    "reconcile": Written(
        "guardrails:reconcile",
        "Find executions without a decision, decisions without execution, and other arguments.",
    ),
    "tighten": Written(
        "guardrails:tighten",
        "Propose a narrower grant from recorded use. Nothing is changed. Exit code 3: none to propose.",
    ),
    "version": Written("quickstart:version", "Print the version."),
    "demo": Written(
        "rehearse:demo",
        "Run the support desk against a real server: honest agents, and a hijacked one.",
    ),
    "task": Written("task:app", "A task: opened with a ceiling, closed."),
    "agents": Written("agents:app", "Registered agents: listed, added, their keys."),
    "child-tasks": Written("task:child_app", "Tasks that agents open under links."),
    "approvals": Written("approvals:app", "Calls that wait for people's consent."),
    "catalogue": Written("catalogue:app", "Tools: what agents may be allowed to call."),
    "keys": Written("keys:app", "Agents' keys, API keys and the key ring."),
    "db": Written("schema:app", "The database: its schema, and what is erased from it."),
    "log": Written("log:app", "The tamper-evident log: verify, status, rebuild."),
    "rehearse": Written("rehearse:app", "Replay recorded runs of agents."),
}
