"""In random histories, an erasure removes the events of exactly one person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ingestion.erasure.delete_from_raw import find_in_raw
from ingestion.erasure.placeholder_ids import stands_for_nobody
from ingestion.erasure.resolving import (
    BadSubject,
    Kind,
    Person,
    SharedDevice,
    Subject,
    resolve,
)
from ingestion.landing.tombstones import Entry, Tombstones, hexes
from ingestion.settings import Settings
from tests.histories import History, histories, random_histories
from tests.ingestion.loading.site import event
from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle.events import File, Line, identifier
from tests.oracle.facts import facts

#: The models that say whose an event is.
MODELS = ("int_users_merged", "int_events_attributed")
SALT = b"s" * 32
NOTHING = Tombstones(SALT)
IS_NOBODY = stands_for_nobody(Settings().dbt_project)


def subject(kind: Kind, name: str) -> Subject:
    return Subject(kind, NOTHING.digest(name))


def stones(person: Person) -> Tombstones:
    kinds = {
        kind: hexes(NOTHING.digest(name) for name in getattr(person, kind))
        for kind in ("users", "devices", "events")
    }
    return NOTHING.with_entry(Entry(erasure_id="e", subject="user:x", begun_at="", **kinds))


def covers(tombstones: Tombstones, line: Line) -> bool:
    return tombstones.covers_event(
        line["event_id"], line["user_id"], line["anonymous_id"], line["previous_id"]
    )


def covers_previous(tombstones: Tombstones, line: Line) -> bool:
    return bool(line["previous_id"]) and tombstones.covers_event("", line["previous_id"], None)


def lines_of(loads: Iterable[Iterable[File]]) -> Iterator[Line]:
    for files in loads:
        for file in files:
            yield from file.lines


def persons_of(history: History) -> dict[str, str | None]:
    """event_id → whose it is, by the oracle."""
    known = facts(history.loads)
    return {event.event_id: known.people.person_of(event) for event in known.events}


def erased(warehouse: MemoryWarehouse, whom: Subject) -> Tombstones:
    return stones(resolve(warehouse.connection, NOTHING, whom, IS_NOBODY))


def check_erasures(compiled: CompiledModels, history: History) -> int:
    """Erase each person of a history by each of their ids; how many erasures that were."""
    whose = persons_of(history)
    warehouse = loaded(compiled.only(*MODELS), history.loads)
    done = 0
    columns: dict[Kind, str] = {"user": "user_id", "device": "anonymous_id"}
    ids = {
        (kind, str(line[column]))
        for line in lines_of(history.loads)
        for kind, column in columns.items()
        if line[column]
    }
    for kind, name in sorted(ids):
        try:
            tombstones = erased(warehouse, subject(kind, name))
        except BadSubject:
            assert identifier({"id": name}, "id") is None, name
            continue
        except SharedDevice:
            on_it = [
                line for line in lines_of(history.loads)
                if name == line["anonymous_id"]
                or (line["type"] == "alias" and line["user_id"] and name == line["previous_id"])
            ]  # fmt: skip
            assert len({whose[line["event_id"]] for line in on_it}) > 1, name
            continue
        done += 1
        left = [
            [File(file.name, [line for line in file.lines if not covers(tombstones, line)])
             for file in files]
            for files in history.loads
        ]  # fmt: skip
        gone = {line["event_id"] for line in lines_of(history.loads)} - {
            line["event_id"] for line in lines_of(left)
        }
        # An alias that joins the person to nobody may be made on anybody's device.
        aliases = {
            line["event_id"]
            for line in lines_of(history.loads)
            if covers_previous(tombstones, line) and not identifier(line, "user_id")
        }
        # What only a delivery that does not count says of nobody's event goes with it.
        persons = {whose[event_id] for event_id in gone - aliases} - {None}
        assert len(persons) <= 1, (kind, name, persons)
        after = persons_of(History(left))
        assert not persons & set(after.values()), (kind, name)
        assert after == {key: person for key, person in whose.items() if key not in gone}
        found = find_in_raw(warehouse.connection, tombstones)
        assert found.counts["events"] == sum(
            covers(tombstones, line) for line in lines_of(history.loads)
        )
    return done


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories())
def test_exactly_one_persons_facts_go(compiled: CompiledModels, history: History) -> None:
    check_erasures(compiled, history)


def line(event_id: str, minute: int, **fields: Any) -> Line:
    at = f"2026-03-01T{10 + minute // 60}:{minute % 60:02}:00.000000Z"
    return event(event_id, user_id=None, received_at=at) | fields


def resolved(compiled: CompiledModels, kind: Kind, name: str, *lines: Line) -> Person:
    warehouse = loaded(compiled.only(*MODELS), [[File("a.ndjson", list(lines))]])
    return resolve(warehouse.connection, NOTHING, subject(kind, name), IS_NOBODY)


#: Two people on one device an hour apart, each seen once among nameless events; then a device of
#: one's own, and an older name.
SHARED = (
    line("1", 0, anonymous_id="tablet"),
    line("2", 1, anonymous_id="tablet", user_id="ana"),
    line("3", 61, anonymous_id="tablet", user_id="ben"),
    line("4", 121, anonymous_id="tablet"),
    line("5", 200, anonymous_id="phone"),
    line("6", 201, anonymous_id="phone", user_id="ana"),
    line("7", 300, type="alias", user_id="ana", previous_id="ana-before"),
    line("8", 301, user_id="ana-before"),
    line("9", 302, anonymous_id="kiosk"),
)
#: What an alias calls the older name may be a device as well as a user.
ANA = Person({"ana", "ana-before"}, {"phone", "ana-before"}, {"1"})


@pytest.mark.parametrize(
    ("kind", "name", "person"),
    [
        ("user", "ana", ANA),
        ("user", "ana-before", ANA),
        ("device", "phone", ANA),
        ("user", "ben", Person({"ben"}, set(), {"4"})),
        ("device", "kiosk", Person(set(), {"kiosk"}, set())),
        ("user", "tablet", Person()),
        ("user", "an", Person()),
    ],
)
def test_a_person_is_all_their_names_their_own_devices_and_nameless_facts_on_others(
    compiled: CompiledModels, kind: Kind, name: str, person: Person
) -> None:
    assert resolved(compiled, kind, name, *SHARED) == person


def unbuilt(compiled: CompiledModels, *loads: Iterable[File]) -> MemoryWarehouse:
    """What was loaded, of which no model was ever built."""
    warehouse = MemoryWarehouse(compiled)
    for files in loads:
        warehouse.load(list(files))
    return warehouse


@pytest.mark.parametrize(
    ("kind", "name"), [("user", "ana"), ("user", "ana-before"), ("device", "phone")]
)
def test_without_any_model_raw_says_who_a_person_is_and_how_many_events_nobody_can_tell(
    compiled: CompiledModels, kind: Kind, name: str
) -> None:
    """A model that failed kept everybody from being erased."""
    warehouse = unbuilt(compiled, [File("a.ndjson", list(SHARED))])

    person = resolve(warehouse.connection, NOTHING, subject(kind, name), IS_NOBODY)

    assert person == Person(ANA.users, ANA.devices, set(), undecided=2)
    with pytest.raises(SharedDevice, match="2 people used this device"):
        resolve(warehouse.connection, NOTHING, subject("device", "tablet"), IS_NOBODY)


def test_without_any_model_nothing_goes_that_would_not_go_with_them(
    compiled: CompiledModels,
) -> None:
    asked = 0
    for history in random_histories(12, 3):
        built = loaded(compiled.only(*MODELS), history.loads)
        raw = unbuilt(compiled, *history.loads)
        lines = list(lines_of(history.loads))
        for name in sorted({str(line["user_id"]) for line in lines if line["user_id"]}):
            if not IS_NOBODY(name):
                more, less = (erased(each, subject("user", name)) for each in (built, raw))
                assert all(covers(more, line) for line in lines if covers(less, line))
                assert less.users == more.users
                asked += 1
    assert asked > 5


def test_nobody_is_erased_by_a_text_that_stands_for_nobody_nor_known_by_it(
    compiled: CompiledModels,
) -> None:
    lines = (
        line("1", 0, anonymous_id=" Undefined", user_id="ana"),
        line("2", 1, anonymous_id="phone", user_id="GUEST"),
        line("3", 2, anonymous_id="phone", user_id="ana"),
    )

    with pytest.raises(BadSubject, match="stands for nobody"):
        resolved(compiled, "user", "GUEST", *lines)
    with pytest.raises(BadSubject, match="stands for nobody"):
        resolved(compiled, "device", " Undefined", *lines)
    assert resolved(compiled, "user", "ana", *lines) == Person({"ana"}, {"phone"}, {"2"})


def test_a_shared_device_is_nobody_to_erase_and_the_message_names_nobody(
    compiled: CompiledModels,
) -> None:
    with pytest.raises(SharedDevice, match="2 people used this device") as told:
        resolved(compiled, "device", "tablet", *SHARED)
    assert "ana" not in str(told.value)
    assert "tablet" not in str(told.value)


def test_a_device_that_an_alias_gave_to_a_user_goes_with_them_before_it_was_ever_seen(
    compiled: CompiledModels,
) -> None:
    alias = line("1", 0, type="alias", user_id="ana", previous_id="laptop")

    person = resolved(compiled, "device", "laptop", alias)

    assert person == Person({"ana", "laptop"}, {"laptop"}, set())


def test_a_repeat_that_names_somebody_else_goes_with_its_event_and_keeps_a_device_shared(
    compiled: CompiledModels,
) -> None:
    first = line("1", 0, anonymous_id="phone", user_id="ana")
    again = line("1", 1, anonymous_id="phone", user_id="ben")
    other = line("2", 2, anonymous_id="phone")
    claim = line("2", 3, anonymous_id="phone", user_id="ben")

    person = resolved(compiled, "user", "ana", first, again, other, claim)

    assert person == Person({"ana"}, {"phone"}, {"1", "2"})


def test_a_device_that_is_called_like_a_user_who_is_somebody_else_goes_alone(
    compiled: CompiledModels,
) -> None:
    """Nobody signed in there, so the device's person had its name, which led to the user's facts.

    The user was known by another name, and so was another person.
    """
    older = line("1", 0, user_id="ana")
    alias = line("2", 1, type="alias", user_id="x", previous_id="ana")
    device = line("3", 2, anonymous_id="x")

    assert resolved(compiled, "device", "x", older, alias, device) == Person(set(), {"x"}, set())


def test_exactly_one_persons_facts_go_from_larger_histories(compiled: CompiledModels) -> None:
    done = sum(check_erasures(compiled, history) for history in random_histories(11, 12))
    assert done > 30
