from __future__ import annotations

from datetime import date

from demo.tables import duration, percent, table


def test_words_stand_to_the_left_and_numbers_to_the_right() -> None:
    assert table(("day", "people"), [(date(2026, 11, 22), 1234), ("later", None)]) == (
        "  day          people\n"
        "  ───────────────────\n"
        "  Sun 22 Nov    1,234\n"
        "  later             \N{EN DASH}"
    )


def test_a_table_without_rows_is_its_header() -> None:
    assert table(("a", "b"), []) == "  a   b\n  ─────"


def test_a_share_of_nothing_is_no_number() -> None:
    assert percent(0, 0) == "\N{EN DASH}"
    assert percent(1, 3) == "33%"


def test_lengths_are_minutes_and_seconds() -> None:
    assert duration(125.9) == "2 min 05 s"
    assert duration(None) == "\N{EN DASH}"
