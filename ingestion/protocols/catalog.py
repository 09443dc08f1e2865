"""The list of protocols, and the names of fields in any of them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Final

from ingestion.facts.redaction import ALWAYS_SECRET
from ingestion.protocols.amplitude import AMPLITUDE
from ingestion.protocols.cloudevents import CLOUDEVENTS
from ingestion.protocols.ga4 import GA4
from ingestion.protocols.matomo import MATOMO
from ingestion.protocols.mixpanel import MIXPANEL
from ingestion.protocols.openpanel import OPENPANEL
from ingestion.protocols.opentelemetry import OPENTELEMETRY
from ingestion.protocols.plausible import PLAUSIBLE
from ingestion.protocols.posthog import POSTHOG
from ingestion.protocols.protocol import Protocol
from ingestion.protocols.segment import SEGMENT
from ingestion.protocols.snowplow import SNOWPLOW
from ingestion.protocols.umami import UMAMI

PROTOCOLS: Final[tuple[Protocol, ...]] = (
    SEGMENT,
    POSTHOG,
    SNOWPLOW,
    AMPLITUDE,
    MIXPANEL,
    OPENPANEL,
    UMAMI,
    PLAUSIBLE,
    CLOUDEVENTS,
    OPENTELEMETRY,
    MATOMO,
    GA4,
)


def _all(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """All names, each once."""
    return tuple(dict.fromkeys(chain.from_iterable(names)))


#: Fields that hold keys, in any protocol.
SECRET_FIELDS: Final = _all([ALWAYS_SECRET, *(each.secret_fields for each in PROTOCOLS)])
#: Fields that name the user of an event at its top; those in an object inside it; its device.
USER_FIELDS: Final = _all(each.user_fields for each in PROTOCOLS if not each.users_are_inside)
USER_FIELDS_INSIDE: Final = {
    inner: _all(each.user_fields for each in PROTOCOLS if each.inner_field == inner)
    for inner in _all([each.inner_field] for each in PROTOCOLS)
}
DEVICE_FIELDS: Final = _all(each.device_fields for each in PROTOCOLS)
#: Fields of a request that hold its events.
BATCH_FIELDS: Final = _all([each.batch_field] for each in PROTOCOLS if each.batch_field)
#: Fields that hold the id of an event.
EVENT_ID_FIELDS: Final = _all([each.event_id_field] for each in PROTOCOLS if each.event_id_field)
#: Headers that hold the write key, in lower case.
KEY_HEADERS: Final = tuple(each.key_header for each in PROTOCOLS if each.key_header)
#: Parameters of a query that hold the write key.
KEY_PARAMETERS: Final = _all([each.key_parameter] for each in PROTOCOLS if each.key_parameter)
