"""docs/deploy/nginx.conf with a certificate of our own, and real traffic through it to `delegation serve`."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from proxies import free_port, running
from serving import serving
from typer.testing import CliRunner
from world import World

from delegation.cli.main import app
from delegation.client import Client
from delegation.errors import ServiceError

CONF = Path(__file__).parents[2] / "docs/deploy/nginx.conf"


def wrapped(folder: Path, cert: Path, key: Path, *, front: int, back: str) -> Path:
    """Write nginx's own file around the example, on free ports."""
    text = CONF.read_text()
    for said, real in (
        ("/etc/delegation/tls/cert.pem", str(cert)), ("/etc/delegation/tls/key.pem", str(key)),
        ("listen 8443 ssl", f"listen 127.0.0.1:{front} ssl"), ("server 127.0.0.1:8470", f"server {back}"),
    ):  # fmt: skip
        assert said in text
        text = text.replace(said, real)
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log {folder}/access.log;\n{paths}{text} }}\n"
    )
    return file


@pytest.fixture(scope="module")
def front(tmp_path_factory) -> Iterator[tuple[World, dict, str, ssl.SSLContext, Path, ExitStack]]:
    """Run service and nginx; yield the URL in front and a context that trusts its certificate."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    openssl = shutil.which("openssl")
    if nginx is None or openssl is None:
        pytest.skip("the system packages nginx and openssl are missing")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    world = World(path=folder / "s.db", at=int(time.time()))
    world.tracker._desk.ring.save(folder / "s.ring.json")
    with ExitStack() as stack:
        service = stack.enter_context(ExitStack())
        started = service.enter_context(serving(folder / "s.db", folder))
        port = free_port()
        file = wrapped(folder, cert, key, front=port, back=started["url"].removeprefix("http://"))
        subprocess.run(
            [nginx, "-t", "-c", file, "-p", folder], check=True, capture_output=True, timeout=60
        )
        stack.enter_context(
            running([nginx, "-c", str(file), "-p", str(folder)], port, folder / "nginx.log")
        )
        yield (
            world,
            started,
            f"https://localhost:{port}",
            ssl.create_default_context(cafile=cert),
            folder,
            service,
        )


def client(front, role: str = "operator") -> Client:
    """Return a client that goes through nginx."""
    _, started, url, trust, _, _ = front
    return Client(
        url,
        api_key=started["api_keys"][role],
        transport=httpx2.HTTPTransport(verify=trust),
        attempts=1,
    )


def test_calls_pass_over_tls_and_are_decided(front) -> None:
    """A check and its replay, a listing, a drawing; the service sees the request's id from nginx."""
    world, *_ = front
    token = world.chain("boss", "clerk")
    access = world.access()
    proof = world.key("clerk").prove(token, access, at=int(time.time()))
    with client(front) as through:
        through.health()
        assert through.check(token, proof, access).allowed
        assert not through.check(token, proof, access).allowed
        assert through.task(world.task.id).id == world.task.id
        assert b"<svg" in through.drawing(world.task.id, "svg")


def test_no_secret_is_in_nginxs_log(front) -> None:
    """API keys travel in headers and tokens in bodies: neither is logged."""
    _, started, _, _, folder, _ = front
    with client(front) as through:
        through.tasks()
    log = (folder / "access.log").read_text()
    assert "/v1/tasks" in log
    assert started["api_keys"]["operator"] not in log
    assert "dct." not in log


def test_a_body_beyond_the_limit_stops_at_nginx(front) -> None:
    """The two limits agree: nginx refuses what the service would."""
    _, started, url, trust, _, _ = front
    key = {"Authorization": f"Bearer {started['api_keys']['operator']}"}
    with httpx2.Client(
        base_url=url, transport=httpx2.HTTPTransport(verify=trust), headers=key
    ) as http:
        assert http.post("/v1/tools", content=b"x" * (256 * 1024 + 1)).status_code == 413
        assert http.post("/v1/tools", content=b"x" * (256 * 1024 - 1)).status_code == 415
        assert http.get("/v1/tasks/..%2f..%2fmetrics").status_code in {400, 404}


def test_a_certificate_that_nobody_vouches_for_is_refused(front) -> None:
    """The client does not talk to whoever answers: unreachable, as a sentence on the command line too."""
    _, started, url, _, _, _ = front
    with Client(url, api_key="dk_x", attempts=1) as through, pytest.raises(ServiceError) as caught:
        through.health()
    assert caught.value.problem == "unreachable"
    done = CliRunner().invoke(app, ["tasks", "--url", url])
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert started


def test_a_service_that_is_gone_decides_nothing(front) -> None:
    """Last: nginx answers 502, and the client allows nothing."""
    world, _, _, _, _, service = front
    token = world.chain("boss", "clerk")
    access = world.access()
    proof = world.key("clerk").prove(token, access, at=int(time.time()))
    service.close()
    with client(front) as through, pytest.raises(ServiceError) as caught:
        through.check(token, proof, access)
    assert caught.value.status == 502
