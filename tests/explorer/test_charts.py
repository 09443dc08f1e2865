"""Colours can be seen on both grounds, and the texts of marks are whole."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

import pytest

import explorer
from explorer import charts

CSS = (Path(explorer.__file__).parent / "static" / "explorer.css").read_text()
#: Variable → its colour on the light and on the dark page.
VARIABLES = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([a-z]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", CSS
    )
}


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", charts.COLOURS)
def test_a_mark_stands_out_on_both_pages(colour: str) -> None:
    assert min(contrast(colour, ground) for ground in VARIABLES["ground"]) >= 3


@pytest.mark.parametrize("text", ["text", "quiet", "accent", "warning"])
@pytest.mark.parametrize("ground", ["ground", "raised"])
def test_a_text_can_be_read_on_both_pages(text: str, ground: str) -> None:
    for one, other in zip(VARIABLES[text], VARIABLES[ground], strict=True):
        assert contrast(one, other) >= 4.5


def test_the_series_with_the_largest_sums_are_drawn() -> None:
    rows = [
        {"day": date(2026, 3, 1), "n": number, "by": f"v{number}"}
        for number in range(1, charts.MAX_SERIES + 4)
    ]
    chart = charts.lines(rows, time="day", value="n", series="by", unit="events")
    assert chart is not None
    drawn = set(re.findall(r"2026-03-01, (v\d+): ", charts.svg(chart)))
    assert drawn == {f"v{number}" for number in range(4, charts.MAX_SERIES + 4)}


def test_a_time_is_drawn_as_it_is_written_wherever_the_machine_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    rows = [{"at": datetime(2026, 3, 1, hour), "n": hour, "by": None} for hour in range(3)]
    chart = charts.lines(rows, time="at", value="n", series="by")
    assert chart is not None
    picture = charts.svg(chart)
    assert "2026-03-01 02:00, (none): 2" in picture
    assert "2026-03-01, (none): 0" in picture


def test_without_rows_there_is_no_chart() -> None:
    assert charts.lines([], time="at", value="n") is None
    assert charts.bars([], label="step", parts=[("n", "persons", 1.0)]) is None
    assert charts.stacked([], time="day", parts=[], complete="is_complete") is None
    assert charts.curve([], place="n", value="rate", series=None, unit="") is None
    assert charts.calibration([]) is None
    assert charts.ranking([], label="path", value="times", unit="times") is None
