"""Whether a build and a publish would change anything in what people read.

No model reads a clock, so the marts follow from raw, the definition and the conversion questions.
If no load waits for a build, no build is ordered, and none has begun since the file was published,
then another build gives the same tables. What the checks found then still holds, and it is stored
here. See docs/decisions/0030-a-run-with-nothing-to-do.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import duckdb

from ingestion.settings import Settings
from transformation.definition import definition, project_files
from warehouse.meta import BUILDS, CHECK_OUTCOMES, COLUMNS, PUBLISHED, PUBLISHED_BUILD
from warehouse.pending_loads import is_full_refresh_due

#: Metadata key of an asset or a check that the run did not change.
UNCHANGED: Final = "unchanged"
#: The folders of our code that decide the result of a run on the same raw rows.
CODE: Final = (
    "warehouse",
    "enrichment",
    "transformation",
    "cluster",
    "publishing",
    "cohorts",
    "conversion",
    "experiments",
    "orchestration",
)
CHECKOUT: Final = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """What a check of an asset found: ``asset`` is its key, joined by slashes."""

    asset: str
    check: str
    passed: bool
    severity: str
    description: str | None
    failing_rows: int | None


def is_current(settings: Settings, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a build, learning and a publish would change nothing.

    The caller holds the writer lock. Whatever cannot be read counts as changed.
    """
    try:
        published = connection.execute(f"from {PUBLISHED_BUILD}").fetchall()
        pending = connection.execute(
            f"""
            select count(*)
            from raw._dlt_loads as loads
            inner join raw.files as files on loads.load_id = files._dlt_load_id
            where loads.status = 0 and files.load_number not in (
                select load_number from {BUILDS} where definition = ?
            )
            """,
            [definition(settings)],
        ).fetchone()
        with duckdb.connect(str(settings.published), read_only=True) as file:
            versions = file.execute(f"select distinct version from {PUBLISHED}").fetchall()
    except duckdb.Error:
        return False
    return (
        pending == (0,)
        and not is_full_refresh_due(connection)
        and [(definition(settings), judges(settings), *version) for version in versions]
        == published
    )


def note_published(settings: Settings, connection: duckdb.DuckDBPyConnection, version: str) -> None:
    """Note that the file of this version holds what the warehouse holds."""
    connection.execute(
        f"""
        create schema if not exists meta;
        create or replace table {PUBLISHED_BUILD} ({COLUMNS[PUBLISHED_BUILD]})
        """
    )
    connection.execute(
        f"insert into {PUBLISHED_BUILD} values (?, ?, ?)",
        [definition(settings), judges(settings), version],
    )


def keep_outcomes(connection: duckdb.DuckDBPyConnection, outcomes: Iterable[Outcome]) -> None:
    """Keep what checks found, until the next build begins."""
    if not (rows := [asdict(each) for each in outcomes]):
        return
    # One text for all rows: bound one by one, a thousand values take twenty times as long.
    connection.execute(
        f"""
        insert into {CHECK_OUTCOMES} select unnest(from_json(?, '[{{
            "asset": "varchar", "check": "varchar", "passed": "boolean", "severity": "varchar",
            "description": "varchar", "failing_rows": "bigint"
        }}]'), recursive := true)
        """,
        [json.dumps(rows)],
    )


def outcomes_kept(
    settings: Settings, connection: duckdb.DuckDBPyConnection
) -> list[Outcome] | None:
    """What the checks of the last build and of its scores found, in order of the keys.

    None if anything has changed since, so that all has to be rebuilt.
    """
    if not is_current(settings, connection):
        return None
    rows = connection.execute(f"from {CHECK_OUTCOMES} order by asset_key, check_name").fetchall()
    return [Outcome(*row) for row in rows]


def judges(settings: Settings) -> str:
    """A checksum, in hex, of what the definition leaves out: the tests and our own code.

    Another release may learn, check and publish differently.
    """
    code = [path for folder in CODE for path in sorted((CHECKOUT / folder).rglob("*"))]
    files = [
        (path.relative_to(CHECKOUT), path.read_bytes())
        for path in code
        if path.suffix in (".py", ".sql")
    ]
    digest = hashlib.sha256()
    for name, content in (*files, *project_files(settings.dbt_project)):
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()
