"""From an id to a person: their user ids, their own devices, and their other events.

The ids come from raw alone: sightings of users on devices, and aliases. Only for events without a
user on a shared device, the models say whose they are, if the models have been built with them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import duckdb

from ingestion.landing.tombstones import Tombstones
from warehouse.sql import has_table

#: Ids fetched at a time.
BATCH: Final = 100_000
_SUBJECT = re.compile("(user|device):[0-9a-f]{32}")
Kind = Literal["user", "device"]
#: Kind of id → the columns of raw.events that may contain it.
COLUMNS: Final = {"user": ("user_id", "previous_id"), "device": ("anonymous_id", "previous_id")}


class BadSubject(ValueError):
    """The subject of an erasure is nobody, or several people; the message says what to give."""


class SharedDevice(ValueError):
    """Several people used the device; the message says how to find them, and names nobody."""


@dataclass(frozen=True)
class Subject:
    """The subject of an erasure: a user or a device, as a keyed hash."""

    kind: Kind
    digest: bytes

    def __str__(self) -> str:
        return f"{self.kind}:{self.digest.hex()}"

    @classmethod
    def parse(cls, text: str) -> Subject:
        """The inverse of ``str``; raises BadSubject."""
        if not _SUBJECT.fullmatch(text):
            raise BadSubject("a subject is user: or device: and 32 hexadecimal digits")
        kind, _, digest = text.partition(":")
        return cls("user" if kind == "user" else "device", bytes.fromhex(digest))


@dataclass(frozen=True)
class Person:
    """All ids of one person, in plain text: only in memory, and never logged."""

    users: set[str] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    #: Events without a user on shared devices that no build has attributed to anybody yet.
    undecided: int = 0


def resolve(
    connection: duckdb.DuckDBPyConnection,
    tombstones: Tombstones,
    subject: Subject,
    is_nobody: Callable[[str], bool],
) -> Person:
    """The person of a subject; an empty one if no loaded event names it.

    ``events`` has only events that are not found by user or device: those without a user, on a
    device that others use too. A placeholder id is no person's, so nobody can be erased by it.
    Raises SharedDevice, and BadSubject for a placeholder.
    """
    if not has_table(connection, "raw.events"):
        return Person()
    name = _name(connection, tombstones, subject)
    if name is None:
        return Person()
    if is_nobody(name):
        raise BadSubject(
            "this id stands for nobody (placeholder_ids in dbt_project/dbt_project.yml): whoever "
            "had none was sent under it, so name the person by an id of their own"
        )
    users = _users(connection, subject.kind, name, is_nobody)
    _keep(connection, "erased_user", users)
    _mark_events(connection, subject.kind, name, users, is_nobody)
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
    return Person(users, devices, events, _count_undecided(connection, shared))


# A delivery is erased with the person of its event, even if it names another one. It is also erased
# if it names the person, even if another delivery of its event is the one that counts.
_IS_ERASED: Final = """(
    coalesce(event_id in (from erased_event), false)
    or coalesce(user_id in (from erased_user), false)
    or coalesce(previous_id in (from erased_user), false)
)"""
_IS_NAMELESS: Final = "(coalesce(user_id, '') = '' or user_id in (from nobody))"


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
    """The id whose hash the subject is."""
    for column in COLUMNS[subject.kind]:
        for name in distinct(connection, column):
            if tombstones.digest(name) == subject.digest:
                return name
    return None


def _users(
    connection: duckdb.DuckDBPyConnection,
    kind: Kind,
    name: str,
    is_nobody: Callable[[str], bool],
) -> set[str]:
    """The user ids of the person with this id; none if only a device is known."""
    neighbours: defaultdict[str, set[str]] = defaultdict(set)
    for previous, user in connection.execute(
        f"""
        select previous_id, user_id from {_counted("type = 'alias'")}
        where type = 'alias' and previous_id is not null and user_id is not null
        """
    ).fetchall():
        if not (is_nobody(previous) or is_nobody(user)):
            neighbours[previous].add(user)
            neighbours[user].add(previous)
    if kind == "user":
        return _connected(neighbours, name)
    # An alias connects the device with the user before any event there.
    signed_in = _texts(
        connection,
        f"""
        select user_id from {_counted("anonymous_id = $1 or previous_id = $1")}
        where anonymous_id = $1 or (type = 'alias' and previous_id = $1)
        """,
        name,
    )
    persons = {frozenset(_connected(neighbours, user)) for user in signed_in if not is_nobody(user)}
    namesakes = frozenset(_namesakes(connection, neighbours, name))
    on_it = _texts(connection, "select event_id from raw.events where anonymous_id = $1", name)
    for person in _built(connection, "int_events_attributed", "person_id", "event_id", on_it):
        persons.add(namesakes if person == name else frozenset(_connected(neighbours, person)))
    persons.discard(frozenset())
    if len(persons) > 1:
        raise SharedDevice(
            f"{len(persons)} people used this device: erase one of them by the user id. "
            "Ask marts.fct_events for the person_id of its anonymous_id"
        )
    return set(next(iter(persons), namesakes))


def _namesakes(
    connection: duckdb.DuckDBPyConnection, neighbours: Mapping[str, set[str]], name: str
) -> set[str]:
    """The user ids of the person whose id is the same as the device's.

    If an alias joined that id to another one, it is the other person, and not the device's.
    """
    joined = _connected(neighbours, name)
    if len(joined) == 1:
        return _texts(connection, "select user_id from raw.events where user_id = $1", name)
    is_named_so = _built(connection, "int_users_merged", "person_id", "user_id", {name}) == {name}
    return joined if is_named_so else set()


def _connected(neighbours: Mapping[str, set[str]], name: str) -> set[str]:
    """All ids that aliases join to one id, which is included."""
    found = {name}
    to_ask = [name]
    while to_ask:
        new = neighbours.get(to_ask.pop(), set()) - found
        found |= new
        to_ask.extend(new)
    return found


def _mark_events(
    connection: duckdb.DuckDBPyConnection,
    kind: Kind,
    name: str,
    users: set[str],
    is_nobody: Callable[[str], bool],
) -> None:
    """Write the person's events into erased_event.

    raw alone decides on events that name one of their users, and on events without a user on a
    device where nobody else was seen. On a shared device, the models decide.
    """
    _keep(connection, "seen_on", {name} if kind == "device" else set())
    connection.execute(
        """
        insert into seen_on
        select anonymous_id from raw.events where user_id in (from erased_user)
        union
        select previous_id from raw.events where type = 'alias' and user_id in (from erased_user)
        """
    )
    mentioned = " or ".join(
        f"{column} in (from {ids})"
        for column, ids in (
            *(("user_id", "erased_user"), ("previous_id", "erased_user")),
            *(("anonymous_id", "seen_on"), ("previous_id", "seen_on")),
        )
    )
    connection.execute(f"create or replace temp table counted as from {_counted(mentioned)}")
    sightings = connection.execute(
        """
        select anonymous_id, user_id from counted where anonymous_id in (from seen_on)
        union
        select previous_id, user_id from counted
        where type = 'alias' and previous_id in (from seen_on)
        """
    ).fetchall()
    seen = defaultdict(set)
    for device, user in sightings:
        seen[device].add(None if is_nobody(user or "") else user)
    _keep(connection, "own_device", set(seen))
    # A user who was seen without a device has the same visits as a device with that id.
    namesakes = _texts(
        connection, "select user_id from raw.events where user_id in (from own_device)"
    )
    own = {
        device
        for device, by in seen.items()
        if by - {None} <= users
        and (by & users or (kind == "device" and device == name))
        and device not in namesakes - users
        and not is_nobody(device)
    }
    _keep(connection, "own_device", own)
    _keep(connection, "nobody", {user for _, user in sightings if user and is_nobody(user)})
    persons = _built(connection, "int_users_merged", "person_id", "user_id", users)
    persons |= users - _built(connection, "int_users_merged", "user_id", "user_id", users)
    _keep(
        connection,
        "erased_event",
        _built(connection, "int_events_attributed", "event_id", "person_id", persons or {name}),
    )
    connection.execute(
        f"""
        insert into erased_event
        select event_id from counted
        where
            user_id in (from erased_user)
            or previous_id in (from erased_user)
            or (anonymous_id in (from own_device) and {_IS_NAMELESS})
        """
    )


def _count_undecided(connection: duckdb.DuckDBPyConnection, shared: set[str]) -> int:
    """Count events without a user on shared devices that no build has attributed to anybody."""
    _keep(connection, "shared_device", shared)
    nameless = _texts(
        connection,
        f"""
        select event_id from raw.events
        where anonymous_id in (from shared_device) and {_IS_NAMELESS} and not {_IS_ERASED}
        """,
    )
    built = _built(connection, "int_events_attributed", "event_id", "event_id", nameless)
    return len(nameless - built)


def _built(
    connection: duckdb.DuckDBPyConnection, model: str, column: str, key: str, keys: set[str]
) -> set[str]:
    """A column of a model where ``key`` is in ``keys``; empty if the model was never built."""
    _keep(connection, "asked_for", keys)
    query = f"select {column} from intermediate.{model} where {key} in (from asked_for)"
    try:
        return _texts(connection, query)
    except (duckdb.CatalogException, duckdb.BinderException):
        return set()


def _counted(condition: str) -> str:
    """SQL for the delivery that counts of each event with any delivery that meets the condition.

    It is the first one of a completed load, as in staging. Later deliveries are ignored.
    """
    return f"""(
        select event_id, type, user_id, anonymous_id, previous_id
        from raw.events
        where
            event_id in (select event_id from raw.events where {condition})
            and _dlt_load_id in (select load_id from raw._dlt_loads where status = 0)
        qualify row_number() over (
            partition by event_id order by load_number, received_at, _file, _line
        ) = 1
    )"""


def _texts(connection: duckdb.DuckDBPyConnection, query: str, *parameters: str) -> set[str]:
    return {text for (text,) in connection.execute(query, list(parameters)).fetchall() if text}


def _keep(connection: duckdb.DuckDBPyConnection, table: str, names: set[str]) -> None:
    connection.execute(f"create or replace temp table {table} (id varchar)")
    connection.execute(f"insert into {table} select unnest($1::varchar[])", [sorted(names)])
