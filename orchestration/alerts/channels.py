"""Alerts, and how they are sent to the people on call.

Apprise sends to the channels of FOOTFALL_ALERT_URLS. A channel that is missing, fails or hangs
causes a line in the log and a bounded delay, never an exception: reporting a failure must not
cause another one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from apprise import Apprise, AppriseAsset, NotifyType
from apprise.result import AppriseResultStatus

from ingestion.settings import Settings

logger = logging.getLogger(__name__)

#: Time limit for one message, all channels together. Dagster gives a sensor 60 seconds, in which
#: it may have to report five failed runs.
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
    """Send to every channel and return whether all accepted it; raises nothing.

    Without a channel the alert is a line in the log. Addresses hold secrets and are never
    logged: the log names a channel by its number and its service.
    """
    urls = settings.alert_urls.get_secret_value().split()
    if not urls:
        logger.warning("no channel (FOOTFALL_ALERT_URLS): %s\n%s", alert.title, alert.text)
        return False
    try:
        return _send(urls, alert)
    except Exception as error:
        # Apprise may call a plugin of any service, and nothing it raises may leave this function.
        logger.error("alert not sent (%s): %s", type(error).__name__, alert.title)
        return False


def _send(urls: list[str], alert: Alert) -> bool:
    # Apprise's own log contains host names, and addresses it cannot parse.
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
    """Send a message that needs no action, and return whether every channel accepted it."""
    return send(
        settings,
        Alert(
            "Footfall: a test",
            f"This channel gets Footfall's alerts. Their runs are at {settings.ui_url}.",
            is_good=True,
        ),
    )


def one_message(alerts: Sequence[Alert]) -> Alert:
    """Join several alerts into one, so that a failed nightly run does not send twenty."""
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
