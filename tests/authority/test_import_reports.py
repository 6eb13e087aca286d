"""Documents after public reports (`DELEGATION_DATA`, folder `reports`), and our own API's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from service import Service
from world import World

from delegation.authority.documents.forms import tools_from
from delegation.authority.documents.imported import Imported
from delegation.authority.documents.reading import read_document

DATA = Path(os.environ.get("DELEGATION_DATA", "")) / "reports"
needs_data = pytest.mark.skipif(
    not os.environ.get("DELEGATION_DATA"), reason="DELEGATION_DATA names no folder of reports"
)


def report(name: str) -> Imported:
    """Return what comes of a report's document."""
    return tools_from(read_document((DATA / name).read_text("utf-8")), prefix="r")


@needs_data
def test_no_operation_is_dropped() -> None:
    """01: OPTIONS and TRACE are tools as POST is."""
    found = report("01_options_dropped.json")
    assert {t.name: t.effect for t in found.tools} == {
        "r.preflight_upload": "read", "r.trace_upload": "read", "r.upload": "write",
    }  # fmt: skip


@needs_data
def test_no_bound_is_dropped() -> None:
    """04: an amount beyond the maximum, a priority that is none, three recipients are refused."""
    found = report("04_bounds_dropped.json")
    (tool,) = found.tools
    assert (found.bounds_lost, found.notes) == (0, ())
    good = {"amount": 99.5, "priority": 2, "recipients": ["a", "b"]}
    assert tool.canonicalise(good) == good
    for odd in (
        {"amount": 1_000_000},
        {"amount": 0},
        {"priority": 4},
        {"recipients": ["a"] * 3},
        {"recipients": ["a" * 41]},
    ):
        assert not isinstance(tool.canonicalise({**good, **odd}), dict)


@needs_data
def test_a_nullable_parameter_is_an_optional_one() -> None:
    """06: null in a query is absence."""
    (tool,) = report("06_nullable_fastapi.json").tools
    assert tool.to_json()["arguments"] == {"fields?": "line", "order": "segment"}
    assert tool.canonicalise({"order": "7", "fields": None}) == {"order": "7"}


@needs_data
def test_an_answer_of_an_mcp_server_is_imported() -> None:
    """09: annotations are effects, the server's name an alias, the bound a bound."""
    (tool,) = report("09_mcp_tools_list.json").tools
    assert (tool.name, tool.effect, tool.aliases) == ("r.delete_file", "delete", ("deleteFile",))
    assert tool.to_json()["arguments"]["issue_number"] == {"type": "number", "min": "1"}


@needs_data
def test_a_uuid_is_one_segment_of_its_shape() -> None:
    """12: what comes of the document of a system that was ended, see `tests/cli/test_catalogue.py`."""
    (tool,) = report("12_crm_for_revoke_then_import.json").tools
    assert isinstance(tool.canonicalise({"id": "0b0a9c0e-5a3c-4b1e-9d53-0123456789ab"}), dict)
    assert not isinstance(tool.canonicalise({"id": "../x"}), dict)


def test_our_own_api_is_tools_whole() -> None:
    """Every operation of `/openapi.json`, as the service publishes it."""
    document = Service(World()).app.openapi()
    found = tools_from(document, prefix="own")
    methods = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
    assert len(found.tools) == sum(
        len(item.keys() & methods) for item in document["paths"].values()
    )
    assert found.skipped == ()
