"""The table of routes: read whole, refused whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from world import World

from delegation.errors import RouteTableError
from delegation_api.route_table import Mount, load_routes


def load(folder: Path, world: World, text: str) -> dict[str, Mount]:
    """Read a table."""
    file = folder / "routes.toml"
    file.write_text(text)
    return load_routes(file, world.tracker.catalogue())


READ = 'method = "GET"\npath = "/f/{path...}"\ntool = "files.read"'
BAD_TABLES = [
    ("", "members"), ("x = 1", "members"), ("mount = 1", "list"), ("[[mount]]\naudience = 'a'", "members"), ("[[mount]]\naudience = 1\nroute = []", "text"),
    ("[[mount]]\naudience = 'a'\nroute = []", "1 to"), ("[[mount]]\naudience = 'a'\nhosts = 5\nroute = []", "text"), ("\x00", "TOML"),
    ("[[mount]]\naudience = 'a'\n[[mount.route]]\nx = 1", "members"),
]  # fmt: skip
BAD_ROUTES = [
    ('method = "get"\npath = "/f"\ntool = "files.read"', "upper-case"), ('method = "GET"\npath = "f"\ntool = "files.read"', "slash"),
    ('method = "GET"\npath = "/f//x"\ntool = "files.read"', "segment"), ('method = "GET"\npath = "/f/../x"\ntool = "files.read"', "segment"),
    ('method = "GET"\npath = "/f/{path...}/x"\ntool = "files.read"', "segment"), ('method = "GET"\npath = "/f/a%20b"\ntool = "files.read"', "segment"),
    ('method = "GET"\npath = "/f/x{path}"\ntool = "files.read"', "segment"), ('method = "GET"\npath = "/f/{path}"\ntool = "files.read"', "fills"),
    ('method = "GET"\npath = "/f/{path...}"\ntool = "files.reed"', "catalogue"), ('method = "GET"\npath = "/f/{name...}"\ntool = "files.read"', "no argument name"),
    ('method = "GET"\npath = "/f"\ntool = "files.read"', "neither in path"), (READ + '\nservice_checks = "yes"', "flag"), (READ + '\nquery = ["x"]', "query maps"),
    (READ + '\nquery = { p = "path" }', "two places"), (READ + '\nquery = { "a b" = "path" }', "name has another"), (READ + "\nmore = 1", "members"),
    ('method = "POST"\npath = "/m/{to}/{body}"\ntool = "mail.send"', "argument cc is neither"),
    ('method = "POST"\npath = "/m/{to}"\ntool = "mail.send"\nquery = { cc = "cc" }\nservice_checks = true', "cc is a list"),
    (READ + "\n[[mount.route]]\n" + READ, "both"), (READ + "\n[[mount.route]]\n" + READ.replace("{path...}", "a/{path...}"), "both"),
    (READ.replace("{path...}", "x") + '\nquery = { p = "path" }\n[[mount.route]]\n' + READ, "both"),
    (READ + "\n[[mount]]\naudience = 'a'\n[[mount.route]]\n" + READ, "one audience"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        *BAD_TABLES,
        *((f"[[mount]]\naudience = 'a'\n[[mount.route]]\n{r}", w) for r, w in BAD_ROUTES),
    ],
)
def test_a_table_that_cannot_be_enforced_keeps_the_service_from_starting(
    tmp_path, shop: World, text: str, why: str
) -> None:
    """Refused whole, with the route named."""
    with pytest.raises(RouteTableError, match=why):
        load(tmp_path, shop, text)


def test_a_table_that_is_not_there_or_too_large_is_refused(tmp_path, shop: World) -> None:
    """No table is no permission."""
    with pytest.raises(RouteTableError, match=r"none\.toml.*FORWARD_ROUTES.*No such file"):
        load_routes(tmp_path / "none.toml", shop.tracker.catalogue())
    large = tmp_path / "large.toml"
    large.write_text("#" * (1024 * 1024 + 1))
    with pytest.raises(RouteTableError):
        load_routes(large, shop.tracker.catalogue())


@pytest.mark.parametrize(
    "text",
    [
        READ,
        READ + "\n[[mount.route]]\n" + READ.replace("GET", "HEAD"),
        READ + "\n[[mount.route]]\n" + READ.replace("/f/", "/g/"),
        READ.replace("{path...}", "x") + '\nquery = { p = "path" }\n[[mount.route]]\n'
        + READ.replace("{path...}", "x/") + '\nquery = { p = "path" }',
        READ + "\n[[mount]]\naudience = 'b'\n[[mount.route]]\n" + READ,
    ],
)  # fmt: skip
def test_routes_that_no_request_confuses_are_accepted(tmp_path, shop: World, text: str) -> None:
    """Another method, another literal, a trailing slash, another mount."""
    assert load(tmp_path, shop, f"[[mount]]\naudience = 'a'\n[[mount.route]]\n{text}")["a"].routes


def test_the_table_of_the_page_is_accepted(tmp_path, shop: World) -> None:
    """docs/deploy/proxies.md shows a table that works."""
    page = (Path(__file__).parents[2] / "docs/deploy/proxies.md").read_text()
    [text] = re.findall(r"^```toml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(load(tmp_path, shop, text)["https://tools.acme.example"].routes) == 3
