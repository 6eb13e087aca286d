"""A downstream service: it acts only on what the tracker allowed, and only with canonical arguments.

Needs the extra `server`. The tracker is embedded here; `delegation.client.Client` has the same methods.
Run it: python samples/downstream_service.py
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse
from starlette.testclient import TestClient

from delegation import Access, Grant, HolderKey, Tool, Tracker, email, may, text

AUDIENCE = "https://mail.acme.example"
tracker = Tracker.open("sqlite://")
tracker.add_tool(Tool("mail.send", effect="write", arguments={"to": "email", "body": "text"}))
outbox: list[dict[str, Any]] = []
app = FastAPI()


@app.post("/send")
async def send(
    request: Request, authorization: str = Header(""), delegation_proof: str = Header("")
) -> JSONResponse:
    """Send a mail, if the whole chain behind the token allows exactly this one."""
    # Tool and audience come from us; the arguments from the request itself, never from a claim.
    arguments = await request.json()
    access: Any = {
        "v": 1, "tool": "mail.send", "arguments": arguments, "audience": AUDIENCE,
        "purpose": "", "max_cost": {}, "cause": None,
    }  # fmt: skip
    token = authorization.removeprefix("Delegation ")
    decision = tracker.check(token, delegation_proof, access)
    headers = {"Delegation-Decision": decision.id}
    if not decision:
        denial = decision.denial
        assert denial is not None
        body = {"denied": denial.code, "step": denial.step, "remedy": denial.remedy}
        return JSONResponse(body, 403 if denial.step > 6 else 401, headers)
    outbox.append(dict(decision.arguments))
    return JSONResponse({"sent": True}, headers=headers)


# An agent on the other side, with a token that was delegated to it.
boss, mailer = HolderKey.generate("boss"), HolderKey.generate("mailer")
may_send = may("mail.send", to=email("acme.example"), body=text(max=200))
task = tracker.open_task(
    "Mail for ticket 4711", owner="ana@acme.example",
    ceiling=Grant([may_send], audience=[AUDIENCE], delegations_left=2),
)  # fmt: skip
token = tracker.issue(task, to=boss.public).delegate(by=boss, to=mailer.public, grant=Grant())
http = TestClient(app)


def ask(to: str, *, signed_for: str | None = None) -> int:
    """Send one request, with a proof for this or another recipient."""
    body = {"to": to, "body": "Hello"}
    signed: Any = {"to": signed_for or to, "body": "Hello"}
    proof = mailer.prove(token, Access("mail.send", signed, AUDIENCE))
    headers = {"Authorization": f"Delegation {token.text}", "Delegation-Proof": proof}
    answer = http.post("/send", json=body, headers=headers)
    print(f"to {to}: {answer.status_code} {answer.json()}")
    return answer.status_code


assert ask("Kim@ACME.example") == 200
assert ask("eve@evil.example") == 403
assert ask("kim@acme.example", signed_for="bo@acme.example") == 401
assert http.post("/send", json={"to": "kim@acme.example", "body": "Hi"}).status_code == 401
assert outbox == [{"to": "Kim@acme.example", "body": "Hello"}]
tracker.close()
