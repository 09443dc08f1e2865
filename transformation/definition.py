"""The definition of the numbers: one checksum of everything that decides them besides the events.

A load is built with one definition. If the definition has changed since, all tables are rebuilt
(macros/builds.sql), and the changed figures are recorded as a restatement `definition_change`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import duckdb

from enrichment.rules import rules
from ingestion.settings import Settings

#: The libraries that read the seeds and compute the models. Those with lists of agents or domains
#: are in enrichment/rules.py.
LIBRARIES: Final = ("dbt-core", "dbt-duckdb", "duckdb")
#: Files in the folder of a dbt project that are not part of it.
WRITTEN_BY_DBT: Final = {"target", "logs", ".user.yml"}
#: Files that check numbers, describe the file of questions, or say what is read from the marts,
#: and figures of other tools. They change no number that an incremental table holds.
JUDGES: Final = (
    *("tests/*", "*__unit_tests.yml", "*.schema.json", ".sqlfluffignore"),
    *("*__metrics.yml", "*__saved_queries.yml", "*__exposures.yml", "*.md"),
    "seeds/source_totals.csv",
)
#: Left out too: the warehouse holds the definitions it was built for, and a change of them makes
#: the next build a full refresh (warehouse/definition_tables.py).
KEPT_IN_WAREHOUSE: Final = ("conversion_questions.yml", "cohorts.yml", "experiments.yml")


def definition(settings: Settings) -> str:
    """The checksum, in hex. The same files, zone and versions give the same on any machine.

    It takes a few milliseconds, and half a second once where the reporting zone is not UTC.
    Raises duckdb.Error for a zone that the engine does not know.
    """
    digest = hashlib.sha256()
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    digest.update(f"{rules()}\n".encode())
    zone = settings.reporting_time_zone
    digest.update(f"{zone} {zone_rules(zone)}\n".encode())
    if settings.engine != "duckdb":
        # Another engine has tables of its own: a site that changes it builds all of them anew.
        digest.update(f"{settings.engine}\n".encode())
    for name, content in project_files(settings.dbt_project):
        if not any(fnmatch(str(name), each) for each in (*JUDGES, *KEPT_IN_WAREHOUSE)):
            digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def project_files(project: Path) -> Iterator[tuple[Path, bytes]]:
    """The files of a dbt project in a fixed order: name in the project, content.

    Large files are read too: dbt compares a seed of over a megabyte only by its path.
    """
    for path in sorted(project.rglob("*")):
        name = path.relative_to(project)
        if path.is_file() and name.parts[0] not in WRITTEN_BY_DBT:
            yield name, path.read_bytes()


@lru_cache
def zone_rules(zone: str) -> str:
    """When the clocks of a zone change and by how much, as the engine itself knows it.

    Each DuckDB brings zone data of its own: 2026-12-15 05:30 UTC is the 14th in Winnipeg for
    1.5.6, and the 15th for 2.0.1. Days on which the offset changes are looked at each quarter of
    an hour; no zone changes and goes back within a day.
    """
    if zone == "UTC":
        return ""
    with duckdb.connect() as connection:
        rules = connection.execute(
            """
            with days as (
                select unnest(generate_series(
                    timestamp '1900-01-01', timestamp '2100-01-01', interval 1 day
                )) as instant
            ),

            offsets as (
                select instant, timezone($zone, timezone('UTC', instant)) - instant as utc_offset
                from days
            ),

            changing as (
                select instant
                from offsets
                qualify utc_offset is distinct from lead(utc_offset) over (order by instant)
            ),

            quarters as (
                select unnest(generate_series(
                    instant, instant + interval 1 day, interval 15 minutes
                )) as instant
                from changing
            )

            select instant, timezone($zone, timezone('UTC', instant)) as local
            from quarters
            order by instant
            """,
            {"zone": zone},
        ).fetchall()
    return hashlib.sha256(repr(rules).encode()).hexdigest()
