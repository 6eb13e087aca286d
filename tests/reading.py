"""Reads values back from what people are shown: from a page's HTML, and from text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any


def read_text(text: str) -> str:
    """Return the text that `shown_text` shows so."""
    read: str = json.loads('"' + text.replace('"', '\\"') + '"')
    return read


class _Frames(HTMLParser):
    """Collects the text of names and frames inside `div.evidence`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[bool, list[tuple[str, str]]]] = []
        self.depth = 0
        self.into: str | None = None
        self.name = ""
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if tag == "div" and ("evidence" in classes or self.depth):
            if not self.depth:
                self.found.append(("object" in classes, []))
            self.depth += 1
        elif self.depth and (tag == "pre" or "name" in classes):
            self.into, self.text = tag, ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self.depth:
            self.depth -= 1
        elif tag == self.into:
            self.into = None
            if tag == "pre":
                self.found[-1][1].append((self.name, self.text))
            else:
                self.name = self.text

    def handle_data(self, data: str) -> None:
        self.text += data


def read_evidence(html: str) -> list[Any]:
    """Return the values that a page shows as evidence, in its order."""
    parser = _Frames()
    parser.feed(str(html))  # a `Markup` would escape what the parser takes apart
    parser.close()
    return [_value(is_object, frames) for is_object, frames in parser.found]


def _value(is_object: bool, frames: list[tuple[str, str]]) -> Any:
    if is_object:
        return {json.loads(f'"{name}"'): json.loads(text) for name, text in frames}
    ((_, text),) = frames
    return json.loads(text)
