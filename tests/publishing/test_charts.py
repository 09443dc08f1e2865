"""Charts show the numbers they are given, and survive odd names."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

from publishing.charts import (
    BAR,
    HEIGHT,
    LATE,
    MARGIN,
    MAX_BARS,
    WIDTH,
    bar_chart,
    calibration_chart,
)

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart: str) -> ElementTree.Element:
    found = re.fullmatch(r"!\[.*\]\(data:image/svg\+xml;base64,(.*)\)", chart, re.DOTALL)
    assert found
    return ElementTree.fromstring(base64.b64decode(found[1]))


def bars(chart: str) -> list[tuple[str, float, str]]:
    return [
        (bar.findtext(f"{SVG}title") or "", float(bar.attrib["height"]), bar.attrib["fill"])
        for bar in drawn(chart).iter(f"{SVG}rect")
        if bar.find(f"{SVG}title") is not None
    ]


def test_a_bar_is_as_high_as_its_share_of_the_largest() -> None:
    full = HEIGHT - 2 * MARGIN
    shown = bars(bar_chart("Actives", [("mon", 5), ("tue", 10), ("wed", 0)], unfinished=1))
    assert shown == [
        ("mon: 5", full / 2, BAR),
        ("tue: 10", full, BAR),
        ("wed: 0", 0, LATE),
    ]


def test_only_the_last_bars_are_shown_and_no_bar_is_no_chart() -> None:
    shown = bars(bar_chart("Actives", [(str(n), 1) for n in range(MAX_BARS + 5)]))
    assert shown[0][0] == "5: 1"
    assert len(shown) == MAX_BARS
    assert bar_chart("Actives", []) == ""


def test_zeros_alone_and_names_with_markup_can_be_drawn() -> None:
    chart = bar_chart("<b>&", [("<script>", 0)])
    assert bars(chart) == [("<script>: 0", 0, BAR)]


def test_what_came_true_stands_on_the_line() -> None:
    points = [(0.1, 0.1, 0.05, 0.2), (0.2, 0.3, 0.2, 0.4)]
    image = drawn(calibration_chart("plan", points))
    line, *intervals = image.iter(f"{SVG}line")
    ends = [float(line.attrib[name]) for name in ("x1", "y1", "x2", "y2")]
    assert ends == [MARGIN, HEIGHT - MARGIN, WIDTH - MARGIN, MARGIN]
    true, off = image.iter(f"{SVG}circle")
    slope = (HEIGHT - 2 * MARGIN) / (WIDTH - 2 * MARGIN)
    for dot, is_true in ((true, True), (off, False)):
        across = float(dot.attrib["cx"]) - MARGIN
        up = HEIGHT - MARGIN - float(dot.attrib["cy"])
        assert (abs(up - across * slope) < 0.2) is is_true
    assert float(intervals[1].attrib["y2"]) == MARGIN
    assert calibration_chart("plan", []) == ""
