"""Three PostgreSQL under Patroni with synchronous replication, and one etcd, on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from soak.programs import Programs, children, find, free_ports, title, until

TTL, LOOP, RETRY = 20, 2, 3  # seconds; Patroni's smallest TTL, so failovers take about that long


@dataclass
class Node:
    """One member of the cluster."""

    name: str
    port: int
    api: int
    data: Path
    process: subprocess.Popen[bytes] | None = None

    def is_leader(self) -> bool:
        """Ask Patroni whether this member takes writes."""
        connection = HTTPConnection("127.0.0.1", self.api, timeout=2)
        try:
            connection.request("GET", "/leader")
            return connection.getresponse().status == 200  # Patroni's yes
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def standbys(self) -> list[str]:
        """Return who follows synchronously, as this member's Patroni says."""
        connection = HTTPConnection("127.0.0.1", self.api, timeout=2)
        try:
            connection.request("GET", "/cluster")
            members = json.loads(connection.getresponse().read())["members"]
            return [m["name"] for m in members if m["role"] == "sync_standby"]
        except (OSError, HTTPException, ValueError, KeyError):
            return []
        finally:
            connection.close()

    def postmaster(self) -> int:
        """Return the process id of its PostgreSQL."""
        return int((self.data / "postmaster.pid").read_text().split()[0])


class Cluster:
    """The members, and where they are.

    Args:
        place: Starts and ends their programs.
        strict: Whether a COMMIT waits for a standby even when there is none.
    """

    def __init__(self, place: Programs, *, strict: bool = True) -> None:
        self._place = place
        self._strict = strict
        client, peer, *ports = free_ports(8)
        self._etcd = client
        etcd = place.folder / "etcd"
        place.start(
            "etcd",
            [
                find("etcd"), "--data-dir", str(etcd), "--name", "e1",
                "--listen-client-urls", f"http://127.0.0.1:{client}",
                "--advertise-client-urls", f"http://127.0.0.1:{client}",
                "--listen-peer-urls", f"http://127.0.0.1:{peer}",
                "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                "--initial-cluster", f"e1=http://127.0.0.1:{peer}",
            ],
        )  # fmt: skip
        self.nodes = [
            Node(f"n{k}", ports[2 * k], ports[2 * k + 1], place.folder / f"n{k}") for k in range(3)
        ]
        for node in self.nodes:
            self.start(node)

    def start(self, node: Node) -> None:
        """Start a member's Patroni, which starts its PostgreSQL."""
        config = self._place.folder / f"{node.name}.yml"
        config.write_text(json.dumps(self._config(node)))  # JSON is YAML
        config.chmod(0o644)
        node.process = self._place.start(node.name, [find("patroni"), str(config)])

    def _config(self, node: Node) -> dict[str, object]:
        sockets = str(self._place.folder)
        return {
            "scope": "delegation",
            "name": node.name,
            "restapi": {
                "listen": f"127.0.0.1:{node.api}", "connect_address": f"127.0.0.1:{node.api}",
            },
            "etcd3": {"host": f"127.0.0.1:{self._etcd}"},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL, "loop_wait": LOOP, "retry_timeout": RETRY,
                    "synchronous_mode": True, "synchronous_mode_strict": self._strict,
                    "postgresql": {
                        "use_pg_rewind": True,
                        "parameters": {"max_connections": 80, "max_wal_senders": 8, "wal_log_hints": "on"},
                    },
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}],
                "pg_hba": [
                    "local all all trust", "host all all 127.0.0.1/32 trust",
                    "host replication all 127.0.0.1/32 trust",
                ],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{node.port}", "connect_address": f"127.0.0.1:{node.port}",
                "data_dir": str(node.data), "bin_dir": str(Path(find("initdb")).parent),
                "pgpass": str(self._place.folder / f"{node.name}.pgpass"),
                "authentication": {
                    "superuser": {"username": "postgres"}, "replication": {"username": "replicator"},
                    "rewind": {"username": "postgres"},
                },
                "parameters": {"unix_socket_directories": sockets, "shared_buffers": "64MB"},
            },
            "watchdog": {"mode": "off"},
        }  # fmt: skip

    @property
    def url(self) -> str:
        """One URL that names all members; the driver takes the one that accepts writes."""
        hosts = "&".join(f"host=127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://postgres@/postgres?{hosts}&target_session_attrs=read-write"

    def leader(self, seconds: float = 90.0) -> Node:
        """Return the member that takes writes, once there is one."""
        until("a leader", lambda: any(n.is_leader() for n in self.nodes), seconds)
        return next(n for n in self.nodes if n.is_leader())

    def ready(self) -> Node:
        """Return the leader once it has a synchronous standby."""
        leader = self.leader()
        until("a synchronous standby", leader.standbys, 90.0)
        return leader

    def freeze_receivers(self) -> list[int]:
        """Stop the standbys' receivers of WAL, so that they fall behind; return their ids."""
        frozen = []
        for node in self.nodes:
            with suppress(OSError, ValueError):
                found = [p for p in children(node.postmaster()) if "walreceiver" in title(p)]
                frozen += found
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        return frozen

    def kill(self, node: Node) -> None:
        """Kill a member, its Patroni and its PostgreSQL, as a power cut would."""
        postmaster = node.postmaster()
        assert node.process is not None
        os.kill(node.process.pid, signal.SIGKILL)
        below = children(postmaster)
        for pid in (postmaster, *below):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.process.wait(10)
        time.sleep(0.1)
