"""The list of formats."""

from __future__ import annotations

from typing import Final

from ingestion.importer.formats.format import Format
from ingestion.importer.formats.posthog import POSTHOG_EVENTS, POSTHOG_PERSONS

FORMATS: Final[tuple[Format, ...]] = (POSTHOG_EVENTS, POSTHOG_PERSONS)
BY_NAME: Final = {each.name: each for each in FORMATS}
