"""Files that are to be loaded again: raw forgets their rows, and the next load reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from ingestion.landing.store import Landing
from ingestion.settings import Settings
from warehouse.connection import connect
from warehouse.pending_loads import forget_builds, require_full_refresh

#: raw tables whose rows come from the lines of a file, and the column that names it. Manifests
#: stay: they say what the collector counted, whatever was loaded of it.
FROM_FILES = {"events": "_file", "refused": "_file", "bad_lines": "_file", "files": "file"}


class NothingToReload(RuntimeError):
    """What was asked means no file that could be loaded again; the message says what to write."""


@dataclass(frozen=True)
class Reload:
    """The files that are pending again, and the rows of raw that went with them."""

    files: list[str]
    rows: int


def forget_files(
    settings: Settings, names: Sequence[str] = (), first: str = "", last: str = ""
) -> Reload:
    """Make loaded files pending again: the named ones, or all from ``first`` to ``last`` by name.

    A file that is no longer in the landing could not come again, so it is not forgotten. All or
    nothing, in one transaction, with the order that the next build is a full refresh: another
    delivery of an event may be its first then. The caller holds the writer lock. Raises
    NothingToReload.
    """
    landed = {file.name for file in Landing(settings.landing).files()}
    with connect(settings) as connection:
        files = _meant(_loaded(connection), names, first, last)
        if gone := [name for name in files if name not in landed]:
            raise NothingToReload(
                f"{len(gone)} of these files are not in the landing any more, and what the "
                f"warehouse holds of them is all there is: {', '.join(gone[:5])}"
            )
        connection.execute("begin")
        # A load of which nothing is left gives its number to the next one, which is pending then.
        forget_builds(connection, files)
        deleted = [
            connection.execute(
                f"delete from raw.{table} where {column} in (select unnest($1))", [files]
            ).fetchone()
            for table, column in FROM_FILES.items()
        ]
        require_full_refresh(connection)
        connection.execute("commit")
    return Reload(files, sum(int(row[0]) for row in deleted if row))


def _loaded(connection: duckdb.DuckDBPyConnection) -> set[str]:
    try:
        rows = connection.execute(
            "select file from raw.files where kind in ('events', 'quarantine')"
        ).fetchall()
    except duckdb.CatalogException:
        return set()
    return {str(name) for (name,) in rows}


def _meant(known: set[str], names: Sequence[str], first: str, last: str) -> list[str]:
    if unknown := sorted(set(names) - known):
        raise NothingToReload(
            f"never loaded: {', '.join(unknown)}; write names as raw.files has them, such as "
            f"{min(known, default='events/date=2026-03-01/hour=10/….ndjson.gz')}"
        )
    if bool(first) != bool(last) or first > last:
        raise NothingToReload("a range takes first and last, in order of name")
    meant = {*names, *(name for name in known if first and first <= name <= last)}
    if not meant:
        raise NothingToReload("no loaded file is meant: give names, or both first and last")
    return sorted(meant)
