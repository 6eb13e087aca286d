"""Writes every generated reference from the code as it is now."""

from __future__ import annotations

from references import DOCS, PAGES

if __name__ == "__main__":
    for place, page in PAGES.items():
        (DOCS / place).write_text(page(), "utf-8")
