"""Every endpoint of the API with the roles that may call it; None is public by design."""

from __future__ import annotations

ROUTES = [
    ("GET", "/v1/tasks/x/map.json", {"operator", "reviewer"}), ("GET", "/v1/tasks/x/children", {"operator", "reviewer"}),
    ("POST", "/v1/tasks", {"operator"}), ("GET", "/v1/tasks", {"operator", "reviewer"}), ("GET", "/v1/tasks/x", {"operator", "reviewer"}),
    ("POST", "/v1/tasks/x/close", {"operator"}), ("GET", "/v1/tasks/x/lineage", {"operator", "reviewer"}), ("GET", "/v1/tasks/x/graph.svg", {"operator", "reviewer"}),
    ("POST", "/v1/agents", {"operator"}), ("GET", "/v1/agents", {"operator", "reviewer"}), ("POST", "/v1/tools", {"operator"}),
    ("GET", "/v1/tools/ended", {"operator", "reviewer"}), ("GET", "/v1/tools", {"operator", "reviewer", "service"}), ("POST", "/v1/tokens", {"operator"}), ("GET", "/v1/keys/public", None),
    ("POST", "/v1/api-keys", {"operator"}), ("GET", "/v1/api-keys", {"operator"}), ("DELETE", "/v1/api-keys/x", {"operator"}),
    ("POST", "/v1/check", {"operator", "service"}), ("POST", "/v1/links", None), ("POST", "/v1/inspect", {"operator", "reviewer"}),
    ("POST", "/v1/revocations", {"operator", "reviewer"}), ("POST", "/v1/revocations/below", None), ("GET", "/v1/revocations", {"operator", "reviewer", "service"}),
    ("GET", "/v1/links", {"operator", "reviewer"}), ("GET", "/v1/links/x", {"operator", "reviewer"}), ("GET", "/v1/links/x/ancestors", {"operator", "reviewer"}),
    ("GET", "/v1/links/x/descendants", {"operator", "reviewer"}), ("GET", "/v1/decisions", {"operator", "reviewer"}), ("GET", "/v1/decisions/x", {"operator", "reviewer"}),
    ("GET", "/healthz", None), ("GET", "/readyz", None), ("GET", "/metrics", {"operator", "reviewer", "service"}),
    *(("GET", path, {"operator", "reviewer"}) for path in (
        "/v1/handovers", "/v1/owners", "/v1/holders", "/v1/links/x/reach", "/v1/links/x/unused", "/v1/ways", "/v1/blast", "/v1/findings", "/v1/risks", "/v1/compare",
        "/v1/survivors", "/v1/decisions/x/account", "/v1/find",
    )), ("POST", "/v1/findings/x/dismiss", {"operator", "reviewer"}),
    ("GET", "/v1/approvals", {"operator", "reviewer", "service", "approver"}), ("GET", "/v1/approvals/x", {"operator", "reviewer", "service", "approver"}),
    ("POST", "/v1/approvals/x/wait", None), ("POST", "/v1/approvals/x/grant", {"approver"}), ("POST", "/v1/approvals/x/refuse", {"approver"}),
    ("POST", "/v1/decisions/x/outcome", {"operator", "service"}), ("GET", "/verify/nginx", {"service"}), ("GET", "/verify/forward", {"service"}),
    ("GET", "/v1/exports/tasks.csv", {"operator", "reviewer"}), ("POST", "/v1/exports", {"operator", "reviewer"}), ("GET", "/v1/exports", {"operator", "reviewer"}),
    ("GET", "/v1/exports/x", {"operator", "reviewer"}), ("GET", "/v1/exports/x/file", {"operator", "reviewer"}), ("POST", "/v1/exports/x/cancel", {"operator", "reviewer"}),
    ("POST", "/v1/guardrails", {"operator", "reviewer"}), ("POST", "/v1/tighten", {"operator", "reviewer"}),
    ("GET", "/v1/revocations/x", {"operator", "reviewer"}), ("GET", "/v1/suspensions", {"operator", "reviewer"}), ("POST", "/v1/suspensions", {"operator"}), ("POST", "/v1/resumptions", {"operator"}), ("POST", "/v1/standing", {"operator", "service"}),
    ("POST", "/v1/replicas", {"operator", "service"}), ("POST", "/v1/replicas/x/poll", {"operator", "service"}), ("DELETE", "/v1/replicas/x", {"operator", "service"}),
    ("GET", "/v1/replicas", {"operator", "reviewer"}), ("POST", "/v1/decisions/report", {"operator", "service"}), ("GET", "/v1/local-decisions", {"operator", "reviewer"}),
    ("POST", "/v1/freeze", {"operator"}), ("POST", "/v1/unfreeze", {"operator"}), ("GET", "/v1/last-use", {"operator", "reviewer"}), ("POST", "/v1/agents/x/rotate", {"operator"}), ("POST", "/v1/links/x/renew", {"operator"}),
    ("GET", "/v1/log/checkpoint", None), ("GET", "/v1/log/proof/inclusion", None), ("GET", "/v1/log/proof/consistency", None), ("GET", "/v1/log/tile/x/x", None),
    ("GET", "/v1/log/tile/entries/x", {"operator", "reviewer"}), ("GET", "/v1/log/status", {"operator", "reviewer"}), ("GET", "/v1/links/x/proof", {"operator", "reviewer"}),
    ("GET", "/v1/decisions/x/proof", {"operator", "reviewer", "service"}), ("POST", "/v1/resource-labels", {"operator"}), ("POST", "/v1/tasks/below", None),
]  # fmt: skip
