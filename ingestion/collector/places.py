"""Where a sender is, by a database of the site's own (MaxMind's MMDB format).

The address is looked up before it is shortened or dropped, and nothing leaves the machine.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import maxminddb

from ingestion.collector.client_address import Address
from ingestion.facts.envelope import Json
from ingestion.facts.file_state import known_state

logger = logging.getLogger(__name__)

#: Characters of a name that is kept: what a database says is a fact of the site, but of any length.
MAX_NAME: Final = 100
#: Seconds between two looks at the file.
GEO_DATABASE_SECONDS: Final = 60.0


class GeoDatabaseUnusable(Exception):
    """The file is missing, damaged or no such database. The message says what to do."""


def open_geo_database(path: Path) -> maxminddb.Reader:
    """Open a copy of the file, which nobody can cut short while it is read.

    Raises GeoDatabaseUnusable.
    """
    with _usable(path), tempfile.NamedTemporaryFile(suffix=".mmdb") as copy:
        with path.open("rb") as original:
            shutil.copyfileobj(original, copy)
        copy.flush()
        return maxminddb.open_database(copy.name, maxminddb.MODE_AUTO)


def geo_database_built_at(path: Path) -> datetime:
    """When its publisher made the database. This is at the end of the file; the rest is not read.

    Raises GeoDatabaseUnusable.
    """
    with _usable(path), maxminddb.open_database(path, maxminddb.MODE_FILE) as database:
        return _built_at(database)


def _built_at(database: maxminddb.Reader) -> datetime:
    return datetime.fromtimestamp(database.metadata().build_epoch, UTC)


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        problem = getattr(error, "strerror", None) or "it is no MMDB file, or is damaged"
        raise GeoDatabaseUnusable(
            f"FOOTFALL_GEO_DATABASE: cannot use {path}: {problem}; "
            "download it again, or unset the variable"
        ) from error


class Places:
    """Looks addresses up; without a database, or with a damaged one, no place is known.

    An event is kept in any case. The check geo_database_is_usable tells the operators.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._state: tuple[int, ...] | None = None
        self._database: maxminddb.Reader | None = None
        self._is_damaged = False
        self.refresh()

    def refresh(self) -> None:
        """Read the file again if it has changed; if it is unusable, keep the one that was read."""
        if self._path is None or (state := known_state(self._path)) == self._state:
            return
        self._state = state
        try:
            self._database = open_geo_database(self._path)
        except GeoDatabaseUnusable as problem:
            logger.error("%s. Events are kept without a place", problem)
            return
        self._is_damaged = False
        logger.info("the database of places was read: built %s", _built_at(self._database).date())

    def of(self, address: Address | None) -> Json | None:
        """The place of an address: ``country`` (ISO 3166), ``region`` and ``city`` if known."""
        if self._database is None or address is None:
            return None
        try:
            found = self._database.get(address)
        except ValueError:  # an IPv6 address, and a database of IPv4
            return None
        except maxminddb.InvalidDatabaseError:
            if not self._is_damaged:
                logger.error("FOOTFALL_GEO_DATABASE: %s is damaged: replace it", self._path)
            self._is_damaged = True
            return None
        return _place(found) if isinstance(found, Mapping) else None


def _place(found: Mapping[str, Any]) -> Json | None:
    """The place in a record of MaxMind or DB-IP (nested), or of IPinfo (flat)."""
    country = _text(found, "country", "iso_code") or _text(found, "country_code")
    if country is None or len(country) != 2:
        return None
    subdivisions = found.get("subdivisions")
    region = subdivisions[0] if isinstance(subdivisions, list) and subdivisions else {}
    place: dict[str, str | None] = {
        "country": country.upper(),
        "region": _text(region, "iso_code")
        or _text(region, "names", "en")
        or _text(found, "region"),
        "city": _text(found, "city", "names", "en") or _text(found, "city"),
    }
    return {name: value for name, value in place.items() if value}


def _text(record: Any, *path: str) -> str | None:
    for name in path:
        record = record.get(name) if isinstance(record, Mapping) else None
    return record[:MAX_NAME] if isinstance(record, str) and record else None
