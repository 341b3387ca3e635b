# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points and the straight line through the origin that fits them best, as a small SVG for light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 16, 14, 46
STYLE = (
    "text{font:12px sans-serif;fill:#444}.axis{stroke:#999}.line{stroke:#1565c0;stroke-width:1.5;stroke-dasharray:5 4}"
    ".point{fill:#1565c0}@media(prefers-color-scheme:dark){text{fill:#ccc}.line{stroke:#90caf9}.point{fill:#90caf9}}"
)


def slope(points: Iterable[tuple[float, float]]) -> float:
    """Of the line through the origin with the least squares."""
    points = list(points)
    return sum(x * y for x, y in points) / (sum(x * x for x, _y in points) or 1.0)


def ceiling(value: float) -> float:
    """The next number of the kind 1, 2, 5, 10, 20, ..."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999999)


def scatter(points: Sequence[tuple[float, float]], across: str, up: str) -> str:
    """The picture; all values are above 0."""
    far_x, far_y = (ceiling(max(values)) for values in zip(*points, strict=True))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + x / far_x * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - y / far_y * (HEIGHT - TOP - BOTTOM),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{up} over {across}</title><style>{STYLE}</style>",
    ]
    left, bottom = place(0, 0)
    right, top = place(far_x, far_y)
    parts.append(f'<path class="axis" fill="none" d="M{left:.0f} {top:.0f}V{bottom:.0f}H{right:.0f}"/>')
    for share in (0.0, 0.5, 1.0):
        x, y = place(far_x * share, far_y * share)
        parts.append(f'<text x="{x:.0f}" y="{bottom + 16:.0f}" text-anchor="middle">{far_x * share:,.0f}</text>')
        parts.append(f'<text x="{left - 6:.0f}" y="{y + 4:.0f}" text-anchor="end">{far_y * share:g}</text>')
    parts.append(f'<text x="{(left + right) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{across}</text>')
    middle = (top + bottom) / 2
    parts.append(
        f'<text x="14" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 14 {middle:.0f})">{up}</text>'
    )
    rise = slope(points)
    end = min(far_x, far_y / rise)
    x, y = place(end, rise * end)
    parts.append(f'<path class="line" d="M{left:.0f} {bottom:.0f}L{x:.1f} {y:.1f}"/>')
    for point in points:
        x, y = place(*point)
        parts.append(f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
    return "".join([*parts, "</svg>\n"])
