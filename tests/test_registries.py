"""Registries: each name is known to all who must know it, an unknown one is refused, and none changes at run time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest
from world import World

from delegation.authority.arguments import TYPES, families
from delegation.authority.constraints import EXAMPLES, TABLES, WORDS
from delegation.errors import MalformedError
from delegation.export import writer
from delegation.export.drawings import DRAWINGS
from delegation.identity.roles import ROLES
from delegation.lineage import export_forms
from delegation.lineage.selection import VIEWS
from delegation.tokens import formats
from delegation.tokens.evidence import Format, LinkEvidence
from delegation.tokens.formats import check_evidence
from delegation.tokens.text import read_text


def test_every_format_of_tokens_is_a_module_with_a_tag_of_its_own() -> None:
    """What the records and the service's descriptions name is what can be read."""
    assert list(formats.FORMATS) == list(get_args(Format))
    assert len({one.TAG for one in formats.FORMATS.values()}) == len(formats.FORMATS)


def test_an_unknown_format_of_tokens_is_no_format() -> None:
    """It is not issued, not read, and shows nothing as evidence."""
    world = World()
    token = world.root()
    with pytest.raises(MalformedError, match="biscuit or macaroon"):
        world.root(format="jwt")
    with pytest.raises(MalformedError, match=r"dct\.b1\. or dct\.m1\."):
        read_text(token.text.replace("dct.b1.", "dct.j1."))
    [link], [real] = token.chain.links, token.evidence
    [issuer] = [key.key for key in world.ring.public_ring().keys if key.role == "issuer"]
    assert check_evidence(link.payload, issuer, real)
    foreign = LinkEvidence("jwt", real.block, real.signature)  # type: ignore[arg-type]
    assert not check_evidence(link.payload, issuer, foreign)


def test_every_form_of_every_view_has_a_writer() -> None:
    """What an export may be asked for can be written, and what can be drawn can be exported."""
    assert set(export_forms.FORMS) >= set(DRAWINGS)
    for view, one in VIEWS.items():
        drawn = DRAWINGS.keys() if view == "lineage" else set()
        assert set(one.forms) <= drawn | writer._WRITERS.keys()


def test_families_name_types_that_there_are() -> None:
    """A type that is misspelt in a family would be in none."""
    named = families.TEXTS | families.NUMBERS | families.KINDS_OF.keys() | families.STATED_AS.keys()
    assert named <= TYPES
    assert all(one is not None for _, one in EXAMPLES)


def test_an_unknown_role_has_no_key() -> None:
    """A caller's role is one of those that are listed."""
    with pytest.raises(MalformedError, match=", ".join(ROLES[:-1])):
        World().tracker.create_api_key("x", "admin")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "table",
    [
        formats.FORMATS,
        export_forms.FORMS,
        DRAWINGS,
        WORDS,
        TABLES,
        TABLES[2],
        families.KINDS_OF,
        writer._WRITERS,
    ],
    ids=["formats", "forms", "drawings", "words", "tables", "kinds", "families", "writers"],
)
def test_nobody_changes_a_registry_at_run_time(table: Mapping[str, object]) -> None:
    """A name that was not there when the program was read is never there."""
    with pytest.raises(TypeError):
        table["evil"] = table  # type: ignore[index]
    assert not hasattr(table, "update")


def test_what_public_keys_verify_whole_is_said_by_the_format() -> None:
    """Only such tokens are settled outside the store."""
    assert frozenset({"biscuit"}) == formats.PUBLIC
