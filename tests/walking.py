"""Machines of a walk: each a mount namespace with folders of its own, in which root may do as a page says.

What a page writes under /etc, /opt, /usr/local, /var/lib and /run stays in memory and is gone with the machine: a new
user, an empty HOME. Processes and addresses are the host's. Needs root and may not be possible in a container.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("etc", "opt", "usr/local", "var/lib")
INSTALL = "python3 -m venv {0} && {0}/bin/pip install '.[all]'"
RELEASES = ("/opt/delegation-1", "/opt/delegation-2")
LIMIT = 600


def needs_machines() -> None:
    """Skip where no machine can be made, by the name of what is missing."""
    if os.geteuid() != 0:
        pytest.skip("a walk makes users and mounts: it needs root")
    for program in ("unshare", "nsenter", "runuser", "useradd"):
        if shutil.which(program) is None:
            pytest.skip(f"the system program {program} is missing")
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"this machine mounts nothing: {done.stderr.strip()}")


def linked(home: str) -> str:
    """Return what stands for the page's installation: the same program, of this checkout."""
    packages = sysconfig.get_paths()["purelib"]
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return f"""
{sys.executable} -m venv --without-pip {home}
echo 'import site; site.addsitedir("{packages}")' > {home}/lib/{python}/site-packages/walk.pth
printf '%s\\n' '{ROOT}' '{ROOT}/api' >> {home}/lib/{python}/site-packages/walk.pth
printf '#!{home}/bin/python\\nimport sys\\nfrom delegation.cli.__main__ import main\\nif __name__ == "__main__":\\n    sys.exit(main())\\n' > {home}/bin/delegation
chmod 755 {home}/bin/delegation
"""


class Machine:
    """One machine; closed, it ends what it started.

    Args:
        folder: A new folder of the host.
        ssh: Who is reached by `ssh`, if anybody.
    """

    def __init__(self, folder: Path, ssh: Machine | None = None) -> None:
        self.folder = folder
        folder.mkdir()
        self._held = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "bash", "-euc", self._mounts()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._held.stdout.readline() == "ready\n"
        stubs = folder / "up" / "stubs"
        runner = f'exec {sys.executable} {ROOT / "tests" / "unit_runner.py"} "$@"'
        self._write(stubs / "systemctl", runner)
        if ssh is not None:
            self._write(
                stubs / "ssh", f'shift; exec nsenter --mount=/proc/{ssh.pid}/ns/mnt -- "$@"'
            )

    @property
    def pid(self) -> int:
        """The process that holds it."""
        return self._held.pid

    def _mounts(self) -> str:
        up = self.folder / "up"
        lines = [f"mkdir {up}", f"mount -t tmpfs tmpfs {up}", f"chmod 755 {up}"]
        for name in OURS:
            lines += [
                f"mkdir -p {up}/{name}/u {up}/{name}/w",
                f"mount -t overlay overlay -o lowerdir=/{name},upperdir={up}/{name}/u,workdir={up}/{name}/w /{name}",
            ]
        lines += ["mount -t tmpfs tmpfs /run", f"mkdir {up}/home {up}/stubs"]
        # The interpreter and this checkout may lie where a new user may not go: there nothing else is.
        needed = {Path(sys.base_prefix), Path(sys.prefix), ROOT, *map(Path, site.getsitepackages())}
        closed = {blocked for one in needed if (blocked := _blocked(one)) is not None}
        for number, blocked in enumerate(sorted(closed)):
            below = [
                one for one in sorted(needed)
                if one.is_relative_to(blocked) and not any(o in one.parents for o in needed)
            ]  # fmt: skip
            kept = [(one, f"{up}/kept{number}{at}") for at, one in enumerate(below)]
            lines += [f"mkdir {at} && mount --bind {one} {at}" for one, at in kept]
            lines += [f"mount -t tmpfs -o mode=755 tmpfs {blocked}"]
            lines += [f"mkdir -p {one} && mount --bind {at} {one}" for one, at in kept]
        return "\n".join([*lines, "echo ready", "read -r _"])

    def _write(self, program: Path, line: str) -> None:
        self._enter(
            ["bash", "-euc", f"cat > {program} && chmod 755 {program}"], f"#!/bin/sh\n{line}\n"
        )

    def _enter(self, words: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
        up = self.folder / "up"
        return subprocess.run(
            ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", "--", *words],
            cwd=ROOT,
            input=given,
            env={
                "HOME": f"{up}/home", "LANG": "C.UTF-8", "TERM": "dumb",
                "PATH": f"{up}/stubs:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            },
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )  # fmt: skip

    def run(self, script: str, changes: Mapping[str, str] | None = None) -> str:
        """Run a page's block as root; return what it printed.

        Args:
            script: The block.
            changes: What stands for some of its words here.
        """
        done = self.tried(script, changes)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}\n{self.journal()}"
        return done.stdout

    def tried(
        self, script: str, changes: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a block that may fail."""
        installed = {INSTALL.format(home): linked(home) for home in RELEASES}
        for said, meant in {**installed, **(changes or {})}.items():
            script = script.replace(said, meant)
        return self._enter(["bash", "-euo", "pipefail", "-c", f"cd {ROOT}\n{script}"])

    def journal(self) -> str:
        """Return what the service wrote."""
        return self._enter(["bash", "-c", "cat /run/walk/*.journal 2>/dev/null"]).stdout

    def close(self) -> None:
        """Stop the service, and let everything go."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._enter(["systemctl", "stop", "delegation"])
        self._held.stdin.close()
        self._held.wait(60)
        self._held.stdout.close()


def _blocked(path: Path) -> Path | None:
    """Return the uppermost folder on the way that others may not enter, None if they may."""
    way = [*reversed(path.resolve().parents), path.resolve()]
    return next((one for one in way if not one.stat().st_mode & 0o001), None)
