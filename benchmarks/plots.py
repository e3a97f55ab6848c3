"""Draws the plots of the documentation as SVG."""

import math
from collections.abc import Sequence
from html import escape

from benchmarks.environments import NEW
from benchmarks.growth import Curve
from benchmarks.report import Row

_COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")
_WIDTH = 760


def draw_growth(curves: Sequence[Curve]) -> str:
    """Draw the cost of an item, relative to the least, over the number of items. A level line is linear growth."""
    height, left, right, top, bottom = 380, 60, 190, 40, 50
    max_size = max(max(each.sizes) for each in curves)
    max_factor = max(max(each.costs) / min(each.costs) for each in curves)
    decades = math.ceil(math.log10(max_size))
    doublings = max(2, math.ceil(math.log2(max_factor)))

    def place(size: float, factor: float) -> tuple[float, float]:
        x = left + (_WIDTH - left - right) * math.log10(size) / decades
        return x, height - bottom - (height - top - bottom) * math.log2(factor) / doublings

    parts = [_draw_text(left, 20, "CPU time of one item, relative to the least; level is linear")]
    for decade in range(decades + 1):
        x, _ = place(10**decade, 1)
        parts += [_draw_line([(x, top), (x, height - bottom)], "#ddd", 1)]
        parts += [_draw_text(x, height - bottom + 20, f"{10**decade:,}", "middle")]
    for doubling in range(doublings + 1):
        _, y = place(1, 2**doubling)
        parts += [_draw_line([(left, y), (_WIDTH - right, y)], "#ddd", 1)]
        parts += [_draw_text(left - 8, y + 4, f"{2**doubling}x", "end")]
    for number, (curve, color) in enumerate(zip(curves, _COLORS, strict=True)):
        points = [place(size, cost / min(curve.costs)) for size, cost in zip(curve.sizes, curve.costs, strict=True)]
        parts += [_draw_line(points, color, 2)]
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points]
        y = top + 20 + 22 * number
        parts += [_draw_line([(_WIDTH - right + 12, y), (_WIDTH - right + 32, y)], color, 2)]
        parts += [_draw_text(_WIDTH - right + 38, y + 4, curve.name)]
    return _wrap(parts, height)


def draw_ratios(rows: Sequence[Row]) -> str:
    """Draw how many times less ours takes than google-genai 3.6.1, a bar a row, on a logarithmic axis."""
    compared = [(row.name, row.unit, ratio) for row in rows if (ratio := row.compute_ratio(NEW))]  # 0 has no place here
    if not compared:
        return _wrap([_draw_text(10, 20, f"nothing was compared with {NEW}")], 40)
    left, top, step = 330, 50, 18
    height = top + step * len(compared) + 20
    decades = max(1.0, math.log10(max(1 / ratio for _, _, ratio in compared)))
    parts = [_draw_text(10, 20, f"How many times less than google-genai {NEW}: CPU time, or memory in MiB")]
    unit = (_WIDTH - left - 60) / decades
    for decade in range(math.floor(decades) + 1):
        x = left + unit * decade
        parts += [_draw_line([(x, top - 8), (x, height - 15)], "#ddd", 1)]
        parts += [_draw_text(x, top - 12, f"{10**decade:,}x", "middle")]
    for number, (name, kind, ratio) in enumerate(compared):
        y, length = top + step * number, unit * math.log10(1 / ratio)
        color = _COLORS[2] if kind == "MiB" else _COLORS[0] if length > 0 else _COLORS[1]
        parts += [_draw_text(left - 8, y + 11, name, "end")]
        parts += [
            f'<rect x="{left + min(0, length):.1f}" y="{y}" width="{abs(length):.1f}" height="13" fill="{color}"/>'
        ]
        parts += [
            _draw_text(left + max(0, length) + 5, y + 11, f"{1 / ratio:.2g}" if ratio > 0.01 else f"{1 / ratio:.0f}")
        ]
    return _wrap(parts, height)


def _draw_text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _draw_line(points: Sequence[tuple[float, float]], color: str, width: int) -> str:
    listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{listed}" fill="none" stroke="{color}" stroke-width="{width}"/>'


def _wrap(parts: Sequence[str], height: int) -> str:
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12" fill="#333">'
    )
    background = f'<rect width="{_WIDTH}" height="{height}" fill="white"/>'
    return "\n".join((opening, background, *parts, "</svg>")) + "\n"
