"""What the clients of the demo's people say of browser and device; all of it is synthetic."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final

from demo.facts import PHONE, WEB

_ENGINE: Final = "AppleWebKit/537.36 (KHTML, like Gecko)"
_SAFARI: Final = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_WINDOWS: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
_MAC: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7"

#: By source: what a client says of its device, and of how many in a hundred.
DEVICES: Final[Mapping[str, tuple[tuple[int, Mapping[str, Any]], ...]]] = {
    WEB: (
        (38, {"userAgent": f"{_WINDOWS}) {_ENGINE} Chrome/140.0.0.0 Safari/537.36"}),
        (12, {"userAgent": f"{_WINDOWS}) {_ENGINE} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"}),
        (7, {"userAgent": f"{_WINDOWS}; rv:143.0) Gecko/20100101 Firefox/143.0"}),
        (19, {"userAgent": f"{_MAC}) {_SAFARI} Version/18.5 Safari/605.1.15"}),
        (14, {"userAgent": f"{_MAC}) {_ENGINE} Chrome/140.0.0.0 Safari/537.36"}),
        (
            4,
            {
                "userAgent": f"Mozilla/5.0 (X11; Linux x86_64) {_ENGINE} Chrome/140.0.0.0 Safari/5",
                "userAgentData": {
                    "platform": "Linux",
                    "mobile": False,
                    "brands": [{"brand": "Chromium"}, {"brand": "Brave"}],
                },
            },
        ),
        (
            6,
            {
                "userAgent": f"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) {_SAFARI} "
                "Version/18.5 Mobile/15E148 Safari/604.1"
            },
        ),
    ),
    PHONE: (
        (
            55,
            {
                "device": {"type": "ios", "manufacturer": "Apple", "model": "iPhone15,2"},
                "os": {"name": "iOS", "version": "18.5"},
                "app": {"version": "2.4.0"},
            },
        ),
        (
            30,
            {
                "device": {"type": "android", "manufacturer": "Google", "model": "Pixel 8"},
                "os": {"name": "Android", "version": "15"},
                "app": {"version": "2.4.0"},
            },
        ),
        (
            15,
            {
                "device": {"type": "android", "manufacturer": "samsung", "model": "SM-A546B"},
                "os": {"name": "Android", "version": "14"},
                "app": {"version": "2.3.1"},
            },
        ),
    ),
}


def device_context(seed: object, source: str, anonymous_id: str) -> Mapping[str, Any]:
    """What this device's client says of it, the same in each event."""
    shares = [share for share, _ in DEVICES[source]]
    contexts = [context for _, context in DEVICES[source]]
    return Random(f"{seed}/device/{anonymous_id}").choices(contexts, shares)[0]
