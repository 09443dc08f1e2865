"""Alerts: what is told, and how it gets to the people on call.

Apprise speaks to the channels of FOOTFALL_ALERT_URLS. A channel that is missing, fails or hangs
costs a line in the log and a bounded time, never an exception: what reports a failure must not
add one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from apprise import Apprise, AppriseAsset, NotifyType
from apprise.result import AppriseResultStatus

from ingestion.settings import Settings

logger = logging.getLogger(__name__)

#: One message takes no longer, all channels together. Dagster gives a sensor 60 seconds, in which
#: it may have five failed runs to tell of.
SEND_SECONDS = 10
#: A channel that refuses is tried once more at once: a dropped connection is the common case.
RETRIES = 1


@dataclass(frozen=True)
class Alert:
    """One message: a title of a few words, and text. Nothing in it is about a person."""

    title: str
    text: str
    is_good: bool = False


def send(settings: Settings, alert: Alert) -> bool:
    """Send to every channel and return whether all took it; raises nothing.

    Without a channel the alert is a line in the log. Addresses hold secrets and are never
    logged: a channel is told by its number and the name of its service.
    """
    urls = settings.alert_urls.get_secret_value().split()
    if not urls:
        logger.warning("no channel (FOOTFALL_ALERT_URLS): %s\n%s", alert.title, alert.text)
        return False
    try:
        return _send(urls, alert)
    except Exception as error:
        # A border that must not fall: a plugin of any service stands behind it.
        logger.error("alert not sent (%s): %s", type(error).__name__, alert.title)
        return False


def _send(urls: list[str], alert: Alert) -> bool:
    # Apprise's own log names hosts, and what it cannot parse.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    channels = Apprise(asset=AppriseAsset(app_id="Footfall", default_service_retry=RETRIES))
    known = [number for number, url in enumerate(urls, 1) if channels.add(url)]
    for number in sorted(set(range(1, len(urls) + 1)) - set(known)):
        logger.error("channel %d of FOOTFALL_ALERT_URLS is none that Apprise knows", number)
    if not known:
        return False
    sent = channels.notify(
        title=alert.title,
        body=alert.text,
        notify_type=NotifyType.SUCCESS if alert.is_good else NotifyType.WARNING,
        timeout=SEND_SECONDS,
    )
    for number, result in zip(known, sent.results, strict=False):
        if result.status != AppriseResultStatus.SUCCESS:
            logger.error(
                "channel %d of FOOTFALL_ALERT_URLS (%s) did not take the alert (%s): %s",
                *(number, result.name, result.status.name.lower(), alert.title),
            )
    return bool(sent) and len(known) == len(urls)


def send_test(settings: Settings) -> bool:
    """Send a message that asks for nothing, and return whether every channel took it."""
    return send(
        settings,
        Alert(
            "Footfall: a test",
            f"This channel gets Footfall's alerts. Their runs are at {settings.ui_url}.",
            is_good=True,
        ),
    )


def one_message(alerts: Sequence[Alert]) -> Alert:
    """Several alerts of one moment as one: a night that fails must not ring twenty times."""
    if len(alerts) == 1:
        return alerts[0]
    bad = sum(not alert.is_good for alert in alerts)
    good = len(alerts) - bad
    counts = [f"problems: {bad}"] * bool(bad) + [f"recovered: {good}"] * bool(good)
    return Alert(
        f"Footfall: {', '.join(counts)}",
        "\n\n".join(f"{alert.title}\n{alert.text}" for alert in alerts),
        is_good=not bad,
    )
