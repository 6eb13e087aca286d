"""An outside authority: a token serves only while it says that somebody is on duty.

A holder adds the caveat offline, fetches the discharge over HTTP, binds it and signs the whole. The
caveat only subtracts; a call that needs approval needs it all the same.
Needs the extras `server` and `client`. Run it: python samples/discharge_service.py
"""

from __future__ import annotations

import socket
import threading
import time

import httpx2
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from nacl.public import PrivateKey

from delegation import Access, Grant, HolderKey, Token, Tool, Tracker, may, path
from delegation.canonical import b64u, unb64u
from delegation.errors import DelegationError
from delegation.tokens.third_party import condition_of, discharge_caveat, third_party_caveat

# The authority: it knows who is on duty, and nothing of tasks, grants and tokens.
secret = PrivateKey.generate()
on_duty = {"kim"}
authority = FastAPI()


@authority.get("/key")
def public_key() -> dict[str, str]:
    """Publish the key for which holders seal their caveats."""
    return {"key": b64u(bytes(secret.public_key))}


@authority.post("/discharge")
def discharge(body: dict[str, str]) -> JSONResponse:
    """Discharge a caveat for a minute, if what it asks for holds now."""
    try:
        caveat_id = unb64u(body.get("caveat", ""))
        who = condition_of(bytes(secret), caveat_id).removeprefix("on duty: ")
        if who not in on_duty:
            return JSONResponse({"refused": "not on duty"}, 403)
        done = discharge_caveat(bytes(secret), caveat_id, before=int(time.time()) + 60)
    except DelegationError:
        return JSONResponse({"refused": "no caveat of ours"}, 422)
    return JSONResponse({"discharge": b64u(done)})


listener = socket.create_server(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(authority, log_level="error"))
serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
serving.start()
web = httpx2.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", trust_env=False)

# Our own service, and a lead who hands a macaroon to a scout: only while kim is on duty.
tracker = Tracker.open("sqlite://")
tracker.add_tool(Tool("files.read", effect="read", arguments={"path": "path"}))
lead, scout = HolderKey.generate("lead"), HolderKey.generate("scout")
task = tracker.open_task(
    "Night shift", owner="ana@acme.example",
    ceiling=Grant([may("files.read", path=path("/data"))], audience=["files"], delegations_left=2),
)  # fmt: skip
root = tracker.issue(task, to=lead.public, format="macaroon")
caveat = third_party_caveat(unb64u(web.get("/key").json()["key"]), "on duty: kim")
guarded = root.with_third_party_caveat(key=caveat.key, caveat_id=caveat.caveat_id)
handed = guarded.delegate(by=lead, to=scout.public, grant=Grant())


def call(token: Token) -> str:
    """Read a file under a token; the proof covers its whole text, discharges included."""
    access = Access("files.read", {"path": "/data/a"}, "files")
    decision = tracker.check(token, scout.prove(token, access), access)
    outcome = "allowed" if decision.denial is None else decision.denial.code
    print(f"{outcome}: {len(token.text.split('.')) - 3} discharges")
    return outcome


def fetch() -> Token | None:
    """Ask the authority, and bind what it gives to this very token."""
    answer = web.post("/discharge", json={"caveat": b64u(caveat.caveat_id)})
    if answer.status_code != 200:
        print(f"the authority refuses: {answer.json()['refused']}")
        return None
    return handed.with_discharges([unb64u(answer.json()["discharge"])])


try:
    assert call(handed) == "discharge_mismatch"
    bound = fetch()
    assert bound is not None
    assert call(bound) == "allowed"
    on_duty.clear()
    assert fetch() is None
    other = third_party_caveat(bytes(PrivateKey.generate().public_key), "on duty: kim")
    foreign = web.post("/discharge", json={"caveat": b64u(other.caveat_id)})
    assert foreign.status_code == 422
finally:
    server.should_exit = True
    serving.join(timeout=10)
    web.close()
    tracker.close()
