"""Archives of raw events of Segment and RudderStack: their own calls, one per line.

https://segment.com/docs/connections/storage/catalog/aws-s3/ and
https://www.rudderstack.com/docs/destinations/streaming-destinations/amazon-s3/ describe them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ingestion.facts.envelope import Json
from ingestion.importer.formats.format import Format, Options


def _read(record: Json, options: Options) -> Iterator[Json]:
    # The vendor corrected the client's clock with sentAt: that is the timestamp.
    yield record | {"timestamp": record.get("timestamp") or record.get("originalTimestamp")}


SEGMENT_ARCHIVE: Final = Format(
    name="segment",
    title="Segment or RudderStack",
    read=_read,
    fits=lambda record, _: (
        "type" in record and not record.keys().isdisjoint({"userId", "anonymousId"})
    ),
    fields={
        "messageId": "event_id, as the same event has live",
        "type, event": "type and event_name",
        "userId, anonymousId, groupId, previousId": "user_id, anonymous_id, group_id, previous_id",
        "timestamp, else originalTimestamp": "original_timestamp: as the vendor corrected it",
        "receivedAt": "received_at",
        "properties, traits, context": "properties, traits, context",
        "originalTimestamp, sentAt": "context.extra_fields",
    },
)
