"""Holds a finished export: its bytes, their digest, and its manifest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self

from delegation.export.manifest import Manifest
from delegation.lineage.export_forms import FORMS


@dataclass(frozen=True, slots=True)
class Exported:
    """A finished export.

    Args:
        manifest: What it states of itself.
        digest: SHA-256 of its bytes, 32 bytes.
        data: Its bytes.
    """

    manifest: Manifest
    digest: bytes
    data: bytes

    @classmethod
    def of(cls, manifest: Manifest, data: bytes) -> Self:
        """Return an export of these bytes."""
        return cls(manifest, hashlib.sha256(data).digest(), data)

    @property
    def is_intact(self) -> bool:
        """Whether the bytes are those of the digest."""
        return hashlib.sha256(self.data).digest() == self.digest

    @property
    def name(self) -> str:
        """What its file is called: made of our own words, never of a name."""
        asked = self.manifest.selection
        return f"delegation-{asked.view}-{self.manifest.at}.{FORMS[asked.form].suffix}"
