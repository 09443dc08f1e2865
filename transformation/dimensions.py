"""What answers can be broken down and filtered by: one list for the table macros and for files.

A dimension is a column of the events, or of their sessions, persons or accounts. ``property.NAME``
is a property of an event, read as a condition reads it. ``trait.NAME`` is the latest trait of a
person, ``account.NAME`` that of the account to which the event belongs.
``cohort:NAME`` says whether the person was a member of the cohort at the time of the event.
"""

from __future__ import annotations

from typing import Final

from transformation.event_grammar import ACCOUNT_TRAIT, TRAIT

#: Dimension → its table and column. A dimension that is added here can be asked for everywhere.
DIMENSIONS: Final = {
    "source_id": "events.source_id",
    "event_name": "events.event_name",
    "event_type": "events.event_type",
    "page_path": "events.page_path",
    "group": "events.group_id",
    "device_type": "events.device_type",
    "browser": "events.browser",
    "os": "events.os",
    "app_version": "events.app_version",
    "time_quality": "events.time_quality",
    "landing_page": "sessions.landing_page",
    "exit_page": "sessions.exit_page",
    "country": "sessions.country",
    "country_source": "sessions.country_source",
    "region": "sessions.region",
    "city": "sessions.city",
    "language": "sessions.language",
    "screen_class": "sessions.screen_class",
    "is_bounce": "sessions.is_bounce",
    "is_engaged": "sessions.is_engaged",
    "is_bot": "sessions.is_bot",
    "channel": "sessions.channel",
    "referrer_domain": "sessions.referrer_domain",
    "utm_source": "sessions.utm_source",
    "utm_medium": "sessions.utm_medium",
    "utm_campaign": "sessions.utm_campaign",
    "utm_term": "sessions.utm_term",
    "utm_content": "sessions.utm_content",
    "click_id": "sessions.click_id",
    "first_touch_channel": "persons.first_touch_channel",
    "first_touch_source": "persons.first_touch_source",
    "first_touch_medium": "persons.first_touch_medium",
    "first_touch_campaign": "persons.first_touch_campaign",
    "first_touch_referrer": "persons.first_touch_referrer",
    "last_touch_channel": "persons.last_touch_channel",
    "last_touch_source": "persons.last_touch_source",
    "last_touch_medium": "persons.last_touch_medium",
    "last_touch_campaign": "persons.last_touch_campaign",
    "last_touch_referrer": "persons.last_touch_referrer",
    "account": "accounts.account_id",
    "account_name": "accounts.account_name",
}
#: The prefix of a dimension that is a property of the event.
PROPERTY: Final = "property."
#: The prefix of a dimension that is `member` for events of a cohort's members, at the time.
COHORT: Final = "cohort:"
#: How the dimensions are written that are no column.
PREFIXED: Final = (f"{PROPERTY}NAME", f"{TRAIT}NAME", f"{ACCOUNT_TRAIT}NAME", f"{COHORT}NAME")
#: The rest of the sentence about a dimension that nobody knows.
KNOWN: Final = f"write one of: {', '.join((*DIMENSIONS, *PREFIXED[:-1]))} or {PREFIXED[-1]}"
