"""Small charts as images that Markdown can hold. Dagster's UI shows them with a run."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from publishing.markdown import as_markdown

#: Size of a chart in pixels: wide enough for two months of days, low enough to fit between text.
WIDTH, HEIGHT, MARGIN = 640, 160, 22
#: With more bars than this, they would be thinner than the gaps between them.
MAX_BARS = 60
BAR, LATE = "#4f43dd", "#c8c4f4"


def bar_chart(title: str, bars: Sequence[tuple[str, float]], *, unfinished: int = 0) -> str:
    """The last MAX_BARS bars as a Markdown image; ``unfinished`` of them, at the end, are pale.

    The first and the last bar have a label. The title gives the largest value. Without bars the
    result is an empty text.
    """
    shown = list(bars)[-MAX_BARS:]
    if not shown:
        return ""
    most = max(value for _, value in shown) or 1
    step = (WIDTH - 2 * MARGIN) / len(shown)
    ground = HEIGHT - MARGIN
    parts = []
    for place, (label, value) in enumerate(shown):
        height = (ground - MARGIN) * value / most
        colour = LATE if place >= len(shown) - unfinished else BAR
        parts.append(
            f'<rect x="{MARGIN + place * step:.1f}" y="{ground - height:.1f}" '
            f'width="{step * 0.8:.1f}" height="{height:.1f}" fill="{colour}">'
            f"<title>{escape(label)}: {value:,.0f}</title></rect>"
        )
    parts += [
        _text(MARGIN, 14, "start", f"{title} (at most {most:,.0f})"),
        _text(MARGIN, HEIGHT - 6, "start", shown[0][0]),
        _text(WIDTH - MARGIN, HEIGHT - 6, "end", shown[-1][0] if len(shown) > 1 else ""),
    ]
    return _image(title, parts)


def calibration_chart(title: str, points: Sequence[tuple[float, float, float, float]]) -> str:
    """Predicted against observed rates, with intervals, as a Markdown image.

    A point is predicted, observed, low and high, all from 0 to 1. On the line, predicted and
    observed are equal. Without points the result is an empty text.
    """
    if not points:
        return ""
    most = max(max(predicted, high) for predicted, _, _, high in points) or 1.0
    across, up = (WIDTH - 2 * MARGIN) / most, (HEIGHT - 2 * MARGIN) / most
    ground = HEIGHT - MARGIN
    parts = [
        f'<line x1="{MARGIN}" y1="{ground}" x2="{WIDTH - MARGIN}" y2="{MARGIN}" stroke="{LATE}"/>'
    ]
    for predicted, observed, low, high in points:
        x = MARGIN + predicted * across
        parts += [
            f'<line x1="{x:.1f}" y1="{ground - low * up:.1f}" x2="{x:.1f}" '
            f'y2="{ground - high * up:.1f}" stroke="{BAR}"/>',
            f'<circle cx="{x:.1f}" cy="{ground - observed * up:.1f}" r="3.5" fill="{BAR}">'
            f"<title>predicted {predicted:.1%}, observed {observed:.1%}</title></circle>",
        ]
    parts += [
        _text(MARGIN, 14, "start", f"{title} (up: observed, at most {most:.0%})"),
        _text(MARGIN, HEIGHT - 6, "start", "predicted: 0%"),
        _text(WIDTH - MARGIN, HEIGHT - 6, "end", f"{most:.0%}"),
    ]
    return _image(title, parts)


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="12" '
        f'font-family="sans-serif" fill="#555">{escape(text)}</text>'
    )


def _image(title: str, parts: Sequence[str]) -> str:
    image = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{"".join(parts)}</svg>'
    )
    encoded = base64.b64encode(image.encode()).decode()
    return f"![{as_markdown(title)}](data:image/svg+xml;base64,{encoded})"
