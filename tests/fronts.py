"""The files of docs/deploy that put TLS in front of the service, run by the programs themselves, for tests."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from proxies import DEPLOY, free_port, program_of, running

NAME = "authority.example"
CERT, KEY = "/etc/delegation/tls/cert.pem", "/etc/delegation/tls/key.pem"
NO_ROUTE_YET = 404
FRONTS = ("nginx", "caddy", "traefik")


def changed(file: str, *changes: tuple[str, str]) -> str:
    """Return a documented file with places of this machine in it; each of them must stand there."""
    text = (DEPLOY / file).read_text()
    for said, real in changes:
        assert said in text, said
        text = text.replace(said, real)
    return text


def certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """Make a certificate that signs itself; return it and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the system package openssl is missing")
    cert, key = folder / "cert.pem", folder / "key.pem"
    said = ",".join(f"DNS:{name}" for name in names)
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={said},IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True, timeout=280,
    )  # fmt: skip
    return cert, key


def nginx(folder: Path, port: int, back: str, cert: Path, key: Path) -> list[str]:
    """Write nginx's own file around the example."""
    text = changed(
        "nginx.conf", (CERT, str(cert)), (KEY, str(key)), ("listen 8443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("server 127.0.0.1:8470", f"server {back}"),
    )  # fmt: skip
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log {folder}/access.log;\n{paths}{text} }}\n"
    )
    return [
        program_of("nginx"),
        "-p",
        str(folder),
        "-e",
        str(folder / "error.log"),
        "-c",
        str(file),
    ]


def caddy(folder: Path, port: int, back: str, cert: Path, key: Path) -> list[str]:
    """Write the Caddyfile; its door for administrators stays shut."""
    text = changed(
        "Caddyfile", (CERT, str(cert)), (KEY, str(key)), (":8443", f":{port}"), ("127.0.0.1:8470", back),
        ("\ttls ", "\tbind 127.0.0.1\n\ttls "), ("\tauto_https", "\tadmin off\n\tauto_https"),
    )  # fmt: skip
    file = folder / "Caddyfile"
    file.write_text(text)
    return [program_of("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]


def traefik(folder: Path, port: int, back: str, cert: Path, key: Path) -> list[str]:
    """Write both files."""
    routes = folder / "routes"
    routes.mkdir()
    places = ((CERT, str(cert)), (KEY, str(key)), ("127.0.0.1:8470", back))
    (routes / "traefik.routes.yaml").write_text(changed("traefik.routes.yaml", *places))
    start = folder / "traefik.yaml"
    start.write_text(
        changed(
            "traefik.yaml",
            ('":8443"', f'"127.0.0.1:{port}"'),
            ("/etc/delegation/traefik", str(routes)),
        )
        + "global: {checkNewVersion: false, sendAnonymousUsage: false}\nlog: {level: ERROR}\n"
    )
    return [program_of("traefik"), f"--configFile={start}"]


CHANGED = {"nginx": "nginx.conf", "caddy": "Caddyfile", "traefik": "routes/traefik.routes.yaml"}
START = {"nginx": nginx, "caddy": caddy, "traefik": traefik}


@dataclass(frozen=True)
class Front:
    """A proxy with TLS in front of the service.

    Args:
        program: Which.
        port: That it listens on here, whatever port a browser names.
        folder: With what it wrote.
        trust: A context that believes its certificate.
    """

    program: str
    port: int
    folder: Path
    trust: ssl.SSLContext

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None,
        *, host: str = f"{NAME}:8443",
    ) -> tuple[int, http.client.HTTPMessage, bytes]:  # fmt: skip
        """Send one request as a client of that host does; return status, headers and body."""
        raw = socket.create_connection(("127.0.0.1", self.port), 20)
        connection = http.client.HTTPConnection(NAME, timeout=90)
        connection.sock = self.trust.wrap_socket(raw, server_hostname=NAME)
        try:
            connection.request(method, path, body, {"Host": host, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@contextmanager
def in_front(name: str, folder: Path, back: str, *mistakes: tuple[str, str]) -> Iterator[Front]:
    """Run a proxy before a service, `host:port`, until the block ends; mistakes are put into its file."""
    cert, key = certificate(folder, NAME, "localhost")
    port = free_port()
    command = START[name](folder, port, back, cert, key)
    for said, wrong in mistakes:
        file = folder / CHANGED[name]
        place = said.replace("{upstream}", back)
        assert place in file.read_text()
        file.write_text(file.read_text().replace(place, wrong.replace("{upstream}", back)))
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with running(command, port, folder / "proxy.log", **home):
        front = Front(name, port, folder, ssl.create_default_context(cafile=cert))
        for _ in range(200):  # Traefik listens before it has read its routes
            with contextlib.suppress(OSError, http.client.HTTPException):
                if front.send("GET", "/healthz")[0] != NO_ROUTE_YET:
                    break
            time.sleep(0.05)
        else:
            raise AssertionError((folder / "proxy.log").read_text())
        yield front
