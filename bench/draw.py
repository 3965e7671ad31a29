# SPDX-License-Identifier: MIT
"""Pictures of figures, as SVG."""
import html

COLOURS = ("#2a7f4f", "#b5482a", "#33658a", "#8a6d1d", "#6b4c9a", "#555555")


def frame(width, height, content):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
            f'font-size="12"><rect width="{width}" height="{height}" fill="white"/>{content}</svg>\n')


def text(x, y, what, anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{html.escape(str(what))}</text>'


def bars(title, rows):
    """One bar for each (name, times the budget, label); the line is the budget."""
    content, y = text(310, 20, title), 40
    for name, ratio, label in rows:
        length = min(ratio, 4) * 100
        content += text(300, y + 12, name, "end")
        content += f'<rect x="310" y="{y}" width="{length:.0f}" height="16" fill="{COLOURS[ratio < 1]}"/>'
        content += text(320 + length, y + 12, label)
        y += 24
    content += f'<line x1="410" y1="30" x2="410" y2="{y}" stroke="black"/>'
    return frame(900, y + 20, content)


def short(n):
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if n >= limit:
            return f"{n / limit:.3g}{unit}"
    return f"{n:.3g}"


def one_chart(left, top, title, points, lines):
    """`points`: names along the bottom; `lines`: name to values."""
    width, height = 300, 150
    most = max((v for values in lines.values() for v in values), default=1) or 1
    step = width / max(len(points) - 1, 1)
    content = text(left, top - 10, title)
    content += f'<path d="M{left} {top}v{height}h{width}" fill="none" stroke="black"/>'
    content += text(left - 4, top + 10, short(most), "end") + text(left - 4, top + height, "0", "end")
    for i, point in enumerate(points):
        content += text(left + i * step, top + height + 15, point, "middle")
    for i, (name, values) in enumerate(lines.items()):
        path = [(left + n * step, top + height - v / most * height) for n, v in enumerate(values)]
        content += (f'<polyline fill="none" stroke="{COLOURS[i]}" stroke-width="2" points="'
                    + " ".join(f"{x:.0f},{y:.0f}" for x, y in path) + '"/>')
        content += "".join(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{COLOURS[i]}"/>' for x, y in path)
        content += f'<text x="{left + 10 + 100 * i}" y="{top + height + 32}" fill="{COLOURS[i]}">{html.escape(name)}</text>'
    return content


def curves(charts):
    """A grid of charts, two in a row: (title, points, lines) each."""
    content = "".join(one_chart(60 + n % 2 * 400, 40 + n // 2 * 230, *chart) for n, chart in enumerate(charts))
    return frame(820, 20 + (len(charts) + 1) // 2 * 230, content)
