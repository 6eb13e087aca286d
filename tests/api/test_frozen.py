"""What is public does not change by accident: parameters, bodies, answers, and what commands offer."""

from __future__ import annotations

import pytest
from frozen import frozen, help_digests, published, template_of, text_of
from story import Story


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
    paths = story.service.app.openapi()["paths"]
    asked = set()
    for one in story.told:
        method, path = one["asked"].rsplit(" ", 1)[0].split("?")[0].split(" ", 1)
        asked.add((method.lower(), template_of(paths, method, path)))
    every = {(method, path) for path, methods in paths.items() for method in methods}
    assert {path for _, path in every - asked} == {"/verify/nginx", "/verify/forward", "/metrics"}


def test_commands_offer_what_they_offered() -> None:
    """Words, options, defaults and sentences of each command; one more is no breach."""
    now = help_digests()
    for line in frozen("help"):
        ((name, was),) = line.items()
        assert now[name] == was, name
