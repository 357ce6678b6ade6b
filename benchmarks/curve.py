"""A curve as SVG: seconds over a number that grows, both axes logarithmic. The same points give the same
bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 360, 70, 40, 20, 50
MIDDLE, FLOOR = (LEFT + WIDTH - RIGHT) // 2, HEIGHT - BOTTOM
COLOURS = ("#1f4e9c", "#b3541e", "#3a7d34")


def svg(title: str, label: str, xs: Sequence[int], lines: Mapping[str, Sequence[float]]) -> str:
    """The picture. A place of 0 stands half a step left of the first other one."""
    logs = [log10(x) if x else None for x in xs]
    least = min(x for x in logs if x is not None)
    places = [least - 0.5 if x is None else x for x in logs]
    low, high = min(places), max(places) if max(places) > min(places) else min(places) + 1
    seconds = [y for line in lines.values() for y in line]
    bottom, top = floor(log10(min(seconds))), ceil(log10(max(seconds)) + 1e-9)

    def across(place: float) -> float:
        return LEFT + (place - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def down(second: float) -> float:
        return HEIGHT - BOTTOM - (log10(second) - bottom) / (top - bottom) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
        f'<text x="{MIDDLE}" y="{HEIGHT - 10}" text-anchor="middle">{escape(label)}</text>',
    ]
    for power in range(bottom, top + 1):
        y = down(10.0**power)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>')
    for x, place in zip(xs, places, strict=True):
        at = across(place)
        parts.append(f'<line x1="{at:.1f}" y1="{FLOOR}" x2="{at:.1f}" y2="{FLOOR + 5}" stroke="#666"/>')
        parts.append(f'<text x="{at:.1f}" y="{FLOOR + 18}" text-anchor="middle">{x:,}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        spots = [(across(place), down(second)) for place, second in zip(places, line, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), second in zip(spots, line, strict=True):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            parts.append(
                f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle" fill="{colour}">{second:.2f}</text>'
            )
        parts.append(
            f'<text x="{LEFT + 8}" y="{TOP + 12 + 16 * number}" fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])
