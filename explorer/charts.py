"""Charts as Vega-Lite, drawn on the server: pages, report and downloads hold the same picture.

Colours have at least 3:1 of contrast on white and on the dark page (WCAG 2.2, 1.4.11), texts take
the page's own colour. Each mark has a text that screen readers read and that pointing shows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import altair as alt
import vl_convert

WIDTH: Final = 720
HEIGHT: Final = 240
#: The colour of "other" comes last.
COLOURS: Final = (
    *("#3f7fd6", "#d4691e", "#27975a", "#a45fd1", "#d24d57", "#1c93a5", "#a5743b", "#c2549b"),
    "#7d8590",
)
BLUE, ORANGE, GREEN, GREY = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[-1]
#: Series that are drawn; the table has all of them.
MAX_SERIES: Final = len(COLOURS)
#: The page's own colour of text, and what a file has in its place.
TEXT, TEXT_IN_FILE = "currentColor", "#333333"

Row = dict[str, Any]
Chart = alt.LayerChart | alt.FacetChart


@dataclass(frozen=True)
class Note:
    """Something that happened on a day, which explains a number: a line on the axis of time."""

    day: date
    text: str


def svg(chart: Chart) -> str:
    """A chart as SVG with the page's colours."""
    return str(vl_convert.vegalite_to_svg(_spec(chart)))


def svg_file(chart: Chart) -> str:
    """A chart as an SVG file with a white ground."""
    return str(vl_convert.vegalite_to_svg(_file_spec(chart)))


def png_file(chart: Chart) -> bytes:
    """A chart as a PNG file with a white ground, two pixels for each unit."""
    return bytes(vl_convert.vegalite_to_png(_file_spec(chart), scale=2))


def _spec(chart: Chart) -> str:
    configured = (
        # The page's font may be wider than the one that places are measured with.
        chart.properties(
            width=WIDTH,
            background="transparent",
            padding={"left": 24, "top": 5, "right": 24, "bottom": 5},
        )
        .configure(font="system-ui, sans-serif")
        .configure_axis(
            labelColor=TEXT,
            titleColor=TEXT,
            gridColor=TEXT,
            gridOpacity=0.12,
            domainColor=TEXT,
            domainOpacity=0.4,
            tickColor=TEXT,
            tickOpacity=0.4,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            labelLimit=220,
        )
        .configure_legend(
            labelColor=TEXT,
            titleColor=TEXT,
            orient="bottom",
            labelFontSize=12,
            labelLimit=220,
            title=None,
            columns=4,
        )
        .configure_view(stroke=None)
        .configure_range(category=list(COLOURS))
    )
    return str(configured.to_json(indent=None))


def _file_spec(chart: Chart) -> str:
    spec = json.loads(_spec(chart).replace(f'"{TEXT}"', f'"{TEXT_IN_FILE}"'))
    return json.dumps(spec | {"background": "white"})


def lines(
    rows: Sequence[Row],
    *,
    time: str,
    value: str,
    series: str | None = None,
    complete: str | None = None,
    unit: str = "",
    share: bool = False,
    notes: Sequence[Note] = (),
) -> Chart | None:
    """Values over time, one line for each series; what is not complete is dashed and hollow."""
    drawn = _largest(rows, value, series)
    points = [
        {
            "time": _utc(row[time]),
            "value": float(row[value]),
            "series": _name(row[series]) if series else "",
            "is_complete": bool(row[complete]) if complete else True,
            "text": _sentence(row, time, value, series, complete, unit, share),
        }
        for row in drawn
        if row[value] is not None and row[time] is not None
    ]
    if not points:
        return None
    x = alt.X("time:T", title=None, scale=alt.Scale(type="utc"), axis=alt.Axis(tickCount=8))
    y = alt.Y("value:Q", title=unit or None, axis=_number_axis(share))
    colour: Any = alt.Color("series:N", sort=_order(points)) if series else alt.value(BLUE)
    base = alt.Chart({"values": points}).encode(x=x, y=y, color=colour)
    # The line to an incomplete point is dashed: the last complete point belongs to both lines.
    solid = base.mark_line(strokeWidth=2).transform_filter("datum.is_complete")
    dashed = base.mark_line(strokeWidth=1.5, strokeDash=[4, 4], opacity=0.7)
    dots = base.mark_point(size=36, strokeWidth=1.5).encode(
        fill=alt.condition("datum.is_complete", colour, alt.value("transparent"))
        if not series
        else alt.value("transparent"),
        description="text:N",
    )
    return alt.layer(dashed, solid, dots, *_rules(notes, points)).properties(height=HEIGHT)


def stacked(
    rows: Sequence[Row], *, time: str, parts: Sequence[tuple[str, str, str]], complete: str
) -> Chart | None:
    """Bars over time, each made of parts (column, title, colour); negative parts hang below."""
    points = [
        {
            "time": _moment(row[time]),
            "value": float(row[column]),
            "part": title,
            "is_complete": bool(row[complete]),
            "text": f"{_moment(row[time])}, {title}: {abs(row[column]):,}"
            + ("" if row[complete] else ", not over yet"),
        }
        for row in rows
        for column, title, _ in parts
    ]
    if not points:
        return None
    bars = (
        alt.Chart({"values": points})
        .mark_bar()
        .encode(
            x=alt.X("time:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap="greedy")),
            y=alt.Y("value:Q", title="persons", axis=_number_axis(False)),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(
                    domain=[title for _, title, _ in parts], range=[each for *_, each in parts]
                ),
            ),
            opacity=alt.condition("datum.is_complete", alt.value(1.0), alt.value(0.45)),
            description="text:N",
        )
    )
    return alt.layer(bars).properties(height=HEIGHT)


def bars(
    rows: Sequence[Row],
    *,
    label: str,
    parts: Sequence[tuple[str, str, float]],
    series: str | None = None,
    unit: str = "persons",
) -> Chart | None:
    """Bars from left to right in the order of the rows.

    Parts (column, title, opacity) are on top of each other; series stand side by side.
    """
    points = [
        {
            "label": str(row[label]),
            "value": float(row[column] or 0),
            "part": place,
            "opacity": opacity,
            "series": _name(row[series]) if series else "",
            "text": ", ".join([str(row[label]), *([_name(row[series])] if series else [])])
            + f": {row[column] or 0:,} {title}",
        }
        for row in (_largest(rows, parts[0][0], series) if series else rows)
        for place, (column, title, opacity) in enumerate(parts)
    ]
    if not points:
        return None
    encoded: dict[str, Any] = {
        "x": alt.X(
            "label:N", sort=None, title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)
        ),
        "y": alt.Y("value:Q", title=unit, axis=_number_axis(False)),
        "opacity": alt.Opacity("opacity:Q", scale=None),
        "order": alt.Order("part:Q"),
        "color": alt.Color("series:N", sort=_order(points)) if series else alt.value(BLUE),
        "description": "text:N",
    }
    if series:
        encoded["xOffset"] = alt.XOffset("series:N", sort=_order(points))
    drawn = alt.Chart({"values": points}).mark_bar().encode(**encoded)
    return alt.layer(drawn).properties(height=HEIGHT)


def calibration(rows: Sequence[Row]) -> Chart | None:
    """Predicted against observed rates with their intervals; on the line both are equal."""
    points: list[Row] = [
        {
            "predicted": float(row["predicted_rate"]),
            "observed": float(row["observed_rate"]),
            "low": float(row["observed_low"]),
            "high": float(row["observed_high"]),
            "text": f"predicted {row['predicted_rate']:.1%}, observed {row['observed_rate']:.1%} "
            f"({row['observed_low']:.1%} to {row['observed_high']:.1%})",
        }
        for row in rows
        if row["observed_rate"] is not None and row["predicted_rate"] is not None
    ]
    if not points:
        return None
    most = max(max(each["predicted"], each["high"]) for each in points)
    base = alt.Chart({"values": points}).encode(
        x=alt.X("predicted:Q", title="predicted", axis=_number_axis(True))
    )
    line = (
        alt.Chart({"values": [{"x": 0, "y": 0}, {"x": most, "y": most}]})
        .mark_line(color=GREY, strokeDash=[4, 4])
        .encode(x="x:Q", y="y:Q")
    )
    ranges = base.mark_rule(color=BLUE).encode(y="low:Q", y2="high:Q")
    dots = base.mark_circle(color=BLUE, size=50).encode(
        y=alt.Y("observed:Q", title="observed", axis=_number_axis(True)), description="text:N"
    )
    return alt.layer(line, ranges, dots).properties(height=HEIGHT)


def intervals(
    rows: Sequence[Row],
    *,
    time: str,
    value: str,
    low: str,
    high: str,
    series: str,
    notes: Sequence[Note] = (),
) -> Chart | None:
    """Differences over time, each series with the band of its interval, and a line at zero."""
    points = [
        {
            "time": _utc(row[time]),
            "value": float(row[value]),
            "low": float(row[low]),
            "high": float(row[high]),
            "series": _name(row[series]),
            "text": f"{_moment(row[time])}, {_name(row[series])}: {row[value]:,.6g} "
            f"({row[low]:,.6g} to {row[high]:,.6g})",
        }
        for row in rows
    ]
    if not points:
        return None
    base = alt.Chart({"values": points}).encode(
        x=alt.X("time:T", title=None, scale=alt.Scale(type="utc"), axis=alt.Axis(tickCount=8)),
        color=alt.Color("series:N"),
    )
    zero = alt.Chart({"values": [{"y": 0}]}).mark_rule(color=GREY).encode(y="y:Q")
    bands = base.mark_area(opacity=0.2).encode(y="low:Q", y2="high:Q")
    dots = base.mark_line(strokeWidth=2, point=True).encode(
        y=alt.Y("value:Q", title="difference", axis=_number_axis(False)), description="text:N"
    )
    return alt.layer(zero, bands, dots, *_rules(notes, points)).properties(height=HEIGHT)


def _number_axis(share: bool) -> alt.Axis:
    if share:
        return alt.Axis(format=".0%", tickCount=5)
    return alt.Axis(labelExpr="format(datum.value, ',')", tickCount=5)


def _largest(rows: Sequence[Row], value: str, series: str | None) -> Sequence[Row]:
    """The rows of the series with the largest sums, as many as can be told apart."""
    if series is None:
        return rows
    sums: dict[Any, float] = {}
    for row in rows:
        sums[row[series]] = sums.get(row[series], 0.0) + float(row[value] or 0)
    kept = sorted(sums, key=lambda each: (-sums[each], str(each)))[:MAX_SERIES]
    return [row for row in rows if row[series] in kept]


def _order(points: Sequence[Row]) -> list[str]:
    """The series, the one with the largest sum first."""
    sums: dict[str, float] = {}
    for point in points:
        sums[point["series"]] = sums.get(point["series"], 0.0) + abs(point["value"])
    return sorted(sums, key=lambda each: (-sums[each], each))


def _rules(notes: Sequence[Note], points: Sequence[Row]) -> list[alt.Chart]:
    first, last = min(each["time"] for each in points), max(each["time"] for each in points)
    marked = [
        {"time": _utc(note.day), "text": f"{note.day}: {note.text}"}
        for note in notes
        if first[:10] <= note.day.isoformat() <= last[:10]
    ]
    if not marked:
        return []
    rules = (
        alt.Chart({"values": marked})
        .mark_rule(color=ORANGE, strokeDash=[2, 3], strokeWidth=1.5)
        .encode(x="time:T", description="text:N")
    )
    return [rules]


def _utc(moment: date | datetime) -> str:
    """A local time as Vega reads it; the axis takes it as UTC, so that nothing moves it."""
    return moment.isoformat() + ("Z" if isinstance(moment, datetime) else "T00:00:00Z")


def _moment(moment: date | datetime) -> str:
    text = moment.isoformat(sep=" ", timespec="minutes") if isinstance(moment, datetime) else ""
    return text.removesuffix(" 00:00") or str(moment)


def _sentence(
    row: Row,
    time: str,
    value: str,
    series: str | None,
    complete: str | None,
    unit: str,
    share: bool,
) -> str:
    number = f"{row[value]:.1%}" if share else f"{row[value]:,.6g}"
    if not share and float(row[value]).is_integer():
        number = f"{row[value]:,.0f}"
    name = f", {_name(row[series])}" if series else ""
    open_ = "" if complete is None or row[complete] else ", not over yet"
    return f"{_moment(row[time])}{name}: {number} {unit}".rstrip() + open_


def _name(value: object) -> str:
    """A value of a dimension for people; events without one have none."""
    return "(none)" if value is None else str(value)


def curve(
    rows: Sequence[Row], *, place: str, value: str, series: str | None, unit: str
) -> Chart | None:
    """A share over numbered periods, one line for each series."""
    points = [
        {
            "place": int(row[place]),
            "value": float(row[value]),
            "series": _name(row[series]) if series else "",
            "text": f"{row[place]}"
            + (f", {_name(row[series])}" if series else "")
            + f": {row[value]:.1%}",
        }
        for row in _largest(rows, value, series)
        if row[value] is not None
    ]
    if not points:
        return None
    colour: Any = alt.Color("series:N", sort=_order(points)) if series else alt.value(BLUE)
    base = alt.Chart({"values": points}).encode(
        x=alt.X("place:Q", title=unit, axis=alt.Axis(format="d", tickMinStep=1)),
        y=alt.Y("value:Q", title=None, axis=_number_axis(True)),
        color=colour,
    )
    drawn = (base.mark_line(strokeWidth=2), base.mark_point(size=36).encode(description="text:N"))
    return alt.layer(*drawn).properties(height=HEIGHT)


def ranking(rows: Sequence[Row], *, label: str, value: str, unit: str) -> Chart | None:
    """Bars from the left, one below the other, in the order of the rows."""
    points = [
        {
            "label": str(row[label]),
            "value": float(row[value]),
            "text": f"{row[label]}: {row[value]:,} {unit}",
        }
        for row in rows
    ]
    if not points:
        return None
    drawn = (
        alt.Chart({"values": points})
        .mark_bar(color=BLUE, height={"band": 0.7})
        .encode(
            x=alt.X("value:Q", title=unit, axis=_number_axis(False)),
            y=alt.Y("label:N", sort=None, title=None),
            description="text:N",
        )
    )
    return alt.layer(drawn).properties(height=max(60, 24 * len(points)))
