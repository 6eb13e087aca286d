"""What is public does not change by accident: parameters, bodies, answers, and what commands offer."""

from __future__ import annotations

import pytest
import schemathesis
from frozen import frozen, help_digests, published, template_of, text_of
from story import Story


class Judged(Story):
    """A story whose every answer is held against what is published."""

    def __init__(self) -> None:
        """Begin with nothing wrong."""
        super().__init__()
        self.schema = schemathesis.openapi.from_asgi("/openapi.json", self.service.app)
        self.paths = self.service.app.openapi()["paths"]
        self.seen: set[str] = set()

    def judge(self, method: str, path: str, answer) -> None:
        """Hold one answer against its operation."""
        template = template_of(self.paths, method, path)
        if template is None:
            return
        operation = self.schema[template][method]
        told = operation.definition.raw["responses"]
        assert str(answer.status_code) in told, (method, path, answer.status_code)
        content = told[str(answer.status_code)].get("content", {})
        kind = answer.headers.get("content-type", "").split(";")[0]
        assert not answer.content or kind in content, (method, path, kind)
        if "json" in kind and answer.content:
            operation.validate_response(answer)
            if answer.is_success:
                self.seen.add(operation.definition.raw["operationId"])


@pytest.fixture(scope="module")
def story() -> Judged:
    """Return a story that was lived through, each answer as it is published."""
    begun = Judged()
    begun.live()
    return begun


def lines(value) -> list:
    """Return a value as its file has it."""
    return text_of(value).splitlines()


def test_parameters_bodies_and_successes_are_as_published(story: Judged) -> None:
    """Of each operation that was published before; one more is no breach."""
    now = published(story.service.app.openapi())
    for line in frozen("openapi"):
        ((name, was),) = line.items()
        assert now[name] == was, name


def test_answers_are_as_they_were(story: Judged) -> None:
    """One story over every operation: statuses, media types, members, problems."""
    for was, now in zip(frozen("answers"), story.told, strict=True):
        assert now == was, was["asked"]


def test_answers_are_as_published(story: Judged) -> None:
    """Statuses, media types and members of more than seventy operations, where they succeed and where not."""
    assert len(story.seen) >= 70, sorted(story.seen)


def test_the_story_asks_every_operation(story: Judged) -> None:
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
