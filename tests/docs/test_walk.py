"""docs/how-to/operations.md is walked: a new user, an empty HOME, new folders; one node, and two on one PostgreSQL.

The blocks run as they stand there, by root, on machines of their own; of the unit everything but systemd's own sandbox.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psycopg
import pytest
from proxies import free_port
from walking import Machine, needs_machines

from delegation import Access, Grant, HolderKey, Tool, may, text
from delegation.client import Client

sys.path.insert(0, str(Path(__file__).parent))
from blocks import blocks

pytestmark = pytest.mark.thorough
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "operations.md"
ISSUER, DESK = "https://authority.example", "https://desk.example"
SETTINGS = "/etc/delegation/environment"
STORE = "postgresql://delegation@/delegation?host=db1:5432&host=db2:5432&host=db3:5432&target_session_attrs=read-write"


def block(name: str, page: str = "operations.md") -> str:
    """Return a block of a page."""
    (found,) = blocks(PAGE.with_name(page), f"sh walk {name}")
    return found.text


def ready(machine: Machine, port: int, seconds: float = 120) -> dict:
    """Return what a service says once it takes decisions."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
                return json.load(answer)
        except (URLError, OSError):
            assert time.monotonic() < end, machine.journal()
            time.sleep(0.1)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator:
    """Return what makes a machine; all are closed at the end."""
    needs_machines()
    made: list[Machine] = []

    def make(**told: Machine) -> Machine:
        made.append(Machine(tmp_path / f"machine{len(made)}", **told))
        return made[-1]

    yield make
    for one in reversed(made):
        one.close()


def first_keys(machine: Machine) -> dict[str, str]:
    """Return the keys that `init` wrote."""
    said = machine.run("cat /var/lib/delegation/first-keys")
    found: dict[str, str] = json.loads(said)
    return found


def opened(port: int, operator: str) -> tuple[Client, object, HolderKey]:
    """Open a task over HTTP and return client, token and holder."""
    client = Client(f"http://127.0.0.1:{port}", api_key=operator)
    client.add_tool(Tool("mail.send", effect="write", arguments={"to": "text"}))
    grant = Grant([may("mail.send", to=text())], audience=[DESK], budget={"calls": 3})
    task = client.open_task("Walk", owner="ana@acme.example", ceiling=grant)
    holder = HolderKey.generate("mailer")
    return client, client.issue(task, to=holder.public), holder


def test_one_node_as_the_page_says(machines) -> None:
    """From nothing to a decision; the wrong settings that a later day brings end with a sentence."""
    machine, port = machines(), free_port()
    own = {"DELEGATION_LOG_DIR=": f"DELEGATION_PORT='{port}'\nDELEGATION_LOG_DIR="}
    machine.run(block("each"))
    if shutil.which(
        "systemd-analyze"
    ):  # systemd's own reader, now that all is there that the unit names
        said = machine.tried("systemd-analyze verify /etc/systemd/system/delegation.service")
        # It reads the units around it, too: what it says of those is theirs.
        ours = [line for line in said.stderr.splitlines() if "delegation" in line]
        assert (said.returncode, said.stdout, ours) == (0, "", [])
    printed = machine.run(block("one"), own)
    assert "0 wrong" in printed
    assert "dk_" not in printed
    ready(machine, port)
    modes = machine.run(
        "cd /var/lib/delegation; stat -c '%a %U %n' . * ; stat -c '%a %G' " + SETTINGS
    )
    for line in modes.splitlines()[:-1]:
        mode, owner, name = line.split()
        assert (int(mode, 8) & 0o077, owner) == (0, "delegation"), name
    assert modes.splitlines()[-1] == "640 delegation"
    user = machine.run("ps -o user:20= -p $(cat /run/walk/delegation.pid)").strip()
    assert user in {"delegation", machine.run("id -u delegation").strip()}

    client, token, holder = opened(port, first_keys(machine)["operator"])
    access = Access("mail.send", {"to": "kim"}, audience=DESK)
    proof = holder.prove(token, access)
    assert client.check(token, proof, access)
    assert client.public_ring().issuer == ISSUER
    client.close()
    assert "dk_" not in machine.journal()

    # Another name for the same ring: refused, by unit and command; unset, it holds.
    machine.run("systemctl stop delegation")
    machine.run(
        f"cp -a {SETTINGS} /etc/delegation/before; sed -i s,//authority,//second, {SETTINGS}"
    )
    assert machine.tried("systemctl start delegation").returncode != 0
    assert f"issues as {ISSUER}" in machine.journal().replace("\n", " ")
    assert machine.tried("delegation doctor").returncode == 1
    machine.run(f"sed -i /ISSUER/d {SETTINGS}; systemctl start delegation")
    ready(machine, port)
    # A name that is none: nothing starts, and the sentence has the nearest.
    machine.run(f"systemctl stop delegation; echo DELEGATION_RETAIN_DAY=200 >> {SETTINGS}")
    assert machine.tried("systemctl start delegation").returncode != 0
    assert "DELEGATION_RETAIN_DAYS is" in machine.journal().replace("\n", " ")
    # A machine on which nobody named an issuer makes nothing, whatever is started.
    machine.run(f"rm -r /var/lib/delegation/*; sed -i '/ISSUER/d;/RETAIN/d' {SETTINGS}")
    assert machine.tried("systemctl start delegation").returncode != 0
    assert machine.run("ls /var/lib/delegation") == ""
    machine.run(f"mv /etc/delegation/before {SETTINGS}; systemctl start delegation")
    ready(machine, port)


def test_one_node_is_upgraded_and_restored_as_the_pages_say(machines) -> None:
    """The new release is what runs, readable by its user; a copy that is put back is the service's own."""
    machine, port = machines(), free_port()
    copy = {"/var/backups/before.db": "/var/lib/before.db"}  # /var/backups is the host's
    own = {"DELEGATION_LOG_DIR=": f"DELEGATION_PORT='{port}'\nDELEGATION_LOG_DIR="}
    machine.run(block("each"))
    machine.run(block("one"), own)
    ready(machine, port)
    machine.run("delegation keys create gone --role reviewer > /dev/null")
    machine.run(block("upgrade", "upgrade.md"), copy)
    ready(machine, port)
    program = machine.run("tr '\\0' ' ' < /proc/$(cat /run/walk/delegation.pid)/cmdline")
    assert "/opt/delegation-2/" in machine.run("readlink -f /opt/delegation/bin/delegation")
    assert "delegation serve" in program
    assert machine.run("stat -c %a /var/lib/before.db") == "600\n"

    machine.run("delegation keys revoke gone")
    said = machine.run(
        block("restore", "restore.md"), {**copy, "delegation doctor": "delegation doctor || true"}
    )
    assert "Told again: 1 withdraw" in " ".join(said.split())
    owned = machine.run("stat -c '%a %U' /var/lib/delegation/delegation.db*")
    assert set(owned.splitlines()) == {"600 delegation"}


def test_two_nodes_as_the_page_says(machines, server) -> None:
    """One ring, one store: what is issued at one is charged at the other, and a node without the ring makes none."""
    server.execute("CREATE ROLE delegation LOGIN")
    url = server.new_database()
    server.execute(f"ALTER DATABASE {url.rsplit('/', 1)[1]} OWNER TO delegation")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SCHEMA public OWNER TO delegation")
    store = url.replace("postgres@", "delegation@") + "?target_session_attrs=read-write"
    first = machines()
    second = machines(ssh=first)
    ports = {first: free_port(), second: free_port()}
    for one, port in ports.items():
        own = {STORE: store, "DELEGATION_HOST=": f"DELEGATION_PORT='{port}'\nDELEGATION_HOST="}
        assert STORE in block("two")
        one.run(block("each"))
        one.run(block("two"), own)
    first.run(block("first"))
    ready(first, ports[first])
    # Before the ring is there: the store is another one's.
    lone = second.tried("delegation init")
    assert lone.returncode == 1
    assert "no key ring" in lone.stderr.lower().replace("\n", " ")
    assert second.run("ls /var/lib/delegation").split() == []
    assert "0 wrong" in second.run(block("second"))
    ready(second, ports[second])
    rings = [one.run("sha256sum < /var/lib/delegation/ring.json") for one in ports]
    assert rings[0] == rings[1]

    client, token, holder = opened(ports[first], first_keys(first)["operator"])
    access, verdicts = Access("mail.send", {"to": "kim"}, audience=DESK), []
    for port in [*ports.values()] * 2:
        with Client(f"http://127.0.0.1:{port}", api_key=first_keys(first)["operator"]) as one:
            proof = holder.prove(token, access)
            verdicts.append(bool(one.check(token, proof, access)))
    assert verdicts == [True, True, True, False]  # three calls, whoever is asked
    client.close()
    # One node stops: the other goes on.
    first.run("systemctl stop delegation")
    ready(second, ports[second])
