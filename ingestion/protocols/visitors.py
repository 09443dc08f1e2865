"""The visitor of an event that names nobody, for protocols whose own servers derive one.

Pure. Plausible, OpenPanel and Matomo tell visitors apart by address and user agent, for a day, and
Umami for a month. So does Footfall, from what a line holds anyway: the address as the site stores
it, and the user agent. The id tells nothing that the line does not.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from ingestion.protocols.fields import Refused
from ingestion.protocols.verdict import RequestFacts

#: How the days and months of visitors are written.
_PERIODS: Final = {"day": "%Y-%m-%d", "month": "%Y-%m"}
#: Hexadecimal digits of an id: among a million visitors of a day, two share one in 1 of 37 million.
_DIGITS: Final = 16


def visitor_id(
    period: Literal["day", "month"], source: str, received_at: datetime, request: RequestFacts
) -> str:
    """An id such as ``day:2026-03-01:0f3a…`` that lasts a day or a month in UTC; raises Refused.

    The period is that of the collector's clock: an event that comes late is of the day it came.
    """
    if request.ip is None:
        raise Refused(
            "missing_id",
            "name a user or a device: this site stores no addresses, so visitors cannot be told "
            "apart by theirs",
        )
    told = received_at.astimezone(UTC).strftime(_PERIODS[period])
    facts = msgspec.json.encode((told, source, request.ip, request.as_json()["user_agent"]))
    return f"{period}:{told}:{hashlib.sha256(facts).hexdigest()[:_DIGITS]}"
