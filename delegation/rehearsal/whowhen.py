"""Reads the Who&When records: Magentic-One runs and group chats, as hostile input."""

from __future__ import annotations

import json  # tolerant on purpose: these records have floats
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from delegation.assigned import UNASSIGNED
from delegation.canonical import Json
from delegation.errors import MalformedError

Kind: TypeAlias = Literal["orchestrated", "group chat"]
MAX_TEXT = 300  # characters of a scraped text that a rehearsal keeps


@dataclass(frozen=True, slots=True)
class HandOff:
    """One delegation that the record shows or implies.

    Args:
        index: Place of the message in the record: its logical clock.
        holder: The role that is handed the work.
    """

    index: int
    holder: str


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a role did.

    Args:
        index: Place of the message in the record.
        role: Who did it.
        tool: The tool that stands for it.
        arguments: What the record tells of it, cleaned and cut.
    """

    index: int
    role: str
    tool: str
    arguments: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Transcript:
    """One recorded run. Question and answer of the record are not part of it, on purpose.

    Args:
        name: The file's folder and name: the only title.
        kind: Whether an orchestrator handed the work out, or speakers took turns.
        root: Who holds the root: the orchestrator, or a made-up chat manager.
        hand_offs: In the record's order.
        actions: In the record's order.
        mistake_agent: The role that the record's label blames.
        mistake_step: Place of the blamed message, None if the label is no number.
    """

    name: str
    kind: Kind
    root: str
    hand_offs: tuple[HandOff, ...]
    actions: tuple[Action, ...]
    mistake_agent: str
    mistake_step: int | None


def inert(text: str, limit: int = MAX_TEXT) -> str:
    """Return scraped text as one plain line: NFC, no control or direction characters, cut."""
    text = UNASSIGNED.sub("\ufffd", text[: 4 * limit])
    shown = "".join(
        " " if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Co"} else c for c in text
    )
    return unicodedata.normalize("NFC", " ".join(shown.split()))[:limit]


MAX_FILE_BYTES: Final = 8 * 1024 * 1024
MAX_MESSAGES: Final = 2000
ORCHESTRATOR: Final = "Orchestrator"
CHAT_MANAGER: Final = "chat-manager"
TERMINALS: Final = frozenset({"ComputerTerminal", "Computer_terminal"})
FOLDERS: Final = ("hand-crafted", "algorithm-generated")

_HAND_OFF: Final = re.compile(r"Orchestrator \(-> ([A-Za-z][A-Za-z0-9_ ]{0,63})\)")
_CLICKED: Final = re.compile(
    r"I clicked (?:'(.{1,2000}?)'|(the [a-z ]{1,60}))\.?(?:\n|$)", re.DOTALL
)
_TYPED: Final = re.compile(
    r"I (?:typed|input) '(.{0,2000}?)'(?: into (?:'(.{0,2000}?)'|(the [a-z ]{1,60})))?\.?(?:\n|$)",
    re.DOTALL,
)
_SCROLLED: Final = re.compile(r"I scrolled (up|down)\b")
_RAN: Final = re.compile(r"exitcode: -?\d+|The script ran\b")
_FENCE: Final = re.compile(r"```([A-Za-z0-9+#]{0,20})[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)


def read_folder(folder: Path) -> list[Transcript]:
    """Return all records of a folder, in the order of their kinds and numbers.

    Raises:
        MalformedError: The folder holds no records, or one of them is none.
    """
    files = [
        file for kind in FOLDERS for file in sorted((folder / kind).glob("*.json"), key=_number)
    ]
    if not files:
        raise MalformedError("The folder", wanted="one with hand-crafted or algorithm-generated")
    return [read_file(file) for file in files]


def _number(file: Path) -> tuple[int, str]:
    return (int(file.stem) if file.stem.isdigit() else 10**9, file.stem)


def read_file(file: Path) -> Transcript:
    """Return the record in a file.

    Raises:
        MalformedError: The file is too large, unreadable or no record.
    """
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise MalformedError("A record", wanted=f"a file of at most {MAX_FILE_BYTES} bytes")
        body = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MalformedError("A record", wanted="a readable JSON file") from error
    return read_record(f"{file.parent.name}/{file.stem}", body)


def read_record(name: str, body: object) -> Transcript:
    """Return the run that a record tells.

    Args:
        name: The run's title.
        body: The parsed JSON.

    Raises:
        MalformedError: It has no history of messages.
    """
    history = body.get("history") if isinstance(body, Mapping) else None
    if (
        not isinstance(history, list)
        or len(history) > MAX_MESSAGES
        or not isinstance(body, Mapping)
    ):
        raise MalformedError("A record", wanted=f"one with a history of at most {MAX_MESSAGES}")
    messages = [_message(entry) for entry in history]
    is_chat = any(isinstance(e, Mapping) and isinstance(e.get("name"), str) for e in history)
    step = body.get("mistake_step")
    label = body.get("mistake_agent")
    hand_offs, actions = _chat(messages) if is_chat else _orchestrated(messages)
    return Transcript(
        name=inert(name, 120),
        kind="group chat" if is_chat else "orchestrated",
        root=CHAT_MANAGER if is_chat else ORCHESTRATOR,
        hand_offs=tuple(hand_offs),
        actions=tuple(actions),
        mistake_agent=inert(label, 64) if isinstance(label, str) else "",
        mistake_step=int(step) if isinstance(step, str) and step.isdecimal() else None,
    )


def _message(entry: object) -> tuple[str, str]:
    """Return who speaks and what is said; a message of another form is nobody's silence."""
    if not isinstance(entry, Mapping):
        return "", ""
    said: Mapping[str, Any] = entry
    who = said.get("name") if isinstance(said.get("name"), str) else said.get("role")
    content = said.get("content")
    return who if isinstance(who, str) else "", content if isinstance(content, str) else ""


def _orchestrated(messages: list[tuple[str, str]]) -> tuple[list[HandOff], list[Action]]:
    hand_offs: list[HandOff] = []
    actions: list[Action] = []
    for index, (who, content) in enumerate(messages):
        match = _HAND_OFF.fullmatch(who)
        if match is not None:
            hand_offs.append(HandOff(index, inert(match[1], 64)))
        elif who and not who.startswith(ORCHESTRATOR) and who != "human":
            before = messages[index - 1][1] if index else ""
            actions += _actions(index, inert(who, 64), content, before)
    return hand_offs, actions


def _chat(messages: list[tuple[str, str]]) -> tuple[list[HandOff], list[Action]]:
    """Read turns: each change of speaker is one inferred hand-off by the chat manager."""
    hand_offs: list[HandOff] = []
    actions: list[Action] = []
    for index, (who, content) in enumerate(messages):
        if index and who and who != messages[index - 1][0]:
            hand_offs.append(HandOff(index, inert(who, 64)))
        if who in TERMINALS:
            before = messages[index - 1][1] if index else ""
            actions += _actions(index, inert(who, 64), content, before)
    return hand_offs, actions


def _actions(index: int, role: str, content: str, before: str) -> Iterator[Action]:
    """Return what a message says was done: clicked, typed, scrolled, or code run."""
    found: tuple[str, dict[str, Json]] | None = None
    if match := _CLICKED.match(content):
        found = "browser.click", {"target": inert(match[1] or match[2])}
    elif match := _TYPED.match(content):
        found = (
            "browser.type",
            {"text": inert(match[1]), "field": inert(match[2] or match[3] or "")},
        )
    elif match := _SCROLLED.match(content):
        found = "browser.scroll", {"direction": match[1]}
    elif role in TERMINALS and _RAN.match(content):
        blocks = _FENCE.findall(before)
        language = blocks[0][0].lower() if blocks else ""
        lines = sum(code.count("\n") for _, code in blocks)
        found = "code.run", {"language": language or "unknown", "lines": lines}
    if found is not None:
        yield Action(index, role, *found)
