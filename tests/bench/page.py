"""`docs/reference/performance.md` and its plots from `bench.json`: no figure is typed by hand."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench.json"
PAGE = ROOT / "docs/reference/performance.md"
TRIED = Path(__file__).with_name("tried.json")
PLOTS = ROOT / "docs" / "reference"
_HEADINGS = {
    "what": "what",
    "subject": "on",
    "depth": "links in the chain",
    "links": "links in the store",
    "workers": "workers",
    "clients": "in flight",
    "median_us": "median µs",
    "p99_us": "p99 µs",
    "per_second": "per second",
    "cpu_us": "CPU µs per call",
    "signature_us": "signatures µs",
    "python_us": "Python µs",
    "share": "of a core",
    "bytes": "bytes",
    "nodes": "nodes",
    "megabytes": "MiB",
    "overspent": "overspent",
    "ratio_to_floor": "ratio",
    "cpu_ratio": "ratio by CPU",
    "floor": "compared with",
    "reach": "to reach",
    "met": "reached",
    "withheld": "withheld",
    "failed": "failed",
}
_PART = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def shown(value: Any) -> str:
    """Return a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return (
            f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
        )
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a Markdown table of the columns that any of them has."""
    if not rows:
        return "Not measured.\n"
    names = [name for name in _HEADINGS if any(name in row for row in rows)]
    lines = [[_HEADINGS[name] for name in names], ["---"] * len(names)]
    lines += [[shown(row.get(name)) for name in names] for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def machine(results: Mapping[str, Any]) -> str:
    """Return where and with what it was measured, as a list."""
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    place = results["machine"]
    return (
        f"- Measured {results['date']} at commit {results['commit']}, in the mode `{results['mode']}`; it took {results['minutes']} minutes.\n"
        f"- {place['cpus']} x {place['processor']}, {place['memory_gib']} GiB, {place['system']};"
        f" load average {place['load_before']} when it began and {place['load_after']} when it ended.\n"
        f"- {versions}.\n"
        f"- Load from {results['generator']}.\n"
    )


def targets(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows that have something to reach, without what is beside the point."""
    kept = (
        "what",
        "subject",
        "depth",
        "links",
        "workers",
        "clients",
        "median_us",
        "p99_us",
        "bytes",
        "nodes",
        "megabytes",
        "overspent",
        "cpu_us",
        "ratio_to_floor",
        "cpu_ratio",
        "reach",
        "met",
        "withheld",
    )
    return [{k: row[k] for k in kept if k in row} for row in rows if "reach" in row]


def tried() -> str:
    """Return what was tried on the way, measured once each and never again."""
    rows = json.loads(TRIED.read_text(encoding="utf-8"))
    lines = [["tried", "measure", "before", "after", ""], ["---"] * 5]
    lines += [
        [r["what"], r["unit"], shown(r["before"]), shown(r["after"]), r["note"]] for r in rows
    ]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def render(page: str, results: Mapping[str, Any]) -> str:
    """Return the page with every table of its own made anew."""
    rows: Sequence[Mapping[str, Any]] = results["rows"]

    def made(match: re.Match[str]) -> str:
        name = match[2]
        if name == "machine":
            content = machine(results)
        elif name == "tried":
            content = tried()
        elif name == "targets":
            content = table(targets(rows))
        else:
            chosen = [
                {k: v for k, v in row.items() if k != "family"}
                for row in rows
                if row["family"] == name
            ]
            content = table(chosen)
        return f"{match[1]}\n{content}\n{match[3]}"

    return _PART.sub(made, page)


def plots(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the plots by file name."""
    rows = results["rows"]
    bounded = [r for r in rows if "reach" in r and len(r["reach"].split()) == 2]  # ratios
    bars = [
        (
            f"{r['what']}, {r['subject']}" + (f", {r['depth']} links" if "depth" in r else ""),
            float(r["ratio_to_floor"]),
            float(r["reach"].split()[1]),
            bool(r["met"]),
        )
        for r in bounded
        if "ratio_to_floor" in r
    ]
    return {"performance-ratios.svg": _bars("Measured ratios and what is to be reached", bars),
            "performance-lineage.svg": _lines(rows)}  # fmt: skip


def _head(title: str, width: int, height: int) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<style>text { font: 12px system-ui, sans-serif }</style>",
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="22" style="font-size: 15px; font-weight: 600" fill="#1b1f24">{escape(title)}</text>',
    ]


def _bars(title: str, bars: Sequence[tuple[str, float, float, bool]]) -> str:
    left, room, step = 430, 330, 22
    most = max((max(value, reach) for _, value, reach, _ in bars), default=1.0)
    height = 70 + step * len(bars)
    out = _head(title, left + room + 110, height)
    for place, (name, value, reach, met) in enumerate(bars):
        y = 40 + step * place
        fill, word = ("#2f6f4f", "reached") if met else ("#b25a1d", "not reached")
        mark = left + room * reach / most
        out += [
            f'<text x="{left - 8}" y="{y + 12}" text-anchor="end" fill="#1b1f24">{escape(name)}</text>',
            f'<rect x="{left}" y="{y}" width="{room * value / most:.1f}" height="15" fill="{fill}"/>',
            f'<line x1="{mark:.1f}" x2="{mark:.1f}" y1="{y - 2}" y2="{y + 17}" stroke="#1b1f24" stroke-width="2"/>',
            f'<text x="{left + room + 8}" y="{y + 12}" fill="#1b1f24">{value:g}, {word}</text>',
        ]
    out.append(
        f'<text x="{left}" y="{height - 12}" fill="#57606a">bar: ratio; line: what is to be reached</text>'
    )
    return "\n".join([*out, "</svg>", ""])


def _lines(rows: Sequence[Mapping[str, Any]]) -> str:
    series: dict[str, dict[int, float]] = {}
    for row in rows:
        if row["family"] == "lineage" and "median_us" in row:
            series.setdefault(f"{row['what']}, {row['subject']}", {})[row["links"]] = row[
                "median_us"
            ]
    sizes = sorted({size for line in series.values() for size in line})
    most = max((v for line in series.values() for v in line.values()), default=1.0)
    out = _head("Lineage: median µs by links in the store (both axes logarithmic)", 860, 430)
    out += [
        f'<text x="{_x(size, sizes):.0f}" y="400" text-anchor="middle" fill="#57606a">{size:,}</text>'
        for size in sizes
    ]
    for power in range(1, 7):
        if (y := _y(10**power, most)) >= 40:  # below the title
            out.append(f'<line x1="70" x2="520" y1="{y:.1f}" y2="{y:.1f}" stroke="#d8dee4"/>')
            out.append(
                f'<text x="62" y="{y + 4:.1f}" text-anchor="end" fill="#57606a">{10**power:,}</text>'
            )
    colours = ("#0b5cad", "#2f6f4f", "#b25a1d", "#7a3e9d", "#8a6d00", "#a3243b")
    for place, (name, line) in enumerate(series.items()):
        colour, dash = colours[place % 6], "" if place < 6 else ' stroke-dasharray="5 3"'
        points = " ".join(f"{_x(n, sizes):.1f},{_y(v, most):.1f}" for n, v in sorted(line.items()))
        out.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        )
        out.append(
            f'<line x1="545" x2="565" y1="{50 + 20 * place}" y2="{50 + 20 * place}" stroke="{colour}" stroke-width="2"{dash}/>'
        )
        out.append(f'<text x="572" y="{54 + 20 * place}" fill="#1b1f24">{escape(name)}</text>')
    return "\n".join([*out, "</svg>", ""])


def _x(size: int, sizes: Sequence[int]) -> float:
    return 90 + 410 * (sizes.index(size) / max(1, len(sizes) - 1))


def _y(value: float, most: float) -> float:
    return 380 - 330 * math.log10(max(value, 1)) / math.log10(max(most * 1.5, 10))


def save(results: Mapping[str, Any]) -> None:
    """Write the results, the page and its plots."""
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    for name, content in plots(results).items():
        (PLOTS / name).write_text(content, encoding="utf-8")
