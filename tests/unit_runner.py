"""Runs a systemd unit's lines where no systemd runs: its user, files, folder, mask and commands.

What systemd adds beside (its sandbox, its restarts) is not there. Used as `systemctl` in a walk.
"""

from __future__ import annotations

import os
import pwd
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

UNITS, STATE = Path("/etc/systemd/system"), Path("/run/walk")


def read(name: str) -> dict[str, list[str]]:
    """Return a unit's settings, each as often as it stands there."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / f"{name}.service").read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def environment(unit: dict[str, list[str]], home: str) -> dict[str, str]:
    """Return what a service gets: nothing of the caller's."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home, "LANG": "C.UTF-8"}
    for pair in unit.get("Environment", []):
        env.update([pair.split("=", 1)])
    for named in unit.get("EnvironmentFile", []):
        if named.startswith("-") and not Path(named[1:]).exists():
            continue
        for line in Path(named.removeprefix("-")).read_text().splitlines():
            if line and not line.startswith("#"):
                env.update(word.split("=", 1) for word in shlex.split(line))
    return env


def start(name: str) -> None:
    """Run what stands before the start, then the service, and leave it running."""
    unit = read(name)
    user = pwd.getpwnam(unit["User"][0])
    for folder in unit.get("StateDirectory", []):
        path = Path("/var/lib") / folder
        path.mkdir(exist_ok=True)
        os.chown(path, user.pw_uid, user.pw_gid)
        path.chmod(int(unit["StateDirectoryMode"][0], 8))
    told = {
        "env": environment(unit, user.pw_dir),
        "cwd": unit["WorkingDirectory"][0],
        "umask": int(unit["UMask"][0], 8),
        "user": user.pw_uid,
        "group": user.pw_gid,
        "extra_groups": [],
        "stdin": subprocess.DEVNULL,
    }
    STATE.mkdir(exist_ok=True)
    with (STATE / f"{name}.journal").open("a") as journal:
        for line in unit.get("ExecStartPre", []):
            done = subprocess.run(
                shlex.split(line), stdout=journal, stderr=journal, check=False, **told
            )
            if done.returncode:
                sys.exit(f"Job for {name}.service failed ({done.returncode}).")
        process = subprocess.Popen(
            shlex.split(unit["ExecStart"][0]), stdout=journal, stderr=journal,
            start_new_session=True, **told,
        )  # fmt: skip
    (STATE / f"{name}.pid").write_text(str(process.pid))


def stop(name: str) -> None:
    """End the service and wait for it."""
    file = STATE / f"{name}.pid"
    if not file.exists():
        return
    pid = int(file.read_text())
    file.unlink()
    for number in (signal.SIGTERM, signal.SIGKILL):
        for _ in range(600):
            try:
                os.kill(pid, number)
                if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    return
            except (ProcessLookupError, FileNotFoundError):
                return
            time.sleep(0.1)


if __name__ == "__main__":
    verb, unit_name = sys.argv[1], sys.argv[-1]
    if verb in {"stop", "restart", "disable"}:
        stop(unit_name)
    if verb in {"start", "restart", "enable"}:
        start(unit_name)
