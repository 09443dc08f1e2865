"""A received day that is to be rebuilt makes the loads that brought it pending, and no others."""

from __future__ import annotations

from datetime import date

import duckdb

from orchestration.builds import rebuild_days


def test_only_the_loads_of_the_days_are_pending_again() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            """
            set TimeZone = 'America/New_York';
            create schema raw;
            create schema meta;
            create table raw.events as
                select unnest([1, 1, 2, 3]) as load_number, unnest([
                    timestamptz '2026-03-01 23:59:59.999999+00', '2026-03-02 00:00:00+00',
                    '2026-03-02 23:59:59+00', '2026-03-03 00:00:00+00'
                ]) as received_at;
            create table meta.builds as select unnest([1, 2, 3]) as load_number;
            """
        )
        assert rebuild_days(connection, [date(2026, 3, 1)]) == {date(2026, 3, 1): 1}
        assert connection.execute("from meta.builds").fetchall() == [(2,), (3,)]
        assert rebuild_days(connection, [date(2026, 3, 2), date(2026, 3, 9)]) == {
            date(2026, 3, 2): 2
        }
        assert connection.execute("from meta.builds").fetchall() == [(3,)]
