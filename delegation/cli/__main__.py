"""Starts the program: `delegation`, or `python -m delegation.cli`; without its extra it says so."""

from __future__ import annotations

import json
import sys

from delegation.errors import MissingExtraError


def main() -> None:
    """Run the program, or say in a sentence which part of the package is not installed."""
    try:
        from delegation.cli.main import app  # noqa: PLC0415  # an extra
    except MissingExtraError:
        sys.exit(_missing())
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "delegation":
            raise
        sys.exit(_missing())
    app()


def _missing() -> int:
    error = MissingExtraError("cli", "The command line")
    said = {"code": error.code, "message": str(error), "remedy": error.remedy}
    is_json = "--json" in sys.argv[1:]
    text = json.dumps(said) if is_json else f"{said['message']}\n{said['remedy']}"
    sys.stderr.write(text + "\n")
    return 1


if __name__ == "__main__":
    main()
