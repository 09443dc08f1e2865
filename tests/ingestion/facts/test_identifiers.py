"""Ids that other events are compared with never change."""

from __future__ import annotations

import uuid

from ingestion.facts.identifiers import derived_id, uuid7


def test_an_id_of_a_record_is_the_uuid_of_its_parts_as_json_and_never_changes() -> None:
    namespace = uuid.UUID("0d3f6f5e-3a56-5c0a-9a55-6b1f0d5a7c31")
    for parts, text in (
        (("mixpanel", "Bought", 1743526800, "é"), '["mixpanel","Bought",1743526800,"é"]'),
        ((None,), "[null]"),
    ):
        assert derived_id(*parts) == str(uuid.uuid5(namespace, text))
    assert (
        derived_id("mixpanel", "Bought", 1743526800, "i1") == "9ec90d21-53c5-5501-8df5-6dd26898590d"
    )


def test_an_id_of_an_event_is_a_uuid_of_version_7() -> None:
    made = uuid.UUID(uuid7())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
