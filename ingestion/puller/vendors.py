"""Where each tool hands out its events, and in which windows of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Request:
    """One request: what to send, and where to. ``form`` is the body of a POST."""

    path: str
    query: Mapping[str, str]
    user: str = ""
    password: str = ""
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A tool: ``window`` is the time that one request asks for.

    ``delay`` passes after the end of a window before its events can be had. A vendor without one
    hands out a window that is not over, which is asked again until it is. ``request`` has the key,
    the beginning of the window and the options. ``key_form`` says what the key is.
    """

    url: str
    window: timedelta
    delay: timedelta | None
    request: Callable[[str, datetime, Mapping[str, str]], Request]
    key_form: str
    #: Options that it needs, and that it may have.
    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    #: The status that means that a window has no events.
    empty_status: int | None = None
    #: How the answer ends where the tool gave up in the middle of it.
    cut_mark: bytes | None = None


def _amplitude(key: str, begin: datetime, _options: Mapping[str, str]) -> Request:
    # Both ends are inclusive, so an hour begins and ends with itself.
    hour = f"{begin:%Y%m%dT%H}"
    name, _, secret = key.partition(":")
    return Request("/api/2/export", {"start": hour, "end": hour}, name, secret)


def _mixpanel(key: str, begin: datetime, options: Mapping[str, str]) -> Request:
    day = f"{begin:%Y-%m-%d}"
    query: dict[str, str] = {"from_date": day, "to_date": day}
    if "project" in options:
        query["project_id"] = options["project"]
    name, _, secret = key.partition(":")
    return Request("/api/2.0/export", query, name, secret)


def _matomo(key: str, begin: datetime, options: Mapping[str, str]) -> Request:
    query = {
        "module": "API",
        "method": "Live.getLastVisitsDetails",
        "format": "JSON",
        "idSite": options["site"],
        "period": "day",
        "date": f"{begin:%Y-%m-%d}",
        # With pages, a visit that comes meanwhile moves others to a page that was read already.
        "filter_limit": "-1",
    }
    # In the body, because addresses are written to logs.
    return Request("/index.php", query, form={"token_auth": key})


#: The name of a format of the importer → where its events are.
VENDORS: Final[dict[str, Vendor]] = {
    # https://amplitude.com/docs/apis/analytics/export
    "amplitude": Vendor(
        url="https://amplitude.com",
        window=HOUR,
        delay=2 * HOUR,
        request=_amplitude,
        key_form="API key:secret key",
        empty_status=404,
    ),
    # https://docs.mixpanel.com/reference/raw-event-export
    "mixpanel": Vendor(
        url="https://data.mixpanel.com",
        window=DAY,
        delay=None,
        request=_mixpanel,
        key_form="API secret, or user:secret of a service account",
        optional=("project", "time_zone"),
        cut_mark=b"terminated early",
    ),
    # https://developer.matomo.org/api-reference/reporting-api#Live
    "matomo": Vendor(
        url="",
        window=DAY,
        delay=None,
        request=_matomo,
        key_form="token_auth",
        needed=("url", "site"),
    ),
}


def windows(
    vendor: Vendor, since: datetime, through: datetime | None, lookback: timedelta, now: datetime
) -> list[datetime]:
    """The beginnings of the windows to ask now, in order, all in UTC.

    ``through`` is the end of the last window that was asked: from ``lookback`` before it on, all
    are asked again, because a tool may still receive events of them.
    """
    begin = max(since, through - lookback) if through else since
    begin -= (begin - datetime.min.replace(tzinfo=begin.tzinfo)) % vendor.window
    begins: list[datetime] = []
    while begin + (vendor.window + vendor.delay if vendor.delay else timedelta()) <= now:
        begins.append(begin)
        begin += vendor.window
    return begins


def options_of(vendor: Vendor) -> Mapping[str, Any]:
    """The names of a vendor's own options, each with whether it is needed."""
    return dict.fromkeys(vendor.optional, False) | dict.fromkeys(vendor.needed, True)
