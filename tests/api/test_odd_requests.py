"""Every route, crawled with what no database holds: one answer, the same on both engines, no fault."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from service import Service
from world import World

from delegation_api.auth import MAX_IN_PATH, _declared

NUL, HALF = "a\x00b", "%ED%A0%80"  # half a surrogate pair, as bytes that are no UTF-8
LONG = "a" * 4000
PATHS = {"nul": quote(NUL), "half": HALF, "long": LONG}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def service(request) -> Iterator[Service]:
    """Return the application over a store with something in it, on each engine."""
    if request.param == "sqlite":
        world = World()
    else:
        world = World(url=request.getfixturevalue("server").new_database("t1"))
    token = world.chain("boss", "a")
    world.check(token, "a")
    made = Service(world)
    secret = world.tracker.create_login_link("rev", "http://testserver").rpartition("/")[2]
    made.http.get(f"/login/{secret}")
    yield made
    world.tracker.close()


def routes(service: Service) -> list[tuple[str, str, set[str]]]:
    """Return method, path and query parameters of every route that checks requests."""
    found = []
    for route in (
        inner
        for part in service.app.routes
        for inner in getattr(getattr(part, "original_router", None), "routes", ())
    ):
        if isinstance(route, APIRoute) and not route.path.startswith("/verify/"):
            names = set(_declared(route.dependant))
            found += [(method, route.path, names) for method in sorted(route.methods)]
    return found


def sent(service: Service, method: str, path: str):
    """Send a request with a body of the right kind: JSON to the API, a form to a page."""
    if method not in {"POST", "PUT"}:
        return service.ask(method, path)
    if path.startswith("/v1/"):
        return service.ask(method, path, json={})
    return service.ask(method, path, data={"a": "b"}, headers={"Origin": "http://testserver"})


def filled(path: str, value: str, place: int | None = None) -> str:
    """Return a path with its parameters filled; with `place`, only that one with the value."""
    count = iter(range(100))
    return re.sub(r"\{[^}]*\}", lambda _: value if place in {None, next(count)} else "x", path)


def test_there_is_much_to_crawl(service: Service) -> None:
    """The crawl would prove nothing if it found no routes."""
    found = routes(service)
    assert len(found) > 90
    assert sum("{" in path for _, path, _ in found) > 40
    assert sum(len(names) for _, _, names in found) > 60


@pytest.mark.parametrize("kind", PATHS)
def test_a_path_that_names_nothing_is_not_found(service: Service, kind: str) -> None:
    """NUL and thousands of characters are 404 wherever an id stands; half a surrogate is no fault."""
    for method, path, _ in routes(service):
        for place in range(path.count("{")):
            asked = filled(path, PATHS[kind], place)
            answer = sent(service, method, asked)
            if kind == "half":
                assert answer.status_code < 500, (method, path, answer.text[:200])
            else:
                assert answer.status_code == 404, (method, path, answer.text[:200])


@pytest.mark.parametrize("kind", PATHS)
def test_a_query_that_no_store_holds_is_refused(service: Service, kind: str) -> None:
    """NUL is 422 for every declared parameter of every route; the others are never a fault."""
    for method, path, names in routes(service):
        for name in sorted(names):
            asked = f"{filled(path, 'x')}?{name}={PATHS[kind]}"
            answer = sent(service, method, asked)
            if kind == "nul":
                assert answer.status_code == 422, (method, asked, answer.text[:200])
            else:
                assert answer.status_code < 500, (method, asked, answer.text[:200])


def test_real_ids_are_short_enough(service: Service) -> None:
    """Nothing that is recorded is refused for its length."""
    name = "n" * 80
    assert len(quote(name, safe="")) < MAX_IN_PATH
    world = service.world
    world.tracker.add_agent(name, owner="ana@acme.example", keys=[world.key("z").public])
    assert service.ask("GET", f"/v1/holders?holder={name}").status_code == 200
