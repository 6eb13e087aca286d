"""Lists the forms of exports: what each is called, and of which views it is one."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

_LINEAGE: Final = ("lineage",)


@dataclass(frozen=True, slots=True)
class Form:
    """One form.

    Args:
        media: Its media type.
        suffix: End of a file's name.
        what: What it is, in words.
        views: The views that have it; empty for all.
        is_text: Whether the same input gives the same bytes; a drawing program's output need not.
    """

    media: str
    suffix: str
    what: str
    views: tuple[str, ...] = ()
    is_text: bool = True


FORMS: Final[Mapping[str, Form]] = MappingProxyType(
    {
        "svg": Form("image/svg+xml", "svg", "SVG drawing", _LINEAGE),
        "png": Form("image/png", "png", "PNG picture, by Graphviz", _LINEAGE, is_text=False),
        "pdf": Form("application/pdf", "pdf", "PDF page, by Graphviz", _LINEAGE, is_text=False),
        "dot": Form("text/vnd.graphviz; charset=utf-8", "dot", "Graphviz source", _LINEAGE),
        "mmd": Form("text/plain; charset=utf-8", "mmd", "Mermaid flowchart", _LINEAGE),
        "txt": Form("text/plain; charset=utf-8", "txt", "text tree", _LINEAGE),
        "graphml": Form("application/graphml+xml; charset=utf-8", "graphml", "GraphML", _LINEAGE),
        "csv": Form("text/csv; charset=utf-8; header=present", "csv", "CSV table"),
        "json": Form("application/json", "json", "JSON rows"),
        "prov": Form("application/json", "prov.json", "W3C PROV-JSON", _LINEAGE),
        "ocsf": Form("application/json", "ocsf.json", "OCSF events", ("decisions",)),
    }
)


def forms_of(view: str) -> tuple[str, ...]:
    """Return the forms that a view has; of no view those that all have."""
    return tuple(name for name, form in FORMS.items() if not form.views or view in form.views)


def media_types(names: Container[str]) -> tuple[str, ...]:
    """Return the media types of these forms, each once, without parameters."""
    found = (form.media.partition(";")[0] for name, form in FORMS.items() if name in names)
    return tuple(dict.fromkeys(found))
