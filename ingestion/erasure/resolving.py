"""Whom an id stands for: the person's user ids, their own devices, and the facts told apart.

Read from raw and from what the models make of it, so these must have seen every load.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import duckdb

from ingestion.erasure.tombstones import Tombstones

#: Ids fetched at once.
BATCH: Final = 100_000
_SUBJECT = re.compile("(user|device):[0-9a-f]{32}")
Kind = Literal["user", "device"]
#: Where an id of a kind may stand in raw.events.
COLUMNS: Final = {"user": ("user_id", "previous_id"), "device": ("anonymous_id", "previous_id")}


class BadSubject(ValueError):
    """An erasure was asked for nobody, or for more than one; the message says what to give."""


class SharedDevice(ValueError):
    """The device is several people's; the message says how to see whose, and names nobody."""


@dataclass(frozen=True)
class Subject:
    """Whom an erasure is asked for: a user or a device, by its keyed hash."""

    kind: Kind
    digest: bytes

    def __str__(self) -> str:
        return f"{self.kind}:{self.digest.hex()}"

    @classmethod
    def parse(cls, text: str) -> Subject:
        """What ``str`` made of one; raises BadSubject."""
        if not _SUBJECT.fullmatch(text):
            raise BadSubject("a subject is user: or device: and 32 hexadecimal digits")
        kind, _, digest = text.partition(":")
        return cls("user" if kind == "user" else "device", bytes.fromhex(digest))


@dataclass(frozen=True)
class Person:
    """Everything that names one person, in clear: kept in memory only, and never logged."""

    users: set[str] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)


def resolve(
    connection: duckdb.DuckDBPyConnection,
    tombstones: Tombstones,
    subject: Subject,
    is_nobody: Callable[[str], bool],
) -> Person:
    """The person behind a subject; nobody where no loaded fact names it.

    ``events`` are only those that neither a user nor a device tells: nameless ones on a device
    that others use too. A text that stands for nobody is everybody's: no person is known by it,
    and none is erased by it. Raises SharedDevice, and BadSubject for such a text.
    """
    name = _name(connection, tombstones, subject)
    if name is None:
        return Person()
    if is_nobody(name):
        raise BadSubject(
            "this id stands for nobody (placeholder_ids in dbt_project/dbt_project.yml): whoever "
            "had none was sent under it, so name the person by an id of their own"
        )
    person_id = _person_id(connection, subject.kind, name)
    users = _users(connection, person_id) | ({name} if subject.kind == "user" else set())
    users = {user for user in users if not is_nobody(user)}
    _keep(connection, "erased_user", users)
    connection.execute(
        "create or replace temp table erased_event as"
        " select event_id from intermediate.int_events_attributed where person_id = ?"
        " union select event_id from staging.stg_footfall__events"
        " where previous_id in (from erased_user)",
        [person_id],
    )
    candidates = _texts(
        connection,
        f"select anonymous_id from raw.events where {_IS_ERASED} union"
        f" select previous_id from raw.events where type = 'alias' and {_IS_ERASED}",
    )
    candidates = {device for device in candidates if not is_nobody(device)}
    _keep(connection, "erased_device", candidates | ({name} if subject.kind == "device" else set()))
    shared = _texts(
        connection,
        f"""
        select anonymous_id from raw.events
        where anonymous_id in (from erased_device) and not {_IS_ERASED}
        union
        select previous_id from raw.events
        where type = 'alias' and previous_id in (from erased_device) and not {_IS_ERASED}
        """,
    )
    devices = _texts(connection, "from erased_device") - shared
    _keep(connection, "erased_device", devices)
    events = _texts(
        connection,
        f"""
        select event_id from raw.events
        where
            {_IS_ERASED}
            and not coalesce(user_id in (from erased_user), false)
            and not coalesce(previous_id in (from erased_user), false)
            and not (
                coalesce(user_id, '') = ''
                and coalesce(anonymous_id in (from erased_device), false)
            )
        """,
    )
    return Person(users, devices, events)


# A delivery goes with the person its event is attributed to, whoever repeats it; and so does one
# that names the person, even where another delivery of its event is the one that counts.
_IS_ERASED: Final = """(
    coalesce(event_id in (from erased_event), false)
    or coalesce(user_id in (from erased_user), false)
    or coalesce(previous_id in (from erased_user), false)
)"""


def distinct(connection: duckdb.DuckDBPyConnection, column: str) -> Iterator[str]:
    """Every id in a column of raw.events, once."""
    cursor = connection.execute(
        f"select distinct {column} from raw.events where {column} is not null and {column} <> ''"
    )
    while rows := cursor.fetchmany(BATCH):
        for (name,) in rows:
            yield name


def _name(
    connection: duckdb.DuckDBPyConnection, tombstones: Tombstones, subject: Subject
) -> str | None:
    """The id that a subject is the hash of."""
    for column in COLUMNS[subject.kind]:
        for name in distinct(connection, column):
            if tombstones.digest(name) == subject.digest:
                return name
    return None


def _person_id(connection: duckdb.DuckDBPyConnection, kind: Kind, name: str) -> str:
    if kind == "user":
        query = "select person_id from intermediate.int_users_merged where user_id = $1"
    else:
        # Whoever acts on the device, or was ever seen there: an alias says so before any act.
        query = """
            select attributed.person_id
            from intermediate.int_events_attributed as attributed
            inner join staging.stg_footfall__events as events
                on attributed.event_id = events.event_id
            where events.anonymous_id = $1
            union
            select coalesce(merged.person_id, sightings.user_id)
            from intermediate.int_sightings_collected as sightings
            left join intermediate.int_users_merged as merged
                on sightings.user_id = merged.user_id
            where sightings.device_id = $1
        """
    found = _texts(connection, query, name)
    if len(found) > 1:
        raise SharedDevice(
            f"{len(found)} people used this device: erase one of them by the user id. "
            "Ask marts.fct_events for the person_id of its anonymous_id"
        )
    return next(iter(found), name)


def _users(connection: duckdb.DuckDBPyConnection, person_id: str) -> set[str]:
    """The user ids of a person; none where a device is all that is known.

    A device's person has the device's name, and a user may have it too: who an alias joined to
    another name is that other person, and not the device.
    """
    return _texts(
        connection,
        """
        select user_id from intermediate.int_users_merged where person_id = $1
        union
        select user_id from raw.events
        where
            user_id = $1
            and user_id not in (
                select user_id from intermediate.int_users_merged
                where user_id is not null and person_id <> $1
            )
        """,
        person_id,
    )


def _texts(connection: duckdb.DuckDBPyConnection, query: str, *parameters: str) -> set[str]:
    return {text for (text,) in connection.execute(query, list(parameters)).fetchall() if text}


def _keep(connection: duckdb.DuckDBPyConnection, table: str, names: set[str]) -> None:
    connection.execute(f"create or replace temp table {table} (id varchar)")
    connection.execute(f"insert into {table} select unnest($1::varchar[])", [sorted(names)])
