"""One person is one, however the address is spelled; tags and schemes are other people's."""

from __future__ import annotations

import pytest

from delegation.identity.person import folded


@pytest.mark.parametrize(
    ("spelled", "same"),
    [
        ("Ana@acme.example", True), ("ANA@ACME.EXAMPLE", True), ("ana@acme.example.", True),
        ("ana+x@acme.example", False), ("mailto:ana@acme.example", False), ("ana@acme.test", False), ("ana", False),
    ],
)  # fmt: skip
def test_a_person_has_one_folded_name(spelled: str, same: bool) -> None:
    """As the words of the law say."""
    assert (folded(spelled) == folded("ana@acme.example")) is same


def test_international_domains_have_two_spellings() -> None:
    """Unicode and its ASCII form are one domain; a local part is compared without case."""
    assert folded("jörg@bücher.example") == folded("JÖRG@xn--bcher-kva.example")
    assert folded("a@" + "x" * 70 + ".example")
