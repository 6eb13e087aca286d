"""One service lived through over HTTP, operation by operation; each answer kept in an even form."""

from __future__ import annotations

import re
import time
from typing import Any

from consent import rule
from service import Service
from world import DESK, NOW, OWNER, World

from delegation import Access, Grant, HolderKey, Token, Tool, anything, may
from delegation.canonical import b64u
from delegation.commands.announce import announcement
from delegation.commands.approve import approval_question
from delegation.commands.open_child import Opening, opening_request
from delegation.commands.revoke import revocation_request

GUARDRAILS = """version = 1
[[guardrail]]
name = "no notes"
never_reach = { tools = ["desk.**"] }
"""
IDS = re.compile(r"\b(tsk|lnk|dec|apr|exp|rep|rpl|fnd|job)_[A-Za-z0-9_-]{16,43}")
# What differs from run to run: tokens and signatures, keys, digests, secrets, fingerprints.
DRAWN = (
    (re.compile(r"dct\.[bm]1\.[A-Za-z0-9_.-]+"), "TOKEN"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"), "STATEMENT"),
    (re.compile(r"\bdk_[A-Za-z0-9_-]{43}"), "SECRET"),
    (re.compile(r"\b[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}\b"), "FINGERPRINT"),
    (re.compile(r"[A-Za-z0-9_/+=-]{40,}"), "BYTES"),
    (re.compile(r'"salt":"[A-Za-z0-9_-]{22}"'), '"salt"'),
    (re.compile(r"\+[0-9a-f]{8}\+"), "+KEY+"),
)


class Story:
    """One service lived through; each answer is kept in a form that is the same in each run."""

    def __init__(self) -> None:
        """Begin with a world whose clock stands."""
        self.world = World()
        self.service = Service(self.world)
        self.told: list[dict[str, Any]] = []
        self._ids: dict[str, str] = {}

    def even(self, text: str) -> str:
        """Return text with ids by the order in which they came, and without what is drawn."""

        def named(found: re.Match[str]) -> str:
            return self._ids.setdefault(found[0], f"{found[1]}#{len(self._ids)}")

        text = IDS.sub(named, text)
        for pattern, name in DRAWN:
            text = pattern.sub(name, text)
        return text

    def evened(self, value: Any) -> Any:
        """Return JSON with all its texts made even, members and texts in order."""
        if isinstance(value, dict):
            return {self.even(name): self.evened(value[name]) for name in sorted(value)}
        if isinstance(value, list):
            made = [self.evened(one) for one in value]
            return sorted(made) if all(isinstance(one, str) for one in made) else made
        return self.even(value)[:300] if isinstance(value, str) else value

    def ask(
        self, method: str, path: str, body: Any = None, role: str | None = "operator", **query: Any
    ) -> Any:
        """Ask, keep the answer, and return its JSON."""
        sent = {} if body is None else {"json": body}
        self.world.at += method == "POST"  # what is listed by instants has an order
        answer = self.service.ask(method, path, role, params=query, **sent)
        self.judge(method, path, answer)
        kind = answer.headers.get("content-type", "")
        is_json = "json" in kind and bool(answer.content)
        if is_json:
            shown = self.evened(answer.json())
        elif kind.startswith(("text/", "image/svg")):
            shown = "\n".join(sorted(self.even(answer.text).splitlines()))[:600]
        else:
            shown = None
        shown_path = self.even(path) + ("?" + "&".join(sorted(query)) if query else "")
        self.told.append(
            {
                "asked": f"{method} {shown_path} {role}",
                "status": answer.status_code,
                "kind": kind,
                "answer": shown,
            }
        )
        return answer.json() if is_json else answer

    def judge(self, method: str, path: str, answer: Any) -> None:
        """Look at an answer; a story that is only told does not."""

    def live(self) -> list[dict[str, Any]]:  # noqa: PLR0915  # a story
        """Ask for everything once, and for what is refused."""
        world, ask = self.world, self.ask
        lead, mailer, other = (
            HolderKey(n, n.encode().ljust(32, b"\x00")) for n in ("lead", "mailer", "other")
        )
        issuer = world.tracker.issuer
        prove = lambda key, token, access: key.prove(token, access, at=world.at)  # noqa: E731
        tool = Tool(
            "desk.note", effect="write", system="desk", arguments={"to": "email", "body": "text"}
        )
        ask("POST", "/v1/tools", {"tool": tool.to_json()})
        ask("POST", "/v1/resource-labels", {"pattern": "mail:acme/**", "labels": ["pii"]})
        ask("GET", "/v1/tools", role="service")
        for key in (lead, mailer):
            ask("POST", "/v1/agents", {"name": key.name, "owner": OWNER, "keys": [key.public.text]})
        ask("GET", "/v1/agents")
        made = ask(
            "POST",
            "/v1/api-keys",
            {
                "name": "eva",
                "role": "approver",
                "person": "eva@acme.example",
                "approves_as": ["finance"],
            },
        )
        self.service.keys["eva"] = made["secret"]
        ask("GET", "/v1/api-keys")
        ask("GET", "/v1/keys/public", role=None)
        ceiling = Grant(
            [may("desk.note", to=anything(), body=anything())], audience=[DESK], budget={"calls": 9}, delegations_left=3,
            needs_approval=[rule("desk.note", "finance")],
        )  # fmt: skip
        sent = {k: v for k, v in ceiling.to_json().items() if k not in ceiling.unset}
        task = ask(
            "POST",
            "/v1/tasks",
            {
                "title": "T",
                "owner": OWNER,
                "ceiling": sent,
                "lasts": 900,
                "limits": {"links_per_task": 50},
            },
        )["id"]
        issued = ask(
            "POST",
            "/v1/tokens",
            {"task": task, "holder_name": "lead", "holder_key": lead.public.text},
        )

        root = Token.read(issued["token"], world.tracker.public_ring())
        child = root.delegate(by=lead, to=mailer.public, grant=Grant())
        ask(
            "POST",
            "/v1/links",
            {"token": child.text, "proof": prove(mailer, child, announcement(issuer))},
            role=None,
        )
        opening = Opening(
            "Below",
            Grant([may("desk.note", to=anything(), body=anything())], audience=[DESK]),
            lead.public,
            lasts=60,
        )
        below = ask(
            "POST",
            "/v1/tasks/below",
            {
                "token": root.text,
                "proof": prove(lead, root, opening_request(issuer, opening)),
                "opening": opening.to_json(),
            },
            role=None,
        )
        access = Access("desk.note", {"to": "kim@acme.example", "body": "Hi"}, DESK)

        def check(**more: Any) -> dict[str, Any]:
            proof = prove(mailer, child, access)
            return {"token": child.text, "proof": proof, "access": access.to_json(), **more}

        denied = ask("POST", "/v1/check", check(idempotency_key="k1"), role="service")
        request = denied.get("approval") or "apr_" + "A" * 22
        ask("GET", "/v1/approvals")
        ask("GET", "/v1/approvals", role="service", state="pending", limit=1)
        ask("GET", f"/v1/approvals/{request}")
        ask("GET", f"/v1/approvals/{request}", role="service")
        question = approval_question(issuer, request)
        ask(
            "POST",
            f"/v1/approvals/{request}/wait",
            {"token": child.text, "proof": prove(mailer, child, question)},
            role=None,
        )
        ask("POST", f"/v1/approvals/{request}/grant", {"reason": "fine"}, role="eva")
        ask("POST", f"/v1/approvals/{request}/refuse", {"reason": "late"}, role="eva")
        allowed = ask("POST", "/v1/check", check(receipt=True), role="service")
        decision = allowed["decision"]
        ask(
            "POST",
            "/v1/check",
            {"token": child.text, "proof": None, "access": access.to_json(), "dry_run": True},
            role="service",
        )
        ask(
            "POST",
            f"/v1/decisions/{decision}/outcome",
            {"state": "executed", "detail": "sent"},
            role="service",
        )
        ask("POST", "/v1/inspect", {"token": child.text})
        ask("POST", "/v1/inspect", {"token": "dct.b1.AAAA"})
        world.at += 5
        for path in ("/v1/tasks", "/v1/links", "/v1/decisions"):
            ask("GET", path)
            ask("GET", path, limit=1)
        ask("GET", "/v1/decisions", allowed="false", task=task)
        ask("GET", "/v1/links", key=mailer.public.text)
        for path in (
            "",
            "/children",
            "/lineage",
            "/graph.json",
            "/graph.txt",
            "/graph.mmd",
            "/graph.svg",
            "/map.json",
            "/graph.doc",
        ):
            ask("GET", f"/v1/tasks/{task}{path}")
        for path in ("", "/ancestors", "/descendants", "/reach", "/unused"):
            ask("GET", f"/v1/links/{root.id}{path}")
        for path in ("", "/account"):
            ask("GET", f"/v1/decisions/{decision}{path}")
        for path, query in {
            "/v1/handovers": {}, "/v1/owners": {}, "/v1/holders": {"holder": "lead"}, "/v1/ways": {"holder": "mailer", "tool": "desk.note"},
            "/v1/blast": {"holder": "lead"}, "/v1/risks": {"limit": 1}, "/v1/compare": {"vs": NOW - 10}, "/v1/findings": {},
            "/v1/survivors": {"kind": "link", "id": root.id}, "/v1/find": {"q": "mailer"}, "/v1/last-use": {"kind": "link", "id": child.id},
        }.items():  # fmt: skip
            ask("GET", path, **query)
        listed = world.tracker.findings().open
        finding = listed[0].id if listed else "none"
        ask("POST", f"/v1/findings/{finding}/dismiss", {"reason": "known"}, role="reviewer")
        ask("POST", "/v1/guardrails", {"guardrails": GUARDRAILS})
        ask("POST", "/v1/tighten", {"kind": "link", "id": child.id, "minimum": 0})
        self.wait_for_log()
        ask("GET", "/v1/log/status")
        ask("GET", "/v1/log/checkpoint", role=None)
        ask("GET", "/v1/log/proof/inclusion", role=None, index=0, size=2)
        ask("GET", "/v1/log/proof/consistency", role=None, old=1, new=2)
        ask("GET", "/v1/log/tile/entries/000.p/1")
        ask("GET", "/v1/log/tile/0/000.p/2", role=None)
        ask("GET", f"/v1/decisions/{decision}/proof")
        ask("GET", f"/v1/links/{child.id}/proof")
        ask("GET", "/v1/exports/links.csv")
        job = ask(
            "POST", "/v1/exports", {"view": "links", "form": "json", "filters": {"task": task}}
        )["id"]
        for _ in range(400):
            if world.tracker.export_job(job, by="op").state == "done":
                break
            time.sleep(0.05)
        ask("GET", "/v1/exports")
        ask("GET", f"/v1/exports/{job}")
        ask("GET", f"/v1/exports/{job}/file")
        ask("POST", f"/v1/exports/{job}/cancel")
        replica = ask("POST", "/v1/replicas", role="service")["replica"]
        ask("GET", "/v1/replicas")
        ask("POST", f"/v1/replicas/{replica}/poll", {"after": 0}, role="service")
        holders = [{"key": b64u(mailer.public.key), "name": "mailer"}]
        ask("POST", "/v1/standing", {"root": root.id, "holders": holders}, role="service")
        ask("POST", "/v1/standing", {"root": root.id}, role="service")
        report = {
            "decision": "dec_" + "B" * 22,
            "token": child.text,
            "proof": prove(mailer, child, access),
            "access": access.to_json(),
            "at": world.at,
            "epoch": 0,
            "catalogue": 1,
        }
        ask("POST", "/v1/decisions/report", {"reports": [report]}, role="service")
        ask("GET", "/v1/local-decisions")
        ask("DELETE", f"/v1/replicas/{replica}", role="service")
        ask("POST", f"/v1/links/{root.id}/renew", {})
        proof = prove(lead, root, revocation_request(issuer, child.id))
        ask("POST", "/v1/revocations", {"kind": "link", "id": child.id}, preview="true")
        ask(
            "POST",
            "/v1/revocations/below",
            {"token": root.text, "proof": proof, "link": child.id},
            role=None,
        )
        revoked = ask(
            "POST",
            "/v1/revocations",
            {"kind": "agent", "id": "mailer", "reason": "test", "wait": True},
        )
        ask("POST", "/v1/suspensions", {"kind": "tool", "id": "desk.note"})
        ask("POST", "/v1/suspensions", {"kind": "everything", "id": "*"}, preview="true")
        ask("GET", "/v1/suspensions")
        ask("GET", "/v1/tools/ended")
        ask("POST", "/v1/resumptions", {"kind": "tool", "id": "desk.note"})
        ask("POST", "/v1/freeze", {"reason": "all", "wait": False})
        ask("POST", "/v1/unfreeze", {})
        ask("POST", "/v1/unfreeze", {})
        ask("GET", "/v1/revocations")
        ask("GET", "/v1/revocations", after=1, limit=1)
        ask("GET", f"/v1/revocations/{revoked['epoch']}")
        ask("POST", "/v1/agents/lead/rotate", {"old": lead.public.text, "new": other.public.text})
        ask("POST", f"/v1/tasks/{below['task']['id']}/close", {"state": "failed"})
        ask("POST", f"/v1/tasks/{task}/close", {})
        ask("GET", f"/v1/links/{root.id}")
        ask("DELETE", "/v1/api-keys/eva")
        # Refusals, each with its problem.
        ask("GET", "/v1/tasks", role=None)
        ask("GET", "/v1/tasks", role="service")
        ask("GET", "/v1/tasks", bogus="1")
        ask("GET", "/v1/tasks", limit=0)
        for path in (
            "/v1/tasks/x",
            "/v1/links/x",
            "/v1/decisions/x",
            "/v1/approvals/x",
            "/v1/revocations/99",
            "/v1/exports/x",
            "/v1/nothing",
        ):
            ask("GET", path)
        ask("POST", "/v1/tasks", {"title": "T"})
        ask("POST", "/v1/tasks", {"title": "T", "owner": OWNER, "ceiling": {}, "more": 1})
        ask("POST", "/v1/tasks", {"title": "T", "owner": "", "ceiling": sent, "lasts": 0})
        ask("POST", "/v1/agents", {"name": "x", "owner": OWNER, "keys": ["ed25519:AA"]})
        ask("POST", "/v1/agents/nobody/rotate", {"old": lead.public.text, "new": other.public.text})
        ask(
            "POST",
            "/v1/tokens",
            {"task": task, "holder_name": "lead", "holder_key": lead.public.text},
        )
        ask("DELETE", "/v1/api-keys/nobody")
        ask("PUT", "/v1/tasks", {})
        ask("GET", "/healthz", role=None)
        ask("GET", "/readyz", role=None)
        return self.told

    def wait_for_log(self) -> None:
        """Have everything so far signed."""
        self.world.tracker.update_log()
