"""The published file as the explorer reads it: read only, within limits, and always the newest."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import pyarrow as pa

from transformation.dimensions import COHORT, DIMENSIONS, PREFIXED
from transformation.event_grammar import as_written

#: The catalogue's name of the attached file. No SQL that is shown contains it.
DATABASE: Final = "published"
#: More rows than this are for a file and not for a page.
PAGE_ROWS: Final = 5_000
#: Why a question of ours names what is not in the file.
OLDER: Final = (
    "The published file does not know this question. Another version of Footfall wrote it: run "
    "`make nightly` once."
)


CANCELLED: Final = "The question was cancelled."


class NoAnswer(Exception):
    """A question that has no answer; the message says what to do."""


@dataclass(frozen=True)
class Answer:
    """The rows of a statement, at most PAGE_ROWS of them, and the seconds that it took."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    is_cut: bool
    seconds: float

    def dicts(self) -> list[dict[str, Any]]:
        """The rows, each as column → value."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Edge:
    """How far the data of a published file reaches; days are in the reporting time zone."""

    version: str
    published_at: datetime
    data_through: datetime | None
    first_day: date | None
    last_day: date | None


class Kept:
    """Answers of one file, which never change: the last ones that were asked for.

    ``most`` rows are kept in all; an answer without a row counts as one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows = 0
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, statement: str) -> Answer | None:
        """The answer of a statement, where it is kept."""
        with self._lock:
            if answer := self._answers.get(statement):
                self._answers.move_to_end(statement)
            return answer

    def keep(self, statement: str, answer: Answer) -> None:
        """Keep an answer, and let go of those that nobody asked for since."""
        with self._lock:
            if statement in self._answers:
                return
            self._answers[statement] = answer
            self._rows += max(1, len(answer.rows))
            while self._rows > self._most:
                _, oldest = self._answers.popitem(last=False)
                self._rows -= max(1, len(oldest.rows))


class Query:
    """One statement that runs. Another thread may cancel it."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, kept: Kept, seconds: float, unknown: str
    ) -> None:
        self._connection = connection
        self._kept = kept
        self._seconds = seconds
        self._unknown = unknown
        self._reason = ""

    def rows(self, statement: str) -> Answer:
        """Run it and fetch what fits on a page. Raises NoAnswer."""
        began = time.monotonic()
        with self._limited():
            cursor = self._connection.execute(statement)
            columns = tuple(name for name, *_ in cursor.description)
            rows = cursor.fetchmany(PAGE_ROWS + 1)
        seconds = time.monotonic() - began
        answer = Answer(columns, rows[:PAGE_ROWS], len(rows) > PAGE_ROWS, seconds)
        self._kept.keep(statement, answer)
        return answer

    def table(self, statement: str) -> pa.Table:
        """Run it and fetch all of it, as Arrow. Raises NoAnswer."""
        with self._limited():
            # Not by sql(), which would plan the question twice.
            return self._connection.execute(statement).to_arrow_table()

    def cancel(self, reason: str = CANCELLED) -> None:
        """End it soon: it then raises NoAnswer with this reason. Too late is no error."""
        self._reason = reason
        with suppress(duckdb.ConnectionException):
            self._connection.interrupt()

    @contextmanager
    def _limited(self) -> Iterator[None]:
        late = threading.Timer(
            self._seconds,
            self.cancel,
            [
                f"The question took longer than {self._seconds:g} seconds and was ended. Ask for "
                "fewer days, or raise FOOTFALL_EXPLORER_SECONDS."
            ],
        )
        late.daemon = True
        late.start()
        try:
            if self._reason:
                raise NoAnswer(self._reason)
            yield
        except duckdb.InterruptException:
            raise NoAnswer(self._reason or CANCELLED) from None
        except duckdb.OutOfMemoryException:
            raise NoAnswer(
                "The question needs more memory than it may have. Ask for fewer days, or raise "
                "FOOTFALL_EXPLORER_MEMORY."
            ) from None
        except duckdb.CatalogException as error:
            raise NoAnswer(f"{self._unknown} DuckDB says: {sentence(error)}") from None
        except duckdb.Error as error:
            raise NoAnswer(sentence(error)) from None
        finally:
            late.cancel()


class _Opened(NamedTuple):
    """A file that is open, and what was answered from it."""

    file: tuple[int, ...]
    connection: duckdb.DuckDBPyConnection
    kept: Kept


class Published:
    """The published file. A file that replaces it is seen by the next question.

    ``kept_rows`` of its answers are kept for those who ask the same.
    """

    def __init__(
        self, path: Path, *, threads: int, memory: str, seconds: float, kept_rows: int = 0
    ) -> None:
        self._path = path
        self._seconds = seconds
        self._kept_rows = kept_rows
        # DuckDB spills what it cannot hold to this folder, which ends with the process.
        self._spilled = tempfile.TemporaryDirectory(prefix="footfall-explorer-")
        self._limits: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": False,
            "threads": threads,
            "memory_limit": memory,
            "temp_directory": self._spilled.name,
        }
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    @contextmanager
    def query(self, unknown: str = OLDER) -> Iterator[Query]:
        """A query of the file as it is now. Raises NoAnswer where there is none.

        ``unknown`` says why a statement may name what is not in the file.
        """
        opened = self._database()
        with opened.connection.cursor() as connection:
            connection.execute(f"use {DATABASE}")
            yield Query(connection, opened.kept, self._seconds, unknown)

    def kept(self, statement: str) -> Answer | None:
        """What the file as it is now answered before. Raises NoAnswer where there is no file."""
        return self._database().kept.get(statement)

    def edge(self) -> Edge:
        """How far the data reaches. Raises NoAnswer."""
        with self.query() as query:
            answer = query.rows(
                """
                select
                    any_value(version), max(published_at), max(data_through),
                    (select min(activity_date) from marts.fct_daily_actives),
                    (select max(activity_date) from marts.fct_daily_actives)
                from meta.published
                """
            )
        return Edge(*answer.rows[0])

    def close(self) -> None:
        """Let go of the file, and of what was spilled."""
        with self._lock:
            if self._opened is not None:
                self._opened.connection.close()
                self._opened = None
            self._spilled.cleanup()

    def suggestions(self) -> dict[str, list[str]]:
        """What a form offers while somebody types: events, sources, dimensions and filters."""
        with self.query() as query:
            events = query.rows(
                """
                select event_name from marts.dim_events
                group by event_name order by sum(event_count) desc, event_name limit 500
                """
            )
            sources = query.rows("select distinct source_id from marts.dim_events order by 1")
            # A file of an older version has no cohorts.
            cohorts = [
                name
                for (table,) in query.rows(
                    "select table_name from duckdb_tables() where table_name = 'dim_cohorts'"
                ).rows
                for (name,) in query.rows(f"select cohort_name from marts.{table} order by 1").rows
            ]
        return {
            "events": [as_written(name) for (name,) in events.rows],
            "sources": [source for (source,) in sources.rows],
            "cohorts": cohorts,
            "dimensions": [*DIMENSIONS, *PREFIXED, *(f"{COHORT}{name}" for name in cohorts)],
            "filters": [
                *(f"{name}=" for name in DIMENSIONS),
                *(f"{COHORT}{name}" for name in cohorts),
            ],
        }

    def _database(self) -> _Opened:
        # Each file has an instance of its own: one that is opened by its path would keep serving
        # the file of before for as long as anybody reads it.
        with self._lock:
            try:
                state = self._path.stat()
                file = (state.st_dev, state.st_ino, state.st_mtime_ns)
                if self._opened is None or self._opened.file != file:
                    self._opened = _Opened(file, self._attached(), Kept(self._kept_rows))
            except FileNotFoundError:
                raise NoAnswer(
                    f"Nothing is published yet: there is no {self._path}. Send an event and run "
                    "`make nightly`, or let `make demo` fill one."
                ) from None
            except duckdb.Error as error:
                raise NoAnswer(
                    f"{self._path} cannot be opened. DuckDB says: {sentence(error)}"
                ) from None
            return self._opened

    def _attached(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:", config=self._limits)
        path = str(self._path).replace("'", "''")
        connection.execute(f"attach '{path}' as {DATABASE} (read_only)")
        connection.execute("set enable_external_access = false")
        connection.execute("set python_enable_replacements = false")
        connection.execute("set lock_configuration = true")
        return connection


def sentence(error: duckdb.Error) -> str:
    """What DuckDB says, without the kind of the error and without the statement."""
    text = str(error).partition("\n\nLINE ")[0]
    kind, colon, rest = text.partition(" Error: ")
    return (rest if colon and "\n" not in kind else text).strip()
