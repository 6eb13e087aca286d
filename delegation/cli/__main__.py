"""`python -m delegation.cli`."""

from __future__ import annotations

from delegation.cli.main import main

main()
