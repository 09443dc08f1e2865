"""The settings that some SDKs request before they send: is this source on, which flags are there.

Pure. The answers are the same for every product, so they need no key and reveal nothing about one:
everything may be sent, and there are no feature flags.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs

import msgspec

#: RudderStack's browser SDK requests these at its ``configUrl``; the second one if that has a path.
SOURCE_PATHS: Final = ("/sourceConfig", "/cfg/sourceConfig")
#: PostHog's newer and older SDKs request feature flags here.
FLAG_PATHS: Final = ("/flags", "/decide")
#: PostHog's browser SDK requests this, with the project's key in the path.
REMOTE_CONFIG_PATH: Final = "/array/{key}/config"

_REMOTE_CONFIG = re.compile(r"/array/[^/]{1,512}/config")
#: No SDK sends a query with more fields.
_MAX_QUERY_FIELDS: Final = 20


def endpoint_of(path: str) -> str | None:
    """The endpoint whose path contains a key; None for any other path."""
    return REMOTE_CONFIG_PATH if _REMOTE_CONFIG.fullmatch(path) else None


def configuration(endpoint: str, query: bytes) -> bytes:
    """The answer to ``endpoint`` as JSON text."""
    return msgspec.json.encode(_source(query) if endpoint in SOURCE_PATHS else _FLAGS)


#: Recorded shape: web_posthog_flags. The collector inflates each ``supportedCompression``.
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
    """RudderStack's source: enabled, without destinations, and without statistics."""
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
        # The SDK only compares it with the last one, and the answer never changes.
        "updatedAt": "1970-01-01T00:00:00.000Z",
    }
