"""The table macros of the published file: questions that nobody modelled, in any SQL client.

One file of SQL per macro, in DuckDB's own dialect. A macro names its tables as ``marts.<table>``
and so answers where the published file is the current database: opened by itself, or attached
and chosen with ``use``.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

FOLDER = Path(__file__).parent
#: What the macros read besides meta.published.
TABLES = (
    *("dim_events", "fct_daily_actives", "fct_events", "fct_sessions"),
    *("fct_trials", "fct_trial_days", "fct_trial_day_features", "fct_conversion_scores"),
)
#: Wilson's score interval (Wilson 1927) of a rate of n draws, z deviations to either side: it holds
#: for small n and for rates near 0.
WILSON = """
    macro wilson_interval(rate, n, z) as {
        'low': case when n > 0 then if(rate = 0, 0.0, greatest(0.0,
            (rate + z * z / (2 * n)) / (1 + z * z / n)
            - z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n))) end,
        'high': case when n > 0 then if(rate = 1, 1.0, least(1.0,
            (rate + z * z / (2 * n)) / (1 + z * z / n)
            + z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n))) end
    }
"""


def install(connection: duckdb.DuckDBPyConnection, database: str, time_zone: str) -> None:
    """Write all macros into an attached database that holds the marts and meta.published.

    A database without the marts they read gets none. Leaves ``database`` no longer current.
    """
    found = connection.execute(
        """
        select count(*) from duckdb_tables()
        where database_name = ? and schema_name = 'marts' and table_name in (select unnest(?))
        """,
        [database, list(TABLES)],
    ).fetchone()
    if found is None or found[0] < len(TABLES):
        return
    before = connection.execute("select current_database()").fetchone()
    assert before is not None
    # DuckDB looks for the tables of a macro while it creates it, in the current database.
    connection.execute(f'use "{database}"')
    try:
        connection.execute(_reporting_date(time_zone))
        connection.execute(f"create or replace {WILSON}")
        for path in sorted(FOLDER.glob("*.sql")):
            connection.execute(path.read_text())
    finally:
        connection.execute(f'use "{before[0]}"')


def _reporting_date(time_zone: str) -> str:
    """The day of a naive UTC moment; UTC needs no calendar extension."""
    day = "cast(moment as date)"
    if time_zone != "UTC":
        zone = time_zone.replace("'", "''")
        day = f"cast((moment at time zone 'UTC') at time zone '{zone}' as date)"
    return f"create or replace macro reporting_date(moment) as {day}"
