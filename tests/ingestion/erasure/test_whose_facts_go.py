"""Of random histories exactly one person's facts go, and everybody else keeps facts and name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hypothesis import HealthCheck, given, settings

from ingestion.erasure.raw import find_in_raw
from ingestion.erasure.resolving import Kind, Person, SharedDevice, Subject, resolve
from ingestion.erasure.tombstones import Entry, Tombstones, hexes
from tests import oracle
from tests.histories import History, histories, random_histories
from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle.events import File, Line

SALT = b"s" * 32
NOTHING = Tombstones(SALT)


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


def persons_of(history: History) -> dict[str, str]:
    """event_id → whose it is, by the oracle."""
    return {row["event_id"]: row["person_id"] for row in oracle.warehouse(history.loads).events}


def erased(warehouse: MemoryWarehouse, whom: Subject) -> Tombstones:
    return stones(resolve(warehouse.connection, NOTHING, whom))


def check_erasures(compiled: CompiledModels, history: History) -> int:
    """Erase each person of a history by each of their ids; how many erasures that were."""
    whose = persons_of(history)
    warehouse = loaded(compiled, history.loads)
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
        except SharedDevice:
            on_it = [
                line for line in lines_of(history.loads)
                if name in (line["anonymous_id"], line["previous_id"])
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
            if covers_previous(tombstones, line) and not line["user_id"]
        }
        persons = {whose[event_id] for event_id in gone - aliases}
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


def test_exactly_one_persons_facts_go_from_larger_histories(compiled: CompiledModels) -> None:
    done = sum(check_erasures(compiled, history) for history in random_histories(11, 12))
    assert done > 30
