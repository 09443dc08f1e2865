"""A download holds the rows and the picture of the panel."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest

from tests.explorer.site import Site

DAYS = "since=2026-01-01&until=2026-12-31"


def test_csv_and_parquet_hold_the_rows_of_the_statement(golden_site: Site) -> None:
    with duckdb.connect(str(golden_site.published), read_only=True) as connection:
        statement = golden_site.page(f"/trends?{DAYS}").panels["trend"].statements[0]
        expected = connection.execute(statement).fetchall()
    comma = golden_site.get(f"/trends/trend.csv?{DAYS}")
    rows = list(csv.DictReader(io.StringIO(comma.text)))
    table = pyarrow.parquet.read_table(
        io.BytesIO(golden_site.get(f"/trends/trend.parquet?{DAYS}").body)
    )

    assert 'filename="footfall-trends-trend-2026-03-31.csv"' in comma.headers["Content-Disposition"]
    assert [int(row["events"]) for row in rows] == [row[1] for row in expected]
    assert [tuple(row.values()) for row in table.to_pylist()] == expected


def test_pictures_have_a_ground_and_colours_of_their_own(golden_site: Site) -> None:
    picture = golden_site.get(f"/trends/trend.svg?{DAYS}")
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert "currentColor" not in picture.text
    assert "currentColor" in golden_site.get(f"/trends?{DAYS}").text
    assert golden_site.get(f"/trends/trend.png?{DAYS}").body.startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/trends/trend.csv?event=nobody_did_this", "never seen: nobody_did_this"),
        ("/catalogue/events.png", "This answer has no picture."),
    ],
)
def test_what_cannot_be_downloaded_says_why(golden_site: Site, path: str, sentence: str) -> None:
    answered = golden_site.get(path)
    assert answered.status == 422
    assert sentence in answered.text


def test_no_text_of_a_csv_is_a_formula(site: Site) -> None:
    rename_events(site.published, "=1+1")
    text = site.get("/catalogue/events.csv").text
    names = {row["event_name"] for row in csv.DictReader(io.StringIO(text))}
    assert names == {"'=1+1"}


def rename_events(published: Path, name: str) -> None:
    with duckdb.connect(str(published)) as connection:
        connection.execute("update marts.dim_events set event_name = ?", [name])
