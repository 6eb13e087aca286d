"""From what was gathered to the bytes of the form that was asked for, a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator

from delegation.commands.export_data import ExportData
from delegation.export.drawings import drawn
from delegation.export.graphml import graphml
from delegation.export.manifest import Manifest
from delegation.export.ocsf import ocsf_events
from delegation.export.prov import prov_json
from delegation.export.rows import csv_rows, json_rows, listed
from delegation.export.table import TABLES
from delegation.graph.model import graph_json
from delegation.lineage.selection import DRAWN, Selection


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
    if wanted.view == "lineage" and wanted.form in DRAWN and wanted.form != "graphml":
        yield from drawn((one.lineage for one in found.entries), manifest)
        return
    yield from (part.encode() for part in _texts(found, manifest, issuer))


def _texts(found: ExportData, manifest: Manifest, issuer: str) -> Iterator[str]:
    wanted = manifest.selection
    entries = found.entries
    match wanted.form:
        case "graphml":
            return graphml(entries, manifest)
        case "prov":
            return prov_json(entries, manifest)
        case "ocsf":
            return ocsf_events(entries, issuer, manifest)
        case "json" if wanted.view == "lineage":
            return listed("tasks", (graph_json(one.lineage) for one in entries), manifest)
    if wanted.view == "lineage":
        entries = (link for one in entries for link in one.lineage.links)
    table = TABLES[wanted.view]
    return csv_rows(table, entries) if wanted.form == "csv" else json_rows(table, entries, manifest)
