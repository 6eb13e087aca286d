"""The map in a real browser: selection in place, keyboard only, permalinks, live, and every theme."""

from __future__ import annotations

import json
import re

import httpx2 as httpx
import pytest
from browsing import shape


def api(site, path: str, **body):
    """Ask the service as its operator."""
    headers = {"Authorization": f"Bearer {site.operator}"}
    method = "POST" if body else "GET"
    answer = httpx.request(method, site.url + path, headers=headers, json=body or None)
    assert answer.status_code < 300, answer.text
    return answer.json()


def focused(page) -> str:
    """Return the id of what has the focus."""
    return page.evaluate("() => document.activeElement.id")


def test_selecting_patches_the_page_and_keeps_the_focus(site, visit) -> None:
    """A click selects without reload: nodes that stay are the same elements, the address follows."""
    with visit() as one:
        page = one.goto(site.map())
        page.evaluate(
            "() => { for (const a of document.querySelectorAll('#map a')) a.dataset.mark = '1'; window.same = 1; }"
        )
        node = page.locator(f"#n-{site.link('mailer')}")
        page.evaluate(f"() => document.getElementById('n-{site.link('mailer')}').first = true")
        node.click()
        page.wait_for_selector("#panel h2")
        assert page.evaluate("() => window.same") == 1
        assert (
            page.evaluate(f"() => document.getElementById('n-{site.link('mailer')}').first") is True
        )
        assert f"focus={site.link('mailer')}" in page.url
        assert focused(page) == f"n-{site.link('mailer')}"
        assert node.get_attribute("aria-selected") == "true"
        said = page.inner_text("#panel")
        assert re.search(r"denied at step 8, argument_refused", said)
        assert "How it got this authority" in said
        assert "refused here" in said
        ys = page.eval_on_selector_all(
            "#map a.path",
            "all => all.map(a => { const b = a.getBBox(), m = a.getCTM(); return Math.round(m.f + (b.y + b.height / 2) * m.d) })",
        )
        assert len(ys) == 5
        assert max(ys) - min(ys) <= 2
        page.go_back()
        page.wait_for_selector("#map-page.whole")
        assert "focus=" not in page.url


def test_a_permalink_restores_what_was_looked_at(site, visit) -> None:
    """Focus, open folds, filters and the instant stand in the address and come back from it."""
    with visit() as one:
        page = one.goto(site.map(f"?focus={site.link('writer')}"))
        page.locator("#map a.bundle").first.click()
        page.wait_for_function("() => location.search.includes('open=')")
        page.click("#standing-active")
        page.wait_for_selector('#standing-active[aria-pressed="true"]')
        before = (
            page.inner_text("#said"),
            sorted(page.eval_on_selector_all("#map a", "all => all.map(a => a.id)")),
        )
        address = page.url
        one.goto(address.removeprefix(site.url))
        after = (
            page.inner_text("#said"),
            sorted(page.eval_on_selector_all("#map a", "all => all.map(a => a.id)")),
        )
        assert after == before
        assert "hidden by the filters" in before[0]


def test_the_keyboard_alone_walks_selects_and_unfolds(site, visit) -> None:
    """One tab stop; arrows, Home, End; Enter selects and unfolds; Esc goes back; `f` and `/` work."""
    with visit() as one:
        page = one.goto(site.map())
        assert page.eval_on_selector_all("#map a[tabindex='0']", "all => all.length") == 1
        page.locator("#map a[tabindex='0']").focus()
        page.keyboard.press("ArrowRight")
        assert focused(page) == f"n-{site.link('planner')}"
        page.keyboard.press("ArrowRight")
        first = focused(page)
        page.keyboard.press("ArrowDown")
        assert focused(page) != first
        page.keyboard.press("ArrowUp")
        assert focused(page) == first
        page.keyboard.press("ArrowLeft")
        assert focused(page) == f"n-{site.link('planner')}"
        page.keyboard.press("Home")
        assert focused(page) == f"n-{site.task}"
        page.keyboard.press("End")
        assert focused(page).startswith("n-more-")
        drawn = page.eval_on_selector_all("#map a", "all => all.length")
        page.keyboard.press("Enter")
        page.wait_for_function("() => location.search.includes('open=')")
        assert page.eval_on_selector_all("#map a", "all => all.length") > drawn
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.wait_for_selector("#panel h2")
        assert f"focus={site.link('planner')}" in page.url
        assert focused(page) == f"n-{site.link('planner')}"
        page.keyboard.press("f")
        page.keyboard.press("Escape")
        page.wait_for_function("() => !location.search.includes('focus=')")
        page.keyboard.press("/")
        assert focused(page) == "find"
        page.keyboard.type("mailer")
        page.keyboard.press("Enter")
        page.wait_for_selector("#panel h2:has-text('mailer')")
        page.evaluate("() => { document.querySelector('.legend').open = true }")
        page.uncheck("#keys")
        page.keyboard.press("/")
        assert focused(page) == "keys"


def test_counts_on_the_page_are_the_apis_bundles_included(site, visit) -> None:
    """What the page says and draws equals the JSON behind it."""
    model = api(site, f"/v1/tasks/{site.task}/map.json")
    with visit() as one:
        page = one.goto(site.map())
        counts = model["counts"]
        assert (
            f"{counts['shown']} of {counts['total']} links shown; {counts['folded']} folded"
            in page.inner_text("#counts")
        )
        drawn = page.eval_on_selector_all("#map a", "all => all.map(a => a.id)")
        assert [name for name in drawn if name.startswith("n-lnk_")] == [
            f"n-{n['id']}" for n in model["nodes"] if "id" in n
        ]
        texts = page.eval_on_selector_all("#map a.bundle", "all => all.map(a => a.textContent)")
        for bundle, said in zip([n for n in model["nodes"] if "siblings" in n], texts, strict=True):
            assert str(bundle["siblings"]) in said
            assert f"{bundle['can_write']} can write" in said or not bundle["can_write"]
        lineage = api(site, f"/v1/tasks/{site.task}/lineage")
        stored = {link["id"]: link["parent"] or site.task for link in lineage["links"]}
        edges = page.eval_on_selector_all(
            "#map .edges [data-child]", "all => all.map(e => [e.dataset.child, e.dataset.parent])"
        )
        for child, parent in edges:
            assert child.startswith("more-") or stored[child] == parent


def test_each_filter_changes_what_is_said(site, visit) -> None:
    """Every switch that is offered hides something or shows it, and says how many."""
    with visit() as one:
        page = one.goto(site.map())
        whole = page.inner_text("#counts")
        for switch in page.eval_on_selector_all(".switches button", "all => all.map(b => b.id)"):
            page.click(f"#{switch}")
            page.wait_for_selector(f'#{switch}[aria-pressed="true"]')
            assert page.inner_text("#counts") != whole
            assert focused(page) == switch
            page.click(f"#{switch}")
            page.wait_for_selector(f'#{switch}[aria-pressed="false"]')
            assert page.inner_text("#counts") == whole


def test_before_a_link_was_issued_the_map_says_so(site, visit) -> None:
    """`?at=` shows the state then; a selection that did not exist is named, not an error."""
    opened = api(site, f"/v1/tasks/{site.task}")["opened_at"]
    with visit() as one:
        page = one.goto(site.map(f"?at={opened}&focus=lnk_none"))
        assert "State at" in page.inner_text(".past")
        assert "not in this task" in page.inner_text("#said")
        assert page.locator("#live").count() == 0
        now = one.goto(site.map(f"?focus={site.link('fetcher')}"))
        assert "revoked" in now.inner_text("#panel")


def test_what_is_recorded_meanwhile_is_shown_without_moving_anything(site, visit) -> None:
    """A revocation strikes its subtree in place, soon; nodes and focus stay where they were."""
    with visit() as one:
        page = one.goto(site.map(f"?focus={site.link('fetcher-0')}"))
        page.wait_for_selector("#live[data-open]", state="attached")
        below = page.locator(f"#n-{site.link('helper-0')}")
        below.focus()
        held = page.eval_on_selector_all(
            "#map a", "all => all.map(a => [a.id, a.getAttribute('transform')])"
        )
        subject = {"kind": "link", "id": site.link("fetcher-0"), "reason": "test"}
        api(site, "/v1/revocations", **subject)
        page.wait_for_selector(f"#n-{site.link('helper-0')}.revoked")
        page.wait_for_selector(f"#n-{site.link('fetcher-0')}.revoked")
        assert (
            page.eval_on_selector_all(
                "#map a", "all => all.map(a => [a.id, a.getAttribute('transform')])"
            )
            == held
        )
        assert focused(page) == f"n-{site.link('helper-0')}"
        page.wait_for_selector("#panel .state.revoked")
        assert "ended" in page.inner_text("#pulse")


def test_without_script_every_node_is_a_link(site, visit) -> None:
    """Selecting, unfolding, filtering and finding are ordinary links and forms."""
    with visit(java_script_enabled=False) as one:
        page = one.goto(site.map(), ready=False)
        assert page.locator("#map a").count() == page.locator("#map a[href^='/tasks/']").count() > 5
        page.locator(f"#n-{site.link('mailer')}").click()
        assert "How it got this authority" in page.inner_text("#panel")
        page.locator("#map a.bundle").first.click()
        assert "open=" in page.url
        page.click("#outcome-denied")
        assert "hidden by the filters" in page.inner_text("#counts")
        page.fill("#find", "helper")
        page.click("text=Find >> nth=-1")
        assert "links fit" in page.inner_text("#said")
        assert page.locator(".needs-script:visible").count() == 0


def test_a_narrow_page_is_one_column_without_sideways_scrolling(site, visit) -> None:
    """At 320 pixels the table stands for the map, and nothing has to be scrolled sideways."""
    with visit(viewport={"width": 320, "height": 640}) as one:
        for path in (
            site.map(f"?focus={site.link('mailer')}"),
            f"/tasks/{site.task}/timeline",
            "/map",
        ):
            page = one.goto(path)
            assert page.evaluate("() => document.documentElement.scrollWidth") <= 320, path
        page = one.goto(site.map())
        assert not page.locator("#map").is_visible()
        assert page.locator("#table a").first.is_visible()


def test_forced_colours_leave_marks_and_words(site, visit) -> None:
    """With a user's own colours: text in theirs, the path and pressed switches are still told apart."""
    with visit(forced_colors="active", color_scheme="dark") as one:
        page = one.goto(site.map(f"?focus={site.link('mailer')}&outcome=denied"))
        colour = "e => getComputedStyle(e).{}"
        text = page.eval_on_selector("#map .link .name", colour.format("fill"))
        ground = page.eval_on_selector("#map .link .box", colour.format("fill"))
        chosen = page.eval_on_selector("#map .chosen .box", colour.format("stroke"))
        plain = page.eval_on_selector(
            "#map .bundle .box, #map .owner .box", colour.format("stroke")
        )
        assert text != ground
        assert chosen != ground
        assert plain != ground
        assert page.eval_on_selector("#outcome-denied", colour.format("outlineStyle")) == "solid"


ALL, ANY = 999, 4


@pytest.mark.parametrize(
    ("scheme", "rules", "most"),
    [
        pytest.param("light", None, ANY, id="light-few"),
        pytest.param("light", None, ALL, id="light", marks=pytest.mark.thorough),
        # A theme changes colours only.
        pytest.param("dark", {"runOnly": ["color-contrast"]}, ANY, id="dark-few"),
        pytest.param(
            "dark", {"runOnly": ["color-contrast"]}, ALL, id="dark", marks=pytest.mark.thorough
        ),
    ],
)
def test_axe_finds_nothing_on_any_page(site, visit, scheme, rules, most) -> None:
    """Every kind of page that is linked: no violation of any of axe's rules, of contrast in both themes."""
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()
    shapes: dict[str, str] = {}
    waiting = ["/", "/map", site.map(f"?focus={site.link('mailer')}")]
    with visit(color_scheme=scheme, bypass_csp=True, reduced_motion="reduce") as one:
        while waiting and len(shapes) < most:
            path = waiting.pop()
            if shape(path) in shapes or path.startswith("/static/"):
                continue
            shapes[shape(path)] = path
            page = one.goto(path)
            found = axe.run(page, options=rules).response["violations"]
            assert not found, (path, json.dumps(found)[:2000])
            links = page.eval_on_selector_all(
                "a[href^='/']", "all => all.map(a => a.getAttribute('href'))"
            )
            waiting += [link.partition("#")[0] for link in links]
    assert len(shapes) == most or {
        "/", "/map", "/tasks/*/map", "/tasks/*/timeline", "/links/*", "/decisions/*",
    } <= shapes.keys()  # fmt: skip


def test_hostile_names_run_nothing_in_a_browser(site, visit) -> None:
    """A holder and a title made of markup: shown as text on map, panel, table and timeline."""
    with visit() as one:
        hostile = next(link for name, link in site.names.items() if name.startswith('"><img'))
        page = one.goto(site.map(f"?focus={hostile}"))
        assert '"><img src=x' in page.inner_text("#panel")
        assert page.locator("img").count() == 0
        for path in ("/map", f"/tasks/{site.task}/timeline"):
            page = one.goto(path)
            assert page.locator("img").count() == 0
            assert "\u202e" not in page.content()


def test_assistive_technology_sees_a_nested_tree(site, visit) -> None:
    """The accessibility tree has a tree whose items are nested as delegations are."""
    with visit() as one:
        page = one.goto(site.map(f"?focus={site.link('mailer')}"))
        client = page.context.new_cdp_session(page)
        nodes = {n["nodeId"]: n for n in client.send("Accessibility.getFullAXTree")["nodes"]}

        def role(node) -> str:
            return node.get("role", {}).get("value", "")

        def title(node) -> str:
            return node.get("name", {}).get("value", "")

        def up(node) -> list[str]:
            out = []
            while node.get("parentId") in nodes:
                node = nodes[node["parentId"]]
                if role(node) == "treeitem":
                    out.append(title(node).partition(",")[0])
            return out

        items = [n for n in nodes.values() if role(n) == "treeitem"]
        (mailer,) = (n for n in items if title(n).startswith("mailer,"))
        assert up(mailer) == ["writer", "summariser", "planner", "ana@acme.example"]
        assert "2 calls denied" in title(mailer)
        assert "nothing below" in title(mailer)


def test_new_links_wait_behind_a_button(site, visit) -> None:
    """A link recorded meanwhile is announced; nothing moves until somebody asks for it."""
    from delegation import HolderKey

    with visit() as one:
        page = one.goto(site.map(f"?focus={site.link('mailer')}"))
        page.wait_for_selector("#live[data-open]", state="attached")
        held = page.eval_on_selector_all(
            "#map a", "all => all.map(a => [a.id, a.getAttribute('transform')])"
        )
        key = HolderKey.generate("late").public
        body = {"task": site.task, "holder_name": "late", "holder_key": key.text}
        api(site, "/v1/tokens", **body)
        page.wait_for_selector("#news:not([hidden])")
        assert page.inner_text("#news") == "1 new link: show"
        now = page.eval_on_selector_all(
            "#map a", "all => all.map(a => [a.id, a.getAttribute('transform')])"
        )
        assert now == held
        page.click("#news")
        page.wait_for_selector("#map a:has-text('late')")
        assert page.locator("#news").is_hidden()


def test_a_page_stops_following_when_the_session_ends(site, visit, chromium) -> None:
    """After the logout in another tab the page says so, and asks no more."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/login")
    page.fill("#key", site.key)
    page.click("main button")
    page.wait_for_url(f"{site.url}/")
    page.goto(site.url + site.map())
    page.wait_for_selector("#live[data-open]", state="attached")
    other = context.new_page()
    other.goto(site.url)
    other.click("details.menu summary")
    other.click("form[action='/logout'] button")
    page.wait_for_selector("#pulse:has-text('session ended')", timeout=90_000)
    context.close()
