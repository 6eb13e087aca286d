"""What is public does not change by accident: parameters, bodies, answers, and what commands offer."""

from __future__ import annotations

import pytest
from frozen import Story, frozen, help_digests, published, text_of


@pytest.fixture(scope="module")
def story() -> Story:
    """Return a story that was lived through."""
    begun = Story()
    begun.live()
    return begun


def lines(value) -> list:
    """Return a value as its file has it."""
    return text_of(value).splitlines()


def test_parameters_bodies_and_successes_are_as_published(story: Story) -> None:
    """Of each operation that was published before; one more is no breach."""
    now = published(story.service.app.openapi())
    for line in frozen("openapi"):
        ((name, was),) = line.items()
        assert now[name] == was, name


def test_answers_are_as_they_were(story: Story) -> None:
    """One story over every operation: statuses, media types, members, problems."""
    for was, now in zip(frozen("answers"), story.told, strict=True):
        assert now == was, was["asked"]


def test_the_story_asks_every_operation(story: Story) -> None:
    """What is published was asked at least once, but for the two doors of proxies and the metrics."""
    routes = [
        route for route in story.service.app.routes if getattr(route, "include_in_schema", False)
    ]
    asked = {one["asked"].rsplit(" ", 1)[0].split("?")[0] for one in story.told}
    for route in routes:
        for method in route.methods:
            is_asked = any(
                one.startswith(f"{method} ") and route.path_regex.match(one.split(" ", 1)[1])
                for one in asked
            )
            assert is_asked or route.path.startswith(("/verify", "/metrics")), (method, route.path)


def test_commands_offer_what_they_offered() -> None:
    """Words, options, defaults and sentences of each command; one more is no breach."""
    now = help_digests()
    for line in frozen("help"):
        ((name, was),) = line.items()
        assert now[name] == was, name
