"""The files of docs/deploy that put TLS in front, run by nginx, Caddy and Traefik: API and pages, in a real browser."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
from browsing import launched, main
from fronts import FRONTS, NAME, Front, in_front
from proxies import DEPLOY, free_port
from serving import serving
from typer.testing import CliRunner
from world import OWNER, World

from delegation.cli.checkup.service import look_at_pages
from delegation.cli.main import app
from delegation.client import Client
from delegation.errors import ServiceError
from delegation_api.pages.session import csrf_of
from delegation_api.settings import Settings

ODD = "payer #2; 50% or more?"  # a name that needs escapes in an address
ELSEWHERE = f"{NAME}:8443"
OTHERS = (
    "https://evil.example", "https://evil.example:8443", f"https://{NAME}", f"http://{ELSEWHERE}", f"https://{NAME}:8444",
    f"https://{ELSEWHERE}.evil.example", f"https://evil.example@{ELSEWHERE}", f"https://{ELSEWHERE}/", "null", "", "http://[", "https://[::1]:8443",
)  # fmt: skip

# What takes the port from Host, or the scheme away.
MISTAKES = {
    "nginx": [("Host $http_host;", "Host $host;"), ("X-Forwarded-Proto $scheme", 'X-Forwarded-Proto ""')],
    "caddy": [
        ("{upstream}", "{upstream} {\n\t\theader_up Host {host}\n\t}"),
        ("{upstream}", "{upstream} {\n\t\theader_up -X-Forwarded-Proto\n\t}"),
    ],
    "traefik": [("      loadBalancer:\n", "      loadBalancer:\n        passHostHeader: false\n")],
}  # fmt: skip


class Through(httpx2.HTTPTransport):
    """Reaches the name of the certificate where its proxy listens here."""

    def __init__(self, front: Front) -> None:
        self.port = front.port
        super().__init__(verify=front.trust)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(host="127.0.0.1", port=self.port)
        request.extensions = {**request.extensions, "sni_hostname": NAME}
        return super().handle_request(request)


@dataclass(frozen=True)
class Place:
    """A service behind a proxy with TLS."""

    world: World
    keys: dict[str, str]
    front: Front
    back: str

    def client(self, role: str = "operator") -> Client:
        """Return a client that goes through the proxy."""
        transport = Through(self.front)
        return Client(
            f"https://{ELSEWHERE}", api_key=self.keys[role], transport=transport, attempts=1
        )

    def call(self) -> Any:
        """Make a call through the proxy that is allowed."""
        token = self.world.chain("boss", "clerk")
        access = self.world.access()
        proof = self.world.key("clerk").prove(token, access, at=int(time.time()))
        with self.client() as through:
            return through.check(token, proof, access)

    def post(self, path: str, headers: dict[str, str], host: str = ELSEWHERE, **fields: str) -> int:
        """Post a form as some client, and return the status."""
        form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return self.front.send("POST", path, form, urlencode(fields).encode(), host=host)[0]


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[tuple[World, dict]]:
    """Run the service."""
    folder = tmp_path_factory.mktemp("served")
    world = World(path=folder / "s.db", at=int(time.time()))
    world.tracker.add_agent(ODD, owner=OWNER, keys=[world.key("odd").public])
    world.tracker._desk.ring.save(folder / "s.ring.json")
    with serving(folder / "s.db", folder) as told:
        yield world, told


@pytest.fixture(
    scope="module",
    params=[FRONTS[0], *(pytest.param(f, marks=pytest.mark.thorough) for f in FRONTS[1:])],
)
def place(request, tmp_path_factory, served) -> Iterator[Place]:
    """Run one of the proxies before it."""
    world, told = served
    back = told["url"].removeprefix("http://")
    with in_front(request.param, tmp_path_factory.mktemp(request.param), back) as front:
        yield Place(world, told["api_keys"], front, back)


def test_calls_pass_and_are_decided(place: Place) -> None:
    """A check and its replay, a listing, a drawing; a body beyond the limit stops on the way."""
    token = place.world.chain("boss", "clerk")
    access = place.world.access()
    proof = place.world.key("clerk").prove(token, access, at=int(time.time()))
    with place.client() as through:
        through.health()
        assert through.check(token, proof, access).allowed
        assert not through.check(token, proof, access).allowed
        assert through.task(place.world.task.id).id == place.world.task.id
        assert b"<svg" in through.drawing(place.world.task.id, "svg")
    key = {"Authorization": f"Bearer {place.keys['operator']}"}
    large = b"x" * (Settings().max_body + 1)
    assert place.front.send("POST", "/v1/tools", key, large)[0] == 413
    assert place.front.send("POST", "/v1/tools", key, large[:-2])[0] == 415
    assert place.front.send("GET", "/v1/tasks/..%2f..%2fmetrics")[0] in {400, 404}


def test_reviewers_work_behind_it(place: Place) -> None:
    """In a browser, on a port of its own and on the default one."""
    rules = ",".join(f"MAP {NAME}:{port} 127.0.0.1:{place.front.port}" for port in (443, 8443))
    with launched(f"--host-resolver-rules={rules}") as browser:
        for host in (ELSEWHERE, NAME):
            visit(place, browser, f"https://{host}", works=host == ELSEWHERE)


def visit(place: Place, browser: Any, base: str, *, works: bool) -> None:
    """Log in and out, and between that work with the pages; the cookie is TLS's own."""
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(90_000)
    page = context.new_page()
    bad: list[str] = []
    page.on("pageerror", lambda e: bad.append(str(e)))
    page.on("request", lambda r: None if r.url.startswith(f"{base}/") else bad.append(r.url))
    page.goto(f"{base}/decisions?allowed=true")  # without a session: leads to the login
    page.fill("#key", place.keys["reviewer"])
    page.click("main button")
    page.wait_for_url(f"{base}/decisions?allowed=true")
    (cookie,) = [c for c in context.cookies() if "session" in c["name"]]
    assert cookie["name"].startswith("__Host-")
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")

    if works:
        work(place, page, base)
    page.goto(f"{base}/")
    page.click("header details summary")
    page.click("text=Log out")
    page.wait_for_url(f"{base}/login")
    page.goto(f"{base}/agents")
    assert page.url.startswith(f"{base}/login")
    assert bad == []
    context.close()


def work(place: Place, page: Any, base: str) -> None:
    """Watch a page change, download, open an odd name, revoke."""
    link = place.world.root("boss").id
    page.goto(f"{base}/tasks/{place.world.task.id}")
    page.wait_for_selector("#live[data-open]", state="attached")
    assert place.call().allowed
    page.wait_for_function(
        "() => /1 new decision/.test(document.getElementById('pulse').textContent)"
    )

    page.click("text=Export…")
    page.check('input[value="svg"]')
    with page.expect_download() as got:
        page.click("text=Download now")
    assert Path(got.value.path()).read_bytes().startswith(b"<svg")

    page.goto(f"{base}/agents/{quote(ODD, safe='')}")
    assert ODD in main(page)

    page.goto(f"{base}/links/{link}/revoke")
    page.fill("#reason", "a drill")
    page.click("button.danger")
    page.wait_for_url(f"{base}/endings/**")
    assert "a drill" in main(page)


def test_a_link_for_one_login_opens_behind_it(place: Place) -> None:
    """Made for the address as people reach it; only the post spends it."""
    link = place.world.tracker.create_login_link("reviewer", f"https://{ELSEWHERE}")
    assert link.startswith(f"https://{ELSEWHERE}/login?ticket=")
    ticket = link.partition("ticket=")[2]
    own = {"Origin": f"https://{ELSEWHERE}"}
    assert place.front.send("GET", f"/login?ticket={ticket}")[0] == 200
    assert place.post("/login", own, ticket=ticket, next="/") == 303
    assert place.post("/login", own, ticket=ticket, next="/") == 401


def test_a_form_of_another_site_is_refused(place: Place) -> None:
    """Whatever a client says of itself beside it; this site's own is asked for its key."""
    for said in OTHERS:
        for more in ({}, {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.example"}):  # fmt: skip
            assert place.post("/login", {"Origin": said, **more}, key="dk_x") == 403, said
    own = {"Origin": f"https://{ELSEWHERE}"}
    for site in ("cross-site", "same-site", "none"):
        assert place.post("/login", {**own, "Sec-Fetch-Site": site}, key="dk_x") == 403
    forged = {
        **own,
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "80",
    }
    for headers in (own, forged, {"Origin": f"https://{ELSEWHERE.upper()}"}):
        assert place.post("/login", headers, key="dk_x") == 401
    assert place.post("/login", {"Origin": f"https://{NAME}"}, host=NAME, key="dk_x") == 401
    assert (
        place.post("/login", {"Origin": f"https://{NAME}"}, host=f"{NAME}:443", key="dk_x") == 401
    )


def test_a_session_of_another_site_ends_nothing(place: Place) -> None:
    """Cookie and the form's own token, sent from elsewhere, revoke nothing and log nobody out."""
    secret = place.world.tracker.log_in(
        place.world.tracker.create_login_link("reviewer", "https://x").partition("ticket=")[2]
    )
    headers = {"Cookie": f"__Host-delegation-session={secret}", "Origin": "https://evil.example"}
    link = place.world.root("boss").id
    form = {"csrf": csrf_of(secret), "kind": "link", "id": link, "reason": "mine"}
    for path in ("/revoke", "/logout"):
        assert place.post(path, headers, **form) == 403
    own = {**headers, "Origin": f"https://{ELSEWHERE}"}
    assert place.front.send("GET", "/agents", own)[0] == 200
    assert place.post("/logout", own, **form) == 303


def test_doctor_says_that_forms_arrive(place: Place) -> None:
    """It sends one as a browser does, and no key."""
    assert look_at_pages(f"https://{ELSEWHERE}", Through(place.front)).level == "ok"
    assert look_at_pages(f"https://{NAME}", Through(place.front)).level == "ok"


def test_a_proxy_that_passes_less_on_is_named_by_doctor(place: Place, tmp_path: Path) -> None:
    """What the page says that it breaks: a login is refused, with what to do."""
    for number, mistake in enumerate(MISTAKES[place.front.program]):
        folder = tmp_path / str(number)
        folder.mkdir()
        with in_front(place.front.program, folder, place.back, mistake) as front:
            assert look_at_pages(f"https://{ELSEWHERE}", Through(front)).level == "wrong"
            form = {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"https://{ELSEWHERE}",
            }
            status, _, said = front.send("POST", "/login", form, b"key=dk_x")
            assert (status, b"X-Forwarded-Proto" in said) == (403, True)


def test_no_secret_is_in_the_proxys_log(place: Place) -> None:
    """API keys travel in headers and tokens in bodies: neither is logged."""
    with place.client() as through:
        through.tasks()
    said = "".join(file.read_text() for file in place.front.folder.glob("*.log"))
    assert place.keys["operator"] not in said
    assert "dct." not in said
    if place.front.program == "nginx":
        assert "/v1/tasks" in said


def test_only_a_proxy_that_is_named_says_how_people_came(tmp_path: Path) -> None:
    """Whoever else says https gets no session."""
    headers = {
        "Host": NAME, "Origin": f"https://{NAME}", "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1",
        "Content-Type": "application/x-www-form-urlencoded",
    }  # fmt: skip
    with serving(tmp_path / "s.db", tmp_path, DELEGATION_TRUSTED_PROXIES="10.0.0.1") as told:
        connection = HTTPConnection(told["url"].removeprefix("http://"), timeout=280)
        connection.request("POST", "/login", "key=dk_x", headers)
        assert connection.getresponse().status == 403
        connection.close()


def test_no_proxy_is_less_patient_than_a_poll() -> None:
    """Only nginx has a bound: a poll that waits for news is answered before it."""
    text = (DEPLOY / "nginx.conf").read_text()
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", text)
    assert int(seconds) > Settings().max_wait
    assert f"client_max_body_size {Settings().max_body // 1024}k;" in text


def test_a_certificate_that_nobody_vouches_for_is_refused(place: Place) -> None:
    """The client does not talk to whoever answers: unreachable, as a sentence on the command line too."""
    url = f"https://localhost:{place.front.port}"
    with Client(url, api_key="dk_x", attempts=1) as through, pytest.raises(ServiceError) as caught:
        through.health()
    assert caught.value.problem == "unreachable"
    done = CliRunner().invoke(app, ["tasks", "--url", url, "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stderr)["code"] != "internal"


def test_a_service_that_is_gone_decides_nothing(place: Place, tmp_path: Path) -> None:
    """The proxy answers 502, and the client allows nothing."""
    with in_front(place.front.program, tmp_path, f"127.0.0.1:{free_port()}") as front:
        with pytest.raises(ServiceError) as caught:
            replace(place, front=front).call()
        assert caught.value.status == 502
