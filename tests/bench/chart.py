# SPDX-License-Identifier: BSD-2-Clause
"""The figures as bars on a logarithmic scale: ours, KVM's and the floor, as an SVG that any browser shows."""
import math
from html import escape

LABEL, WIDTH, BAR, GAP = 330, 560, 9, 12  # pixels
LOWEST, HIGHEST = 10.0, 1e6
COLOURS = (("Tenure", "#2266aa"), ("KVM", "#c06030"), ("floor", "#999999"))


def place(value):
    value = min(max(value, LOWEST), HIGHEST)
    return WIDTH * math.log10(value / LOWEST) / math.log10(HIGHEST / LOWEST)


def draw(title, bars):
    """bars: [(words, (ours, KVM's or None, the floor or None))]; the text of an SVG."""
    parts, y = [], 60
    for words, values in bars:
        parts.append(f'<text x="{LABEL - 8}" y="{y + 2 * BAR}" text-anchor="end">{escape(words)}</text>')
        for (_, colour), value in zip(COLOURS, values):
            if value is not None:
                wide = place(value)
                parts.append(f'<rect x="{LABEL}" y="{y}" width="{wide:.1f}" height="{BAR - 1}" fill="{colour}"/>')
                parts.append(f'<text x="{LABEL + wide + 4:.1f}" y="{y + BAR - 1}" class="n">{value:g}</text>')
            y += BAR
        y += GAP
    legend = "".join(f'<rect x="{LABEL + 110 * i}" y="30" width="12" height="12" fill="{colour}"/>'
                     f'<text x="{LABEL + 110 * i + 18}" y="41">{name}</text>'
                     for i, (name, colour) in enumerate(COLOURS))
    lines = "".join(f'<line x1="{LABEL + place(10.0 ** n):.1f}" x2="{LABEL + place(10.0 ** n):.1f}" y1="52" y2="{y}" '
                    'stroke="#dddddd"/>' for n in range(1, 7))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL + WIDTH + 80}" height="{y + 10}" '
            'font-family="sans-serif" font-size="12"><style>.n{font-size:9px}</style>'
            '<rect width="100%" height="100%" fill="white"/>'
            f'<text x="{LABEL}" y="20" font-size="14">{escape(title)}</text>{legend}{lines}{"".join(parts)}</svg>\n')
