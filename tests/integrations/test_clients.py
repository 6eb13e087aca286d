"""Clients of a guarded service: each signs what it really sends, and tells nobody else."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Annotated, Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
from fastapi import Body, FastAPI, Form, UploadFile, WebSocket
from fastapi.responses import RedirectResponse
from served import served
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from delegation import Grant, HolderKey, anything, between, may, one_of
from delegation.errors import MalformedError, NotFoundError
from delegation.integrations import Guard
from delegation.integrations.signing import Auth, Signer, discover, spelled
from delegation.judge.decision import Decision
from delegation.tracker import Tracker

OTHERS: dict[str, Any] = {
    "/away": {}, "/photos": {"photo": anything(), "name": one_of("Ana B")}, "/talk": {"room": one_of("a b")},
}  # fmt: skip
DESK = "https://desk.acme.example"


@dataclass
class Answer:
    """What came back, whichever client asked."""

    status: int
    body: Any


class Httpx:
    """httpx or httpx2, synchronous."""

    def __init__(self, library: Any) -> None:
        self.library = library

    def ask(self, auth: Auth, method: str, url: str, **sent: Any) -> Answer:
        """Send one request."""
        with self.library.Client(auth=auth, trust_env=False) as http:
            answer = http.request(method, url, follow_redirects=True, **sent)
            return Answer(answer.status_code, answer.json())


class AsyncHttpx(Httpx):
    """httpx or httpx2, asynchronous."""

    def ask(self, auth: Auth, method: str, url: str, **sent: Any) -> Answer:
        """Send one request."""

        async def asked() -> Answer:
            async with self.library.AsyncClient(auth=auth, trust_env=False) as http:
                answer = await http.request(method, url, follow_redirects=True, **sent)
                return Answer(answer.status_code, answer.json())

        return asyncio.run(asked())


class Requests:
    """requests."""

    def ask(self, auth: Auth, method: str, url: str, **sent: Any) -> Answer:
        """Send one request."""
        sent = {"data" if name == "content" else name: value for name, value in sent.items()}
        with requests.Session() as http:
            http.trust_env = False
            answer = http.request(method, url, auth=auth, **sent)
            return Answer(answer.status_code, answer.json())


class Aiohttp:
    """aiohttp."""

    def ask(self, auth: Auth, method: str, url: str, **sent: Any) -> Answer:
        """Send one request."""
        sent = {"data" if name == "content" else name: value for name, value in sent.items()}

        async def asked() -> Answer:
            async with (
                aiohttp.ClientSession(middlewares=[auth]) as http,
                http.request(method, url, **sent) as answer,
            ):
                return Answer(answer.status, await answer.json(content_type=None))

        return asyncio.run(asked())


CLIENTS = {
    "httpx": Httpx(httpx), "httpx2": Httpx(httpx2), "async httpx": AsyncHttpx(httpx),
    "async httpx2": AsyncHttpx(httpx2), "requests": Requests(), "aiohttp": Aiohttp(),
}  # fmt: skip


def application(elsewhere: Callable[[], str]) -> FastAPI:
    """Return a service with a judged, an open and a leading-away route."""
    app = FastAPI()

    @app.get("/health")
    def health() -> str:
        return "ok"

    @app.post("/orders/{order}/notes")
    def note(order: str, n: Annotated[int, Body(embed=True)], title: str = "") -> dict:
        return {"order": order, "title": title, "n": n}

    @app.post("/photos")
    async def photo(photo: UploadFile, name: Annotated[str, Form()]) -> dict:
        return {"name": name, "size": len(await photo.read())}

    @app.websocket("/talk")
    async def talk(socket: WebSocket, room: str) -> None:
        await socket.accept()
        await socket.send_text(room + await socket.receive_text())

    @app.get("/away")
    def away() -> RedirectResponse:
        return RedirectResponse(f"{elsewhere()}/away")

    return app


Headers = ("Authorization", "Delegation-Token")


@pytest.fixture(scope="module", params=Headers)
def desk(request: pytest.FixtureRequest) -> Iterator[SimpleNamespace]:
    """Serve the guarded application, and a stranger that writes down what it is told."""
    told: list[dict[str, str]] = []

    async def stranger(scope: Any, receive: Any, send: Any) -> None:
        told.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'"hello"'})

    tracker = Tracker.open()
    with served(stranger) as away:
        app = application(lambda: away)
        guard = Guard.from_app(
            app, tracker, audience=DESK, opened=["GET /health"], token_header=request.param
        )
        tools = {route.path: route.tool for route in guard.routes().routes}
        notes = may(
            tools["/orders/{order}/notes"], order=anything(), title=anything(), n=between(1, 9)
        )
        others = [may(tools[path], **said) for path, said in OTHERS.items()]
        key = HolderKey.generate("agent")
        ceiling = Grant([notes, *others], audience=[DESK])
        task = tracker.open_task("Notes", owner="ana@acme.example", ceiling=ceiling, lasts=3600)
        token = tracker.issue(task, to=key.public)
        with served(guard.protect(app)) as url:
            routes = discover(url, audience=DESK)
            yield SimpleNamespace(
                url=url, told=told, tracker=tracker, signer=lambda: Signer(token, key, routes),
                stranger=away, token=token, key=key, routes=routes,
                auth=lambda **said: Auth(token, key, routes, **said),
            )  # fmt: skip


@pytest.mark.parametrize("name", CLIENTS)
def test_each_client_signs_what_it_sends(desk: SimpleNamespace, name: str) -> None:
    """A space in the query, a body, the same request once more, and a call that is denied."""
    client, auth = CLIENTS[name], desk.auth()
    notes = f"{desk.url}/orders/o-1/notes"
    for _ in range(2):  # the second needs a proof of its own
        got = client.ask(auth, "POST", notes, params={"title": "a b+c&é"}, json={"n": 3})
        assert (got.status, got.body) == (200, {"order": "o-1", "title": "a b+c&é", "n": 3})
    got = client.ask(auth, "POST", notes, json={"n": 10})
    assert (got.status, got.body["code"]) == (403, "argument_refused")


@pytest.mark.parametrize("name", CLIENTS)
def test_open_routes_pass_unsigned_and_unknown_ones_are_refused(
    desk: SimpleNamespace, name: str
) -> None:
    """What everybody may ask needs no proof; what nobody declared is found before it is sent."""
    auth = desk.auth()
    assert CLIENTS[name].ask(auth, "GET", f"{desk.url}/health").body == "ok"
    with pytest.raises(NotFoundError, match="no declared route"):
        CLIENTS[name].ask(auth, "GET", f"{desk.url}/other")


@pytest.mark.parametrize("name", CLIENTS)
def test_nothing_is_told_to_whom_a_redirect_leads(desk: SimpleNamespace, name: str) -> None:
    """Token and proof stay at the service, even where the stranger has the same path."""
    desk.told.clear()
    assert CLIENTS[name].ask(desk.auth(), "GET", f"{desk.url}/away").body == "hello"
    (told,) = desk.told
    assert not {"authorization", "delegation-proof", "delegation-token"} & told.keys()
    assert not any("dct." in value for value in told.values())


@pytest.mark.parametrize("name", CLIENTS)
def test_a_body_is_signed_as_it_is_sent_or_refused(desk: SimpleNamespace, name: str) -> None:
    """Bytes and files are read and sent as they were read; what comes only once is refused."""
    auth, notes = desk.auth(), f"{desk.url}/orders/o-1/notes"
    for content in (b'{"n": 4}', io.BytesIO(b'{"n": 4}')):
        got = CLIENTS[name].ask(
            auth, "POST", notes, content=content, headers={"Content-Type": "application/json"}
        )
        assert (got.status, got.body["n"]) == (200, 4)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_form_with_a_file_is_signed_as_it_is_encoded(desk: SimpleNamespace, name: str) -> None:
    """The boundary is the client's own; the guard reads the same parts."""
    said: dict[str, Any] = {
        "data": {"name": "Ana B"},
        "files": {"photo": ("a.png", b"PNG", "image/png")},
    }
    if name == "aiohttp":
        form = aiohttp.FormData({"name": "Ana B"})
        form.add_field("photo", b"PNG", filename="a.png", content_type="image/png")
        said = {"data": form}
    got = CLIENTS[name].ask(desk.auth(), "POST", f"{desk.url}/photos", **said)
    assert (got.status, got.body) == (200, {"name": "Ana B", "size": 3})


async def pieces() -> AsyncIterator[bytes]:
    """Yield a body once."""
    yield b'{"n": 4}'


@pytest.mark.parametrize(
    ("name", "content"),
    [("requests", iter([b'{"n": 4}'])), ("async httpx", pieces()), ("async httpx2", pieces())],
)
def test_what_can_be_read_only_once_is_refused(
    desk: SimpleNamespace, name: str, content: Any
) -> None:
    """A body that signing would use up is not sent at all."""
    with pytest.raises(MalformedError, match="read only once"):
        CLIENTS[name].ask(desk.auth(), "POST", f"{desk.url}/orders/o-1/notes", content=content)


@pytest.mark.parametrize("name", CLIENTS)
def test_what_a_request_states_of_its_own(desk: SimpleNamespace, name: str) -> None:
    """A purpose and a cause are in the proof, and in the record."""
    notes = f"{desk.url}/orders/o-1/notes"
    CLIENTS[name].ask(desk.auth(), "POST", notes, json={"n": 2})
    first = latest(desk.tracker)
    auth = desk.auth(purpose="desk").stating(purpose="desk/notes", cause=str(first.id))
    assert CLIENTS[name].ask(auth, "POST", notes, json={"n": 3}).status == 200
    assert latest(desk.tracker).claimed_cause == first.id


def latest(tracker: Tracker) -> Decision:
    """Return the decision that was made last."""
    last = max(tracker.decisions(), key=lambda one: one.sequence)
    return tracker.decision(last.id).decision


def test_the_handshake_of_a_socket_is_signed(desk: SimpleNamespace) -> None:
    """A client of sockets takes the signer's headers; without them it is not let in."""
    url = spelled(f"{desk.url.replace('http', 'ws')}/talk?room=a+b")

    async def talk(headers: dict[str, str]) -> str:
        async with connect(url, additional_headers=headers, proxy=None) as socket:
            await socket.send("!")
            return str(await socket.recv())

    assert asyncio.run(talk(desk.signer().headers("GET", url))) == "a b!"
    with pytest.raises(InvalidStatus):
        asyncio.run(talk({}))


def test_only_one_origin_is_signed_for(desk: SimpleNamespace) -> None:
    """The one whose routes were read, whatever is asked first: what else is asked gets nothing."""
    signer, others = desk.signer(), ["https://evil.example/away", f"{desk.url}/away".replace("http:", "https:")]  # fmt: skip
    assert [signer.headers("GET", other) for other in others] == [{}, {}]
    assert signer.headers("GET", f"{desk.url}/away")
    assert [signer.headers("GET", other) for other in others] == [{}, {}]
    based = desk.auth(base=f"{DESK}/below")
    assert based.headers("GET", f"{DESK}/below/away")
    assert based.headers("GET", f"{DESK}/away") == {}


@pytest.mark.parametrize("name", CLIENTS)
def test_whoever_is_asked_first_is_not_believed_to_be_the_service(
    desk: SimpleNamespace, name: str
) -> None:
    """Routes declared by hand say no place: the audience's is meant, or one that is stated."""
    desk.told.clear()
    away = desk.auth(base=desk.url).stating(purpose="desk")
    assert CLIENTS[name].ask(away, "GET", f"{desk.stranger}/away").body == "hello"
    (told,) = desk.told
    assert not any("dct." in value for value in told.values())
    by_hand = Auth(desk.token, desk.key, replace(desk.routes, base=""))
    for auth in (by_hand, by_hand.stating(purpose="desk")):
        with pytest.raises(MalformedError, match=f"nobody said that it is not {DESK}") as refused:
            CLIENTS[name].ask(auth, "GET", f"{desk.stranger}/away")
        assert f"base='{desk.stranger}'" in refused.value.remedy
    assert len(desk.told) == 1, "nothing more was sent"
    assert by_hand.headers("GET", f"{DESK}/away")
    assert by_hand.headers("GET", f"{desk.stranger}/away") == {}


@pytest.mark.parametrize("base", ["mail", "desk.example", "ftp://desk.example", "https://", "https://desk.example:x", "https://desk.example:99999", "//desk.example"])  # fmt: skip
def test_a_service_listens_somewhere(desk: SimpleNamespace, base: str) -> None:
    """An audience that is no URL, or a base that is none, is found before anything is signed."""
    routes = replace(desk.routes, base="")
    with pytest.raises(MalformedError):
        Auth(desk.token, desk.key, routes, base=base)
    if base == "mail":
        with pytest.raises(MalformedError, match="where the service listens"):
            Auth(desk.token, desk.key, replace(routes, audience=base))
        assert Auth(desk.token, desk.key, replace(routes, audience=base), base=DESK)


def test_no_password_of_a_url_is_told(desk: SimpleNamespace) -> None:
    """A message names scheme, host and port."""
    auth = Auth(desk.token, desk.key, replace(desk.routes, base=""))
    with pytest.raises(MalformedError) as refused:
        auth.headers("GET", "https://ana:pass123@evil.example/away")
    assert "pass123" not in f"{refused.value}{refused.value.remedy}"
    with pytest.raises(MalformedError, match="port"):
        auth.headers("GET", "https://desk.example:x/away")


@pytest.mark.parametrize("url", ["https://evil.example\\@desk.example/away", "https://desk.example\n/away", " https://desk.example/away", "https://de\tsk.example/away"])  # fmt: skip
def test_a_url_that_clients_read_as_two_places_is_not_signed_for(
    desk: SimpleNamespace, url: str
) -> None:
    """urllib3 and browsers send the first to evil.example, and this signer would not."""
    with pytest.raises(MalformedError, match="The URL"):
        desk.auth(base="https://desk.example").headers("GET", url)


def test_port_zero_is_no_usual_port(desk: SimpleNamespace) -> None:
    """Another port is another origin, whatever its number."""
    signer = desk.auth(base="https://desk.example")
    assert signer.headers("GET", "https://desk.example:443/away")
    assert signer.headers("GET", "https://desk.example:0/away") == {}
