from __future__ import annotations

import uuid

from footfall.uuid7 import uuid7


def test_an_id_is_a_version_7_uuid_of_its_millisecond() -> None:
    parsed = uuid.UUID(uuid7(1_700_000_000_123, 5))
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert parsed.int >> 80 == 1_700_000_000_123


def test_ids_sort_by_millisecond_and_then_by_counter() -> None:
    counters = [0, 1, (1 << 14) - 1, 1 << 14, (1 << 26) - 1]
    ids = [uuid7(ms, counter) for ms in (1_000, 1_001) for counter in counters]
    assert ids == sorted(ids)


def test_two_ids_of_one_millisecond_and_counter_differ() -> None:
    assert len({uuid7(1, 1) for _ in range(1000)}) == 1000


def test_a_counter_past_its_bits_wraps_and_spoils_nothing_else() -> None:
    parsed = uuid.UUID(uuid7(5, 1 << 26))
    assert (parsed.version, parsed.int >> 80) == (7, 5)
