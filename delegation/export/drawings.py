"""Lists the drawings of lineage: SVG, Mermaid, DOT, PNG, PDF, text and JSON, one line a form."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from delegation import canonical
from delegation.export.manifest import Manifest
from delegation.export.rows import listed
from delegation.graph.dot import dot_source
from delegation.graph.engine import render
from delegation.graph.mermaid import mermaid
from delegation.graph.model import graph_json
from delegation.graph.svg import svg, svg_part
from delegation.graph.text import text_tree
from delegation.lineage.entry import Lineage

_LINE: Final = 18
_PNG_HEAD: Final = 33  # signature and IHDR, which come first in every PNG
_STYLE: Final = (
    'text.said{font-family:"Segoe UI",Helvetica,Arial,"DejaVu Sans",sans-serif;font-size:12.5px;'
    "fill:#526070}.sheet{fill:#f6f7f9}"
    "@media (prefers-color-scheme:dark){text.said{fill:#a3afbd}.sheet{fill:#12161c}}"
)


def _svg(forest: Iterable[Lineage], manifest: Manifest) -> Iterator[str]:
    """Yield one document: the notes above, then each task's drawing below the one before."""
    notes = manifest.lines()
    top = float(20 + _LINE * len(notes))
    parts: list[str] = []
    width = 900.0
    for number, lineage in enumerate(forest, start=1):
        part, wide, high = svg_part(lineage, str(number), top)
        parts.append(part)
        width, top = max(width, wide), top + high
    said = json.dumps(manifest.to_json(), ensure_ascii=True, sort_keys=True)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{top:g}" '
        f'viewBox="0 0 {width:g} {top:g}" role="group" aria-labelledby="t d">\n'
        f'<title id="t">{escape(notes[0])}</title>\n'
        f'<desc id="d">{escape("; ".join(notes))}</desc>\n'
        f"<metadata>{escape(said)}</metadata>\n<style>{_STYLE}</style>\n"
        f'<rect class="sheet" width="{width:g}" height="{top:g}"/>\n'
    )
    for number, note in enumerate(notes, start=1):
        yield f'<text class="said" x="28" y="{10 + number * _LINE}">{escape(note)}</text>\n'
    yield from parts
    yield "</svg>\n"


def _text(forest: Iterable[Lineage], manifest: Manifest) -> Iterator[str]:
    yield "".join(f"# {note}\n" for note in manifest.lines())
    yield from ("\n" + text_tree(one) for one in forest)


def with_text(png: bytes, said: str) -> bytes:
    """Return a PNG with a text chunk that says what it is, right behind its header."""
    body = b"tEXt" + b"Description\x00" + said.encode("ascii")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_PNG_HEAD] + chunk + png[_PNG_HEAD:]


class Drawing(NamedTuple):
    """How one form is drawn.

    Args:
        alone: One task's lineage, as commands and routes answer it.
        stated: A forest that says what it is, as exports do.

    Raises:
        RenderError: Graphviz is missing, fails, or there is too much for it.
        MissingExtraError: The extra `render` is not installed.
    """

    alone: Callable[[Lineage], str | bytes]
    stated: Callable[[Iterable[Lineage], Manifest], Iterable[str | bytes]]


DRAWINGS: Final[Mapping[str, Drawing]] = MappingProxyType(
    {
        "txt": Drawing(text_tree, _text),
        "svg": Drawing(svg, _svg),
        "mmd": Drawing(mermaid, lambda trees, said: [mermaid(*trees, notes=said.lines())]),
        "dot": Drawing(dot_source, lambda trees, said: [dot_source(*trees, notes=said.lines())]),
        "json": Drawing(
            lambda tree: canonical.encode(graph_json(tree)),
            lambda trees, said: listed("tasks", map(graph_json, trees), said),
        ),
        "png": Drawing(
            lambda tree: render(tree, "png"),
            lambda trees, said: [
                with_text(render(list(trees), "png", notes=said.lines()), said.header())
            ],
        ),
        "pdf": Drawing(
            lambda tree: render(tree, "pdf"),
            lambda trees, said: [render(list(trees), "pdf", notes=said.lines())],
        ),
    }
)
"""Each in `lineage.export_forms`, too, which says what it is to readers."""
