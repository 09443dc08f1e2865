"""The list of formats."""

from __future__ import annotations

from typing import Final

from ingestion.importer.formats.amplitude import AMPLITUDE
from ingestion.importer.formats.columns import COLUMNS
from ingestion.importer.formats.format import Format
from ingestion.importer.formats.ga4 import GA4
from ingestion.importer.formats.matomo import MATOMO
from ingestion.importer.formats.mixpanel import MIXPANEL
from ingestion.importer.formats.posthog import POSTHOG_EVENTS, POSTHOG_PERSONS
from ingestion.importer.formats.segment import SEGMENT_ARCHIVE
from ingestion.importer.formats.snowplow import SNOWPLOW_ENRICHED
from ingestion.importer.formats.umami import UMAMI

FORMATS: Final[tuple[Format, ...]] = (
    *(POSTHOG_EVENTS, POSTHOG_PERSONS, MIXPANEL, AMPLITUDE, GA4, SEGMENT_ARCHIVE),
    *(SNOWPLOW_ENRICHED, MATOMO, UMAMI, COLUMNS),
)
BY_NAME: Final = {each.name: each for each in FORMATS}
