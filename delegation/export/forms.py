"""The forms of exports: what they are called, and where each may be opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from delegation.lineage.selection import Selection


@dataclass(frozen=True, slots=True)
class Form:
    """One form.

    Args:
        media: Its media type.
        suffix: End of a file's name.
        what: What it is, in words.
        is_text: Whether the same input gives the same bytes; a drawing program's output need not.
    """

    media: str
    suffix: str
    what: str
    is_text: bool = True


FORMS: Final[dict[str, Form]] = {
    "svg": Form("image/svg+xml", "svg", "SVG drawing"),
    "png": Form("image/png", "png", "PNG picture, by Graphviz", is_text=False),
    "pdf": Form("application/pdf", "pdf", "PDF page, by Graphviz", is_text=False),
    "dot": Form("text/vnd.graphviz; charset=utf-8", "dot", "Graphviz source"),
    "mmd": Form("text/plain; charset=utf-8", "mmd", "Mermaid flowchart"),
    "txt": Form("text/plain; charset=utf-8", "txt", "text tree"),
    "graphml": Form("application/graphml+xml; charset=utf-8", "graphml", "GraphML"),
    "csv": Form("text/csv; charset=utf-8; header=present", "csv", "CSV table"),
    "json": Form("application/json", "json", "JSON rows"),
    "prov": Form("application/json", "prov.json", "W3C PROV-JSON"),
    "ocsf": Form("application/json", "ocsf.json", "OCSF events"),
}


def file_name(selection: Selection, at: int) -> str:
    """Return what an export's file is called: made of our own words, never of a name."""
    return f"delegation-{selection.view}-{at}.{FORMS[selection.form].suffix}"
