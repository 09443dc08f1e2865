"""What some SDKs ask before they send: is this source on, which features are there.

Pure. The answers say what holds for every product, so they need no key and tell nothing about
one: everything may be sent, and there are no feature flags.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs

import msgspec

#: RudderStack's browser SDK asks its ``configUrl``; the second form is one with a path of its own.
SOURCE_PATHS: Final = ("/sourceConfig", "/cfg/sourceConfig")
#: PostHog's SDKs ask for feature flags, in newer and older words.
FLAG_PATHS: Final = ("/flags", "/decide")
#: PostHog's browser SDK asks this with the project's key in the path.
REMOTE_CONFIG_PATH: Final = "/array/{key}/config"

_REMOTE_CONFIG = re.compile(r"/array/[^/]{1,512}/config")
#: A query with more fields is nothing an SDK asks.
_MAX_QUERY_FIELDS: Final = 20


def endpoint_of(path: str) -> str | None:
    """The question of a path that has more than one name, None where it is none."""
    return REMOTE_CONFIG_PATH if _REMOTE_CONFIG.fullmatch(path) else None


def configuration(endpoint: str, query: bytes) -> bytes:
    """The answer to ``endpoint`` as JSON text."""
    return msgspec.json.encode(_source(query) if endpoint in SOURCE_PATHS else _FLAGS)


#: Recorded shape: web_posthog_flags. ``supportedCompression`` is what the collector inflates.
_FLAGS: Final = {
    "supportedCompression": ["gzip", "gzip-js"],
    "hasFeatureFlags": False,
    "flags": {},
    "featureFlags": {},
    "featureFlagPayloads": {},
    "errorsWhileComputingFlags": False,
    "sessionRecording": False,
    "surveys": False,
    "heatmaps": False,
    "siteApps": [],
    "toolbarParams": {},
    "isAuthenticated": False,
}


def _source(query: bytes) -> dict[str, object]:
    """RudderStack's source: on, without destinations, and no statistics sent elsewhere."""
    try:
        fields = parse_qs(query.decode("latin-1"), max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError:
        fields = {}
    off = {"enabled": False}
    return {
        "source": {
            "id": "footfall",
            "name": "footfall",
            "writeKey": fields.get("writeKey", [""])[0],
            "enabled": True,
            "workspaceId": "footfall",
            "config": {"statsCollection": {"errors": off, "metrics": off}},
            "connections": [],
            "destinations": [],
            "dataplanes": {},
        },
        # The SDK only compares it: the answer never changes.
        "updatedAt": "1970-01-01T00:00:00.000Z",
    }
