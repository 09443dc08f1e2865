"""The table macros of the published file. They answer ad hoc questions in any SQL client.

Each question has an SQL file in DuckDB's dialect. A macro names its tables as ``marts.<table>``, so
the published file must be the current database: opened by itself, or attached and chosen with
``use``.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Final

import duckdb

from transformation import event_grammar
from transformation.dimensions import COHORT, DIMENSIONS, KNOWN, PROPERTY
from transformation.event_grammar import ACCOUNT_TRAIT, TRAIT
from warehouse.meta import PUBLISHED
from warehouse.sql import WILSON, literal, using

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
#: Placeholder in braces in the SQL → its pattern.
PATTERNS: Final = {
    "alternative": event_grammar.ALTERNATIVE,
    "condition": event_grammar.CONDITION,
    "each": event_grammar.EACH,
    "each_condition": event_grammar.EACH_CONDITION,
    "each_listed": event_grammar.EACH_LISTED,
    "listed": event_grammar.LISTED,
    "number": event_grammar.NUMBER,
    "step": event_grammar.STEP,
    "trait": event_grammar.TRAIT,
    "account_trait": event_grammar.ACCOUNT_TRAIT,
}


#: Columns of a session that are called like its events' own: the first value that one of them has.
_ALIKE: Final = ("source_id", "device_type", "browser", "os", "app_version")
#: How many values of a breakdown have rows of their own.
MOST: Final = 20
#: The number of the row that all others are.
OTHERS: Final = MOST + 1
#: The tables that events_described joins to the events.
_OTHERS: Final = ("sessions", "persons", "accounts")
#: Those of them with traits → the column in events_described, and the prefix of its dimensions.
_TRAITS: Final = {
    "persons": ("dimension_traits", TRAIT),
    "accounts": ("dimension_account_traits", ACCOUNT_TRAIT),
}
#: The value of an event of events_described in a dimension, which the SQL names after the colon. Of
#: a table alone, dimensions of the others have no value; accounts are read with the events.
_VALUE_OF: Final = re.compile(r"\{value_of(?:_(events|sessions|persons))?:(.+?)\}")
_PROPERTY_OF_EVENT: Final = """event_text(
    events.event_type, events.page_path, events.page_url, events.referrer, events.properties,
    events.context, {name}
)"""
#: The same for a property alone.
_PROPERTY_OF: Final = re.compile(r"\{property_of:(.+?)\}")
#: The same for the dimension of a condition. After the colon are the dimension and the steps of the
#: question, whose conditions may all be about the same.
_FOUND_OF: Final = re.compile(r"\{found_of:(.+?), (.+?)\}")
_MEMBER_OF_EVENT: Final = (
    "case when list_contains(events.dimension_cohorts, {name}) then 'member' end"
)
#: The same for the value of a session.
_VISIT_VALUE_OF: Final = re.compile(r"\{visit_value_of:(.+?)\}")
#: The rows of a breakdown. After the colon are the table with the values and the weight of a value.
_BREAKDOWNS_OF: Final = re.compile(r"\{breakdowns_of:(\w+), (.+?)\}")
#: The periods of a question. After the colon is the table of what happened, with column started_in.
_PERIODS_OF: Final = re.compile(r"\{periods_of:(\w+)\}")
_MACRO: Final = re.compile(r"^create or replace macro (\w+)", re.MULTILINE)
_COMMENT: Final = re.compile(r"--.*")
_IS_TABLE: Final = re.compile(r"\bas table\b")
_TABLE: Final = re.compile(r"\b(?:marts|meta)\.\w+")


def install(
    connection: duckdb.DuckDBPyConnection, database: str, time_zone: str
) -> dict[str, list[str]]:
    """Write the macros into an attached database that holds the marts and meta.published.

    A macro whose tables are missing is left out with a warning. Returns the macros that were left
    out, each with its missing tables.
    """
    found = connection.execute(
        """
        select schema_name || '.' || table_name from duckdb_tables()
        where database_name = ? and schema_name in ('marts', 'meta')
        """,
        [database],
    ).fetchall()
    tables_there = {name for (name,) in found}
    left_out: dict[str, list[str]] = {}
    with using(connection, database):
        for statement in _calendar(time_zone):
            connection.execute(statement)
        connection.execute(f"create or replace {WILSON}")
        reads: dict[str, set[str]] = {}
        for name, statement in macros().items():
            code = _COMMENT.sub("", statement)
            used = [tables for macro, tables in reads.items() if f"{macro}(" in code]
            reads[name] = tables_of(code).union(*used)
            if missing := sorted(reads[name] - tables_there):
                left_out[name] = missing
                # The file may be a copy of one that had these tables and this macro.
                kind = "macro table" if _IS_TABLE.search(code) else "macro"
                connection.execute(f"drop {kind} if exists {name}")
            else:
                connection.execute(statement)
    for name, missing in left_out.items():
        logger.warning("macro %s is left out: there is no %s", name, " and no ".join(missing))
    return left_out


def macros() -> dict[str, str]:
    """Name of a macro → its create statement. Macros that others use come first."""
    text = "\n".join(path.read_text() for path in sorted(FOLDER.glob("*.sql")))
    text = _FOUND_OF.sub(lambda found: _found_of(found[1], found[2]), text)
    text = _VALUE_OF.sub(lambda found: _value_of(found[2], found[1]), text)
    text = _PROPERTY_OF.sub(lambda found: _PROPERTY_OF_EVENT.format(name=found[1]), text)
    text = _VISIT_VALUE_OF.sub(lambda found: _visit_value_of(found[1]), text)
    text = _BREAKDOWNS_OF.sub(lambda found: _breakdowns_of(found[1], found[2]), text)
    text = _PERIODS_OF.sub(lambda found: _periods_of(found[1]), text)
    for name, replacement in (PATTERNS | _dimensions()).items():
        text = text.replace(f"{{{name}}}", replacement)
    found = list(_MACRO.finditer(text))
    ends = [*(each.start() for each in found[1:]), len(text)]
    return {each[1]: text[each.start() : end] for each, end in zip(found, ends, strict=True)}


def _dimensions() -> dict[str, str]:
    """Placeholder in braces → the dimensions in SQL. The others are those not of events."""
    texts = {
        "known": KNOWN,
        "names": ", ".join(map(literal, DIMENSIONS)),
        "property": PROPERTY,
        "cohort": COHORT,
        "others": str(OTHERS),
    }
    others: list[str] = []
    for table in _OTHERS:
        names = [name for name, column in DIMENSIONS.items() if column.startswith(f"{table}.")]
        columns = {f"dimension_{name}": DIMENSIONS[name] for name in names}
        texts[f"names_of_{table}"] = ", ".join(map(literal, names))
        texts[f"any_of_{table}"] = rf"\b({'|'.join(names)})\b"
        if table in _TRAITS:
            column, prefix = _TRAITS[table]
            columns[column] = f"{table}.traits"
            texts[f"any_of_{table}"] += rf"|\b{re.escape(prefix)}"
        others.append(texts[f"any_of_{table}"])
        texts[f"columns_of_{table}"] = ", ".join(
            f"cast({column} as varchar) as {name}" for name, column in columns.items()
        )
        texts[f"nulls_of_{table}"] = ", ".join(
            f"cast(null as varchar) as {name}" for name in columns
        )
    return texts | {
        "any_of_others": "|".join(others),
        "names_of_visits": ", ".join(map(literal, _of_visits())),
    }


def _found_of(dimension: str, steps: str) -> str:
    """The value in the one column or property that all conditions are about, else in any dimension.

    A name that the optimizer knows stands in many places, so traits and cohorts are left out.
    """
    return f"""case
            when is_of_one_property({steps}, filters)
                then {{property_of:first_property({steps}, filters)}}
            when is_of_one_column({steps}, filters) then {_column_of("first_column(filters)")}
            else {{value_of:{dimension}}}
        end"""


def _column_of(dimension: str, table: str | None = None) -> str:
    tables = _tables_of(table)
    columns = " ".join(
        f"when {literal(name)} then "
        + (
            f"cast({column} as varchar)"
            if column.startswith(f"{table or 'events'}.")
            else f"events.dimension_{name}"
        )
        for name, column in DIMENSIONS.items()
        if column.split(".")[0] in tables
    )
    return f"case {dimension} {columns} end"


def _value_of(dimension: str, table: str | None) -> str:
    value = _column_of(dimension, table)
    name = f"substr({dimension}, strpos({dimension}, '.') + 1)"
    cohort = f"substr({dimension}, {len(COHORT) + 1})"
    prefixed = {
        PROPERTY: ("events", _PROPERTY_OF_EVENT.format(name=name)),
        COHORT: ("events", _MEMBER_OF_EVENT.format(name=cohort)),
    }
    for of, (column, prefix) in _TRAITS.items():
        traits = f"{of}.traits" if of == table else f"events.{column}"
        prefixed[prefix] = (of, f"property_text({traits}, {name})")
    for prefix, (of, found) in prefixed.items():
        if of in _tables_of(table):
            value = f"case when {dimension} like '{prefix}%' then {found} else {value} end"
    return value


def _tables_of(table: str | None) -> tuple[str, ...]:
    if table is None:
        return ("events", *_OTHERS)
    return ("events", "accounts") if table == "events" else (table,)


def _of_visits() -> list[str]:
    """The dimensions that a session has in its own row."""
    return [
        name
        for name, column in DIMENSIONS.items()
        if column.startswith("sessions.") or name in _ALIKE
    ]


def _visit_value_of(dimension: str) -> str:
    columns = " ".join(
        f"when {literal(name)} then cast(sessions.{name} as varchar)" for name in _of_visits()
    )
    return f"case {dimension} {columns} end"


def _breakdowns_of(table: str, weight: str) -> str:
    """The values with a row of their own, and the rows: one row if there is no value.

    All other values are one row, whose number is OTHERS.
    """
    return f"""
        values_weighed as (
            select breakdown_value, {weight} as weight
            from {table}
            group by breakdown_value
        ),

        values_ranked as (
            select
                breakdown_value,
                row_number() over (order by weight desc, breakdown_value) as value_number
            from (
                select * from values_weighed order by weight desc, breakdown_value limit {MOST}
            ) as heaviest
        ),

        breakdowns as (
            select value_number, false as is_other, breakdown_value from values_ranked

            union all

            select {OTHERS}, true, 'other'
            where (select count(*) from values_weighed) > {MOST}

            union all

            select 1, false, null
            where not exists (select 1 from values_ranked)
        )
    """


def _periods_of(table: str) -> str:
    """All periods in which there is data, with and without something to count.

    Without a period all days are one. The first and the last that the question asks about may be
    cut, and one that is not over is incomplete too.
    """
    return f"""
        periods as materialized (
            select
                case when period is not null then started_in end as period_start,
                coalesce(
                    bool_and(
                        started_in + period_length(coalesce(cast(period as varchar), 'day'))
                        <= (select reporting_time(edge_of(source)))
                        and (since is null or period is null or started_in >= as_day(since))
                        and (
                            until is null
                            or period is null
                            or started_in + period_length(period) <= as_day(until) + 1
                        )
                    ),
                    false
                ) as is_complete
            from (
                select distinct
                    period_of(
                        coalesce(cast(period as varchar), 'day'),
                        activity_date + to_hours(hours.hour)
                    ) as started_in
                from marts.fct_daily_actives
                cross join (
                    select unnest(
                        range(case when cast(period as varchar) = 'hour' then 24 else 1 end)
                    ) as hour
                ) as hours
                where
                    is_asked(activity_date, since, until)
                    -- No clock shows the hour that is left out in spring.
                    and reporting_time(utc_time(activity_date + to_hours(hours.hour)))
                    = activity_date + to_hours(hours.hour)

                union

                select started_in from {table}
            ) as starts
            group by period_start
        )
    """


def tables_of(statement: str) -> set[str]:
    """The tables that a statement reads, as ``<schema>.<table>``. Comments are ignored."""
    return set(_TABLE.findall(_COMMENT.sub("", statement)))


def _calendar(time_zone: str) -> list[str]:
    """Macros from a naive UTC time to the reporting time zone and back. UTC needs no extension."""
    local, utc = "moment", "local_time"
    if time_zone != "UTC":
        zone = literal(time_zone)
        local = f"((moment at time zone 'UTC') at time zone {zone})"
        utc = f"((local_time at time zone {zone}) at time zone 'UTC')"
    return [
        f"create or replace macro reporting_time(moment) as {local}",
        "create or replace macro reporting_date(moment) as cast(reporting_time(moment) as date)",
        f"create or replace macro utc_time(local_time) as {utc}",
    ]


#: The marts that the macros read.
TABLES: Final = sorted(
    {name.removeprefix("marts.") for text in macros().values() for name in tables_of(text)}
    - {PUBLISHED}
)
