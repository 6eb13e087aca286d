"""Finds characters that are not seen, in recent calls, in grants, and in titles of tasks."""

from __future__ import annotations

from collections.abc import Iterator

from delegation.authority.ids import LinkId
from delegation.hidden import hidden_in
from delegation.lineage.entry import LinkEntry, hidden_in_link
from delegation.lineage.finding import Finding, finding, of_link
from delegation.lineage.survey import Hiding, Survey, called


def hidden_text(survey: Survey) -> Iterator[Finding]:
    """Yield links whose calls of the last hour or whose grants hold what is not seen, and tasks so titled.

    Links that ended are looked at, too: what they sent was acted on, or people are asked about it.
    """
    calls: dict[LinkId, list[Hiding]] = {}
    for call in survey.known.hiding:
        calls.setdefault(call.link, []).append(call)
    for link in survey.links:
        if found := calls.get(link.id):
            count = sum(hidden.count for call in found for hidden in call.found)
            newest = found[0]
            yield of_link(
                "hidden_text",
                "high" if any(call.matters for call in found) else "medium",
                link,
                f"{called(link)} sent {count} characters that are not seen in {len(found)} "
                f"{'call' if len(found) == 1 else 'calls'} within an hour; the newest is "
                f"{newest.decision} of {newest.tool}: {newest.found[0]}.",
                "Read the call with its escapes, and find out who wrote them.",
                sorted(call.decision for call in found),
            )
        if _may_hide(link) and (written := list(hidden_in_link(link))):
            yield of_link(
                "hidden_text", "medium", link,
                f"What {called(link)} was handed holds characters that are not seen: {written[0]}.",
                "Read the grant with its escapes, and ask its delegator who wrote it.",
                [str(one) for one in written[:8]],
            )  # fmt: skip
    for task in survey.known.tasks.values():
        for hidden in hidden_in(task.title):
            yield finding(
                "hidden_text", "medium", "task", task.id, task.id,
                f"The title of the task holds characters that are not seen: {hidden}.",
                f"Ask {task.owner} who opened it, and what else they sent.",
                task.title,
            )  # fmt: skip


def _may_hide(link: LinkEntry) -> bool:
    """Return whether anything that a link itself brought could hold what is not seen."""
    texts = (link.claimed_name, link.owner, *(change.after for change in link.changes))
    return link.parent is None or not all(map(str.isascii, texts))
