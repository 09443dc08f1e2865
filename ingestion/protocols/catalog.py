"""The protocols that are spoken. Whoever needs the fields of all of them takes them from here."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Final

from ingestion.facts.redaction import ALWAYS_SECRET
from ingestion.protocols.posthog import POSTHOG
from ingestion.protocols.protocol import Protocol
from ingestion.protocols.segment import SEGMENT
from ingestion.protocols.snowplow import SNOWPLOW

PROTOCOLS: Final[tuple[Protocol, ...]] = (SEGMENT, POSTHOG, SNOWPLOW)


def _all(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Each name once."""
    return tuple(dict.fromkeys(chain.from_iterable(names)))


#: Fields that hold keys, in any protocol.
SECRET_FIELDS: Final = _all([ALWAYS_SECRET, *(each.secret_fields for each in PROTOCOLS)])
#: Fields that say which user an event is of, or which device.
USER_FIELDS: Final = _all(each.user_fields for each in PROTOCOLS)
DEVICE_FIELDS: Final = _all(each.device_fields for each in PROTOCOLS)
#: Fields of a request that hold its events.
BATCH_FIELDS: Final = _all([each.batch_field] for each in PROTOCOLS)
#: Fields in which an event names itself.
EVENT_ID_FIELDS: Final = _all([each.event_id_field] for each in PROTOCOLS)
#: Parameters of a query that hold the write key.
KEY_PARAMETERS: Final = _all([each.key_parameter] for each in PROTOCOLS if each.key_parameter)
