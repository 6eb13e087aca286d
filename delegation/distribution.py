"""Names the distribution that brings this package, and finds strangers that claim the same name.

The import package and the command are `delegation`; the registry has another distribution of that
name, which shares nothing with ours but the folder it would be installed into.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from importlib.metadata import Distribution

NAME: Final = "delegation-chain"
VERSION: Final = "0.1.0"
_PACKAGE: Final = "delegation"
_AGAIN: Final = (
    f"install {NAME} again, in its checkout: pip install --force-reinstall --no-deps ."
    " (or with the path of its wheel for the dot)."
)


def installing(extra: str) -> str:
    """Return how an extra is installed, from what there is: it is not at the registry yet."""
    wheel = f"./{NAME.replace('-', '_')}-{VERSION}-py3-none-any.whl"
    return (
        f"In a checkout: pip install '.[{extra}]'. With the wheel: pip install '{wheel}[{extra}]'. "
        f"{NAME} is not published yet; what the registry has as {_PACKAGE} is something else."
    )


def strangers() -> Iterator[tuple[str, str]]:
    """Yield what else claims the package `delegation` here, each with its remedy.

    Looks at the installed distributions and at where the package was imported from. Does not
    compare every file with the one that was installed.
    """
    from importlib import metadata  # noqa: PLC0415  # slow to start

    # A distribution of the package's own name: one without a list of files has no packages.
    namesakes = {str(one.metadata["Name"]) for one in metadata.distributions(name=_PACKAGE)}
    for name in sorted({*metadata.packages_distributions().get(_PACKAGE, ()), *namesakes}):
        if name != NAME:
            yield (
                (
                    f"The distribution {name} is installed here and brings a package {_PACKAGE} too:"
                    f" whichever was installed last has overwritten the other."
                ),
                f"pip uninstall {name}; then {_AGAIN}",
            )
    front = sys.modules[_PACKAGE]
    if getattr(front, "__version__", None) != VERSION:
        yield (
            f"The package {_PACKAGE} that Python finds first is not that of {NAME}.",
            (
                f"Look at python -c 'import {_PACKAGE}; print({_PACKAGE}.__file__)', remove what brings"
                f" it; then {_AGAIN}"
            ),
        )
    here, ours = Path(__file__).parent, next(iter(metadata.distributions(name=NAME)), None)
    there = _installed(ours) if ours else here
    if not (there.exists() and there.samefile(here)):
        yield (
            f"The package {_PACKAGE} is imported from another place than {NAME} is installed in.",
            "Start from another folder, unset PYTHONPATH, or run in the checkout: pip install -e .",
        )


def _installed(ours: Distribution) -> Path:
    """Return where our distribution has its package."""
    origin = json.loads(ours.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        return Path(unquote(urlsplit(origin["url"]).path)) / _PACKAGE
    return Path(str(ours.locate_file(_PACKAGE)))
