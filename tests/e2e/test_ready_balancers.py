"""Balancers that know nothing of us send calls only to who can decide, by `/readyz`: HAProxy, Caddy."""

from __future__ import annotations

from pathlib import Path

import pytest
from load import Caller, call
from proxies import free_port, program_of, running
from under_fault import placed, until


def haproxy(folder: Path, port: int, ports: list[int]) -> list[str]:
    """Write what HAProxy needs; `observe` and retries are left out: only its probes decide."""
    servers = "".join(f"  server s{n} 127.0.0.1:{p} check inter 200ms fall 1 rise 1\n" for n, p in enumerate(ports))  # fmt: skip
    file = folder / "haproxy.cfg"
    file.write_text(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        f"frontend f\n  bind 127.0.0.1:{port}\n  default_backend b\n"
        f"backend b\n  option httpchk GET /readyz\n{servers}"
    )
    return [program_of("haproxy"), "-db", "-f", str(file)]


def caddy(folder: Path, port: int, ports: list[int]) -> list[str]:
    """Write what Caddy needs for its active health checks."""
    behind = " ".join(f"127.0.0.1:{p}" for p in ports)
    file = folder / "Caddyfile"
    file.write_text(
        "{\n\tadmin off\n\tauto_https off\n}\n"
        f"http://127.0.0.1:{port} {{\n\treverse_proxy {behind} {{\n\t\tlb_policy round_robin\n"
        "\t\thealth_uri /readyz\n\t\thealth_interval 200ms\n\t\thealth_timeout 1s\n\t}\n}\n"
    )
    return [program_of("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]


@pytest.mark.thorough
@pytest.mark.parametrize("write", [haproxy, caddy], ids=lambda one: one.__name__)
def test_a_balancer_leaves_out_who_cannot_decide(write, tmp_path: Path) -> None:
    """The store's file of one of two is moved away: no call is refused once the balancer has asked."""
    program_of(write.__name__)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        placed(tmp_path / "a", f"sqlite:///{tmp_path / 'a/s.db'}") as place,
        placed(tmp_path / "b", f"sqlite:///{tmp_path / 'b/s.db'}") as other,
    ):
        services = [place.serving(), other.serving()]
        for service in services:
            service.start()
        port = free_port()
        command = write(tmp_path, port, [service.port for service in services])
        home = {
            "HOME": str(tmp_path),
            "XDG_DATA_HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path),
        }
        with running(command, port, tmp_path / "balancer.log", **home):
            store, aside = tmp_path / "b/s.db", tmp_path / "b/aside.db"

            def statuses() -> set[int]:
                """Return how the balancer answers a dozen calls: 401 is who has the other's keys."""
                (leaf,) = place.leaves(12, 12)
                caller = Caller(port, place.key)
                found = {caller.send(call(*leaf)).status for _ in range(12)}
                caller.close()
                return found

            assert until(lambda: statuses() == {200, 401}), "both are asked"
            store.rename(aside)
            assert until(lambda: statuses() == {200})
            aside.rename(store)
            assert until(lambda: statuses() == {200, 401})
