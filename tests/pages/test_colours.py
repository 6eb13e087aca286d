"""The pages' colours: text and marks stand out from what is behind them, in both themes."""

from __future__ import annotations

import re

import pytest

from delegation_api.pages.assets import assets

TEXT = ("ink", "muted", "path", "denied", "revoked", "expired", "waiting")
MARKS = ("control", "human", "agent", "service", "tool")


def themes() -> dict[str, dict[str, str]]:
    """Return the variables of both themes."""
    css = assets()["app.css"][1].decode()
    light = re.search(r":root \{(.*?)\}", css, re.DOTALL).group(1)
    dark = re.search(r':root\[data-theme="dark"\] \{(.*?)\}', css, re.DOTALL).group(1)
    pair = re.compile(r"--([a-z-]+): (#[0-9a-f]{6})")
    return {"light": dict(pair.findall(light)), "dark": dict(pair.findall(dark))}


def contrast(one: str, other: str) -> float:
    """Return the ratio of WCAG 2.2 between two colours."""

    def light(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_marks_stand_out(theme: str) -> None:
    """Text 4.5 to 1 and marks 3 to 1, on the ground and on panels; letters on the marks too."""
    colours = themes()[theme]
    for ground in ("ground", "panel"):
        for name in TEXT:
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for name in MARKS:
            assert contrast(colours[name], colours[ground]) >= 3, (name, ground)
    for name in ("human", "agent"):
        assert contrast(colours["on-mark"], colours[name]) >= 4.5
    for ground in ("path-soft", "added", "removed"):
        assert contrast(colours["ink"], colours[ground]) >= 4.5


def test_the_chosen_dark_is_the_systems_dark() -> None:
    """Written twice, since CSS cannot say it once: whoever changes one changes the other."""
    css = assets()["app.css"][1].decode()
    pair = re.compile(r"--[a-z-]+: #[0-9a-f]{6}")
    system, chosen = (
        re.search(re.escape(start) + r" \{(.*?)\}", css, re.DOTALL).group(1)
        for start in (':root:not([data-theme="light"])', ':root[data-theme="dark"]')
    )
    assert pair.findall(system) == pair.findall(chosen)
    assert len(pair.findall(chosen)) >= 19
