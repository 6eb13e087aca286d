"""What is shipped for Prometheus and Grafana asks for nothing that there is not, and each alert has its page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from docs.codes import codes
from monitoring.promtool import (
    DASHBOARD,
    DEPLOY,
    RULES,
    asked,
    panels,
    promtool,
    questions,
    rules,
)
from world import World

from delegation_api.app import create_app
from delegation_api.metric_table import DECLARED, SECONDS

PAGE = DEPLOY.parent / "how-to" / "monitor.md"
CASES = Path(__file__).with_name("rules.test.yaml")
EXPRESSIONS = [*((r.get("alert") or r["record"], r["expr"]) for r in rules()), *questions()]


def values_of(label: str) -> set[str]:
    """Return the values that a label can have; each is one that the program knows."""
    routes = set(create_app(World().tracker).openapi()["paths"])
    firsts = {
        value
        for one in DECLARED.values()
        for first in one.at_first
        for name, value in zip(one.labels, first, strict=True)
        if name == label
    }
    return {
        "route": routes | {"/v1/check", "unknown"},
        "code": set(codes()) | {"none"},
        "outcome": firsts | {"denied"},
        "le": {f"{bound:g}" for bound in SECONDS},
        "kind": firsts,
        "job": {"delegation"},
    }[label]


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """Return the values of each label that an expression may ask for."""
    return {name: values_of(name) for name in ("route", "code", "outcome", "le", "kind", "job")}


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS, ids=[one[0] for one in EXPRESSIONS])
def test_each_expression_asks_for_what_there_is(title: str, expression: str, known) -> None:
    """Names are declared or recorded, labels are the metric's own, values are those of the program."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert set(re.findall(r"delegation:[a-z_0-9:]+", expression)) <= recorded
    found = list(asked(expression))
    assert found or "delegation:" in expression or expression.startswith("up{"), title
    for name, matchers in found:
        plain = re.sub("_(bucket|count|sum)$", "", name)
        metric = DECLARED.get(name) or DECLARED[plain]
        assert name == metric.name or metric.kind == "histogram", name
        for label, how, value in matchers:
            if label in {"instance", "status"}:
                continue
            assert label in {*metric.labels, "job"} | (
                {"le"} if name.endswith("_bucket") else set()
            )
            given = value.split("|") if "~" in how else [value]
            assert set(given) <= known[label], (label, given)


def test_every_metric_is_looked_at_somewhere() -> None:
    """What nobody looks at is not worth its place: on the dashboard, or by an alert."""
    seen = {name for _, expression in EXPRESSIONS for name, _ in asked(expression)}
    seen |= {re.sub("_(bucket|count|sum)$", "", name) for name in seen}
    unseen = set(DECLARED) - seen
    figures = {"process_open_fds", "process_max_fds", "process_start_time_seconds"}
    assert unseen <= figures, unseen  # each worker's own are looked at


def test_prometheus_reads_rules_and_configuration(tmp_path: Path) -> None:
    """promtool, on the files as they are shipped; the key's file is one that is there."""
    assert "SUCCESS" in promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    (tmp_path / "key").write_text("dk_none")
    (tmp_path / "rules.yaml").write_text(RULES.read_text())
    config = (DEPLOY / "prometheus.yaml").read_text()
    assert "/etc/prometheus/delegation.key" in config
    (tmp_path / "prometheus.yaml").write_text(
        config.replace("/etc/prometheus/delegation.key", str(tmp_path / "key"))
    )
    assert "SUCCESS" in promtool("check", "config", str(tmp_path / "prometheus.yaml"))


def test_prometheus_reads_what_the_dashboard_asks(tmp_path: Path) -> None:
    """Each expression of a panel, made a rule of."""
    made = [{"record": f"panel:{n}", "expr": e} for n, (_, e) in enumerate(questions())]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": made}]}))
    assert f"{len(made)} rules found" in promtool("check", "rules", str(file))


def test_the_dashboard_is_one() -> None:
    """By Grafana's own schema: what its library reads and writes again is what stands there."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard

    given = json.loads(DASHBOARD.read_text())
    again = json.loads(json.dumps(Dashboard.from_json(given), cls=JSONEncoder))
    assert again["title"] == "delegation"
    assert [one["title"] for one in again["panels"]] == [one["title"] for one in given["panels"]]
    assert given.keys() <= again.keys(), given.keys() - again.keys()
    ids = [one["id"] for one in given["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for one in given["panels"]:
        place = one["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, one["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    variables = {one["name"] for one in given["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(panels())))
    assert used <= variables | {"__rate_interval"}


def test_each_alert_is_tried_on_series_that_fire_it_and_that_do_not() -> None:
    """Prometheus plays them with their true times: at one minute nothing, then what is meant."""
    tried = {
        case["alertname"]
        for group in yaml.safe_load(CASES.read_text())["tests"]
        for case in group["alert_rule_test"]
        if case.get("exp_alerts")
    }
    quiet = {
        case["alertname"]
        for group in yaml.safe_load(CASES.read_text())["tests"]
        for case in group["alert_rule_test"]
        if not case.get("exp_alerts")
    }
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    assert alerts == tried == quiet
    assert "SUCCESS" in promtool("test", "rules", str(CASES))


def test_each_alert_says_what_to_do() -> None:
    """Its runbook is a heading of the page, which has no other; its severity is one of two."""
    headings = re.findall(r"^### (Delegation\w+)$", PAGE.read_text(), re.MULTILINE)
    alerts = [rule for rule in rules() if "alert" in rule]
    assert sorted(headings) == sorted(rule["alert"] for rule in alerts)
    for rule in alerts:
        assert rule["annotations"]["runbook"] == f"docs/how-to/monitor.md#{rule['alert'].lower()}"
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["labels"]["severity"] in {"page", "ticket"}
