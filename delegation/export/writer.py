"""Writes gathered export data in the form that was asked for, a piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from delegation.commands.export_data import ExportData
from delegation.export.drawings import DRAWINGS
from delegation.export.graphml import graphml
from delegation.export.manifest import Manifest
from delegation.export.ocsf import ocsf_events
from delegation.export.prov import prov_json
from delegation.export.rows import csv_rows, json_rows
from delegation.export.table import TABLES
from delegation.lineage.selection import Selection


def manifest_of(found: ExportData, wanted: Selection, checkpoint: str) -> Manifest:
    """Return what an export states of itself.

    Args:
        found: What it is made of.
        wanted: What was asked for.
        checkpoint: The log's, from before it was read.
    """
    return Manifest(
        wanted,
        found.at,
        found.epoch,
        found.shown,
        found.total,
        checkpoint,
        found.is_complete,
    )


def written(found: ExportData, manifest: Manifest, issuer: str) -> Iterator[bytes]:
    """Yield the bytes of an export.

    Args:
        found: What it is made of; its snapshot is open.
        manifest: What it states of itself.
        issuer: Who issued the roots.

    Raises:
        RenderError: Graphviz is missing, fails, or there is too much for it.
        MissingExtraError: The extra `render` is not installed.
    """
    wanted = manifest.selection
    drawing = DRAWINGS.get(wanted.form) if wanted.view == "lineage" else None
    for piece in (
        _WRITERS[wanted.form](found, manifest, issuer)
        if drawing is None
        else drawing.stated((one.lineage for one in found.entries), manifest)
    ):
        yield piece.encode() if isinstance(piece, str) else piece


def _csv(found: ExportData, manifest: Manifest, _: str) -> Iterator[str]:
    view, entries = manifest.selection.view, found.entries
    if view == "lineage":
        entries = (link for one in entries for link in one.lineage.links)
    return csv_rows(TABLES[view], entries)


_WRITERS: Final[Mapping[str, Callable[[ExportData, Manifest, str], Iterator[str]]]] = (
    MappingProxyType(
        {
            "graphml": lambda found, manifest, _: graphml(found.entries, manifest),
            "csv": _csv,
            "json": lambda found, manifest, _: json_rows(
                TABLES[manifest.selection.view], found.entries, manifest
            ),
            "prov": lambda found, manifest, _: prov_json(found.entries, manifest),
            "ocsf": lambda found, manifest, issuer: ocsf_events(found.entries, issuer, manifest),
        }
    )
)
"""By form, what is no drawing; each in `lineage.export_forms`, too."""
