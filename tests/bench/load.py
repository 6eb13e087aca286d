"""Load: bodies over kept connections, each once or in rotation. wrk where it is installed, else asyncio."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_SCRIPT = """
local bodies, at, threads = {}, 0, {}
ended = 0
function setup(thread) threads[#threads + 1] = thread end
function init(args)
  for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
  again = args[3] == "again"
  wrk.headers["Authorization"] = args[2]
  wrk.headers["Content-Type"] = "application/json"
end
function request()
  at = at + 1
  if at > #bodies and again then
    at = 1
  elseif at > #bodies then
    ended = 1
    wrk.thread:stop()
    at = #bodies
  end
  return wrk.format("POST", "/v1/check", nil, bodies[at])
end
function done(summary, latency, requests)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests": %d, "microseconds": %d, "bad": %d, "p50": %d, "p99": %d, "ended": %d}',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99), threads[1]:get("ended")))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a round of load came to.

    Args:
        requests: Answers with status 200.
        bad: Other answers and broken connections.
        seconds: How long it took.
        p50_us: Median of one request, in microseconds.
        p99_us: Its 99th percentile.
        ended: Whether the bodies were used up before the time that counts: no rate follows from that.
    """

    requests: int
    bad: int
    seconds: float
    p50_us: float
    p99_us: float
    ended: bool

    @property
    def per_second(self) -> float:
        """Answers in a second."""
        return self.requests / self.seconds


def generator() -> str:
    """Return the name of the program that makes the load."""
    return "wrk" if shutil.which("wrk") else "asyncio client of this project (wrk is not installed)"


def run(
    url: str, bodies: Path, key: str, *, seconds: float, clients: int, whole: bool = False, again: bool = False
) -> Load:  # fmt: skip
    """Send bodies until they or the seconds are used up.

    Args:
        url: Of the server.
        bodies: A file, one JSON body a line.
        key: The Authorization header.
        seconds: At most so long.
        clients: Connections.
        whole: Whether it ends with the last body; wrk would wait for the last second.
        again: Whether bodies are sent again and again: to who reads no proof.
    """
    told = "again" if again else "once"
    if shutil.which("wrk") and not whole:
        script = bodies.with_name("load.lua")
        script.write_text(_SCRIPT)
        command = [
            "wrk", "-t1", "--timeout", "30s", f"-c{clients}", f"-d{max(1, round(seconds))}s", "-s", str(script), url, "--", str(bodies), key, told,
        ]  # fmt: skip
    else:
        command = [
            sys.executable,
            __file__,
            url,
            str(bodies),
            key,
            str(seconds),
            str(clients),
            told,
        ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=True)
    found = json.loads(re.findall(r"\{.*\}", done.stderr)[-1])
    return Load(
        found["requests"] - found["bad"], found["bad"], found["microseconds"] / 1e6, found["p50"], found["p99"], bool(found["ended"]),
    )  # fmt: skip


async def _client(
    url: str, bodies: Iterator[bytes], key: str, ends: float, taken: list[float]
) -> int:
    place, bad = urlsplit(url), 0
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    while (begun := time.perf_counter()) < ends and (body := next(bodies, None)):
        writer.write(
            f"POST /v1/check HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head.lower())[1])
        await reader.readexactly(length)
        taken.append(time.perf_counter() - begun)
        bad += b" 200 " not in head.split(b"\r\n", 1)[0]
    writer.close()
    return bad


async def _main(url: str, bodies: Iterator[bytes], key: str, seconds: float, clients: int) -> None:
    taken: list[float] = []
    begun = time.perf_counter()
    bad = sum(
        await asyncio.gather(
            *(_client(url, bodies, key, begun + seconds, taken) for _ in range(clients))
        )
    )
    passed, taken = time.perf_counter() - begun, sorted(taken)
    sys.stderr.write(
        json.dumps(
            {
                "requests": len(taken), "bad": bad, "microseconds": passed * 1e6,
                "p50": taken[len(taken) // 2] * 1e6, "p99": taken[len(taken) * 99 // 100] * 1e6,
                "ended": False,  # its time ends with the last answer
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    URL, FILE, KEY, SECONDS, CLIENTS, TOLD = sys.argv[1:]
    BODIES = Path(FILE).read_bytes().split(b"\n")[:-1]
    SENT = itertools.cycle(BODIES) if TOLD == "again" else iter(BODIES)
    asyncio.run(_main(URL, SENT, KEY, float(SECONDS), int(CLIENTS)))
