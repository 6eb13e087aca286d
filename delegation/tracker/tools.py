"""The catalogue as its keepers see it: tools, and labels of resources, each change a revision."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.resource_labels import ResourceLabels
from delegation.commands.retry import tried_again
from delegation.commands.work import Store


class Tools:
    """Tools and labels of resources.

    Args:
        store: Where their revisions are kept.
        clock: Returns Unix seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        """Keep them in this store."""
        self._store = store
        self._clock = clock

    @tried_again
    def add_tool(self, tool: Tool) -> int:
        """Record a tool's definition and return the catalogue's revision.

        Raises:
            ConflictError: The name is reserved.
        """
        with self._store.write() as work:
            work.catalogue().with_tool(tool)
            return work.add_tool(tool, at=self._clock())

    @tried_again
    def label_resources(self, pattern: str, labels: Iterable[str]) -> int:
        """Declare labels of resources and return the catalogue's revision.

        Args:
            pattern: Pattern over resource names, such as `db:crm/customers/**`.
            labels: Labels that calls on such resources bring into their task's history.

        Raises:
            MalformedError: Pattern or label has another form.
            ConflictError: Too many patterns have labels.
        """
        with self._store.write() as work:
            return work.label_resources(ResourceLabels(pattern, labels), at=self._clock())

    def known_catalogue(self) -> Catalogue:
        """Return the newest catalogue that this process knows, without asking the store."""
        return self._store.catalogue_hint()
