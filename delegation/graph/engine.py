"""Renders by Graphviz's `dot`, when it is installed: bounded in nodes, time and memory."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

from delegation.cancellation import look
from delegation.errors import RenderError
from delegation.graph.dot import dot_source
from delegation.lineage.entry import Lineage

Picture: TypeAlias = Literal["svg", "png", "pdf"]
FORMATS: Final = frozenset({"svg", "png", "pdf"})
MAX_NODES: Final = 1000  # beyond, dot takes minutes (27 s at 5,000, measured)
_LOOK_SECONDS: Final = 0.2
MAX_SECONDS: Final = 10
MAX_MEMORY: Final = 1024**3  # bytes of the dot process
_HINT: Final = "Install Graphviz (Debian: apt install graphviz), or use the built-in SVG."


def render(
    lineage: Lineage | Sequence[Lineage], picture: Picture, *, notes: Sequence[str] = ()
) -> bytes:
    """Return lineage drawn by `dot`.

    Args:
        lineage: One task's, or several; at most 1,000 links.
        picture: `svg`, `png` or `pdf`.
        notes: Lines under the title that say what it is.

    Raises:
        RenderError: `dot` is missing, fails or takes too long, or there are too many links.
        MissingExtraError: The extra `render` is not installed.
    """
    if picture not in FORMATS:
        raise RenderError("The picture must be svg, png or pdf.")
    forest = (lineage,) if isinstance(lineage, Lineage) else tuple(lineage)
    if sum(1 + len(one.links) for one in forest) > MAX_NODES + 1:
        raise RenderError(
            f"More than {MAX_NODES} links are not drawn by Graphviz.",
            remedy="Narrow the selection, or use the built-in SVG.",
        )
    program = shutil.which("dot")
    if program is None:
        raise RenderError("Graphviz is not installed.", remedy=_HINT)
    source = dot_source(*forest, notes=notes)
    try:
        # Fixed arguments, the source on standard input: nothing of a user reaches a command line.
        started = subprocess.Popen(  # noqa: S603
            [program, "-Kdot", f"-T{picture}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_memory_limit(),  # noqa: PLW1509  # only sets a limit before exec
        )
    except OSError as error:
        raise RenderError("Graphviz could not be started.", remedy=_HINT) from error
    with started:
        try:
            drawn = _drawn(started, source.encode("utf-8"))
        finally:
            started.kill()
    if started.returncode != 0 or not drawn:
        raise RenderError("Graphviz failed.", remedy=_HINT)
    return drawn


def _drawn(program: subprocess.Popen[bytes], source: bytes) -> bytes:
    """Wait for a picture as long as somebody wants it."""
    ends = time.monotonic() + MAX_SECONDS
    given: bytes | None = source
    while True:
        look()
        try:
            return program.communicate(given, timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired as error:
            given = None  # it has it
            if time.monotonic() > ends:
                raise RenderError("Graphviz did not finish in time.", remedy=_HINT) from error


def _memory_limit() -> Callable[[], None] | None:
    try:
        import resource  # noqa: PLC0415  # there is none on Windows
    except ImportError:
        return None

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))

    return limit
