"""The questions of docs/asking.md in words, as an agent reads them."""

from __future__ import annotations

from inspect import cleandoc
from typing import Final

#: Question → what is counted.
DEFINITIONS: Final = {
    "actives": "Distinct persons with at least one activity (track, page or screen; no bots) on "
    "the day or in the trailing_days up to it. Days must not be added up.",
    "cohort_members": "Persons of whom all conditions of the cohort hold at the moment (UTC), or "
    "where the data ends.",
    "cohort_sizes": "Persons who are members of each cohort when a day ends. Members of several "
    "days or cohorts must not be added.",
    "conversion_odds": "Of the persons who were once at the same day of their trial, in the same "
    "situation, how many converted within the horizon, with an interval. There is no rate of fewer "
    "than 30 persons.",
    "experiment": "Persons who saw one variant only, and what they did in the window after it. A "
    "difference is to the control, of persons whose window is closed (mature). always_low and "
    "always_high hold on every day; final_low and final_high are given once the planned size is "
    "reached. The verdict says which of them holds. The ratio_p_value says whether persons were "
    "assigned as planned.",
    "funnel": "Persons who did the steps in this order, all within the window from step 1. A rate "
    "is mature_persons / mature_entries, of the attempts whose window is over. Others are open, "
    "and not lost.",
    "funnel_persons": "The attempts that funnel counts, each with its person and deepest step.",
    "lifecycle": "Of the persons active in the period: new ones, those active in the period before "
    "too (returning), and the rest (resurrected). Dormant persons were active in the period before "
    "only. A period that is not over has is_complete false.",
    "paths": "What was done next in the same visit; null is its end.",
    "retention": "The part of a cohort (persons by the day of their first first_action) that did "
    "return_action in just this period. A period that is not over has is_mature false.",
    "revenue": "Orders count when they were made (one for each order id, no bots), refunds when "
    "they were given. net_amount is gross_amount without refunded_amount. A row for each currency: "
    "amounts of several currencies must not be added. Buyers are distinct persons.",
    "trend": "Events of this name, and the distinct persons who did them (no bots), per period in "
    "the reporting time zone. A period that is not over has is_complete false.",
    "visits": "Visits are sessions that began in the period (a pause of over 30 minutes ends one; "
    "no bots), visitors their distinct persons, and a bounce is a visit with one event.",
}
#: The description of ask, which names every parameter.
ASK: Final = cleandoc(
    """
    Ask a question: the answer has its rows, its SQL, what is counted and how far the data reaches.

    question, with the parameters that only it has:
    - trend: event (or "event|other"; none: any activity), period (hour, day, week, month),
      property (a property whose numbers are summed)
    - visits, revenue: period (none: all days are one row); revenue: reporting_currency (EUR: all of
      it in one, by the site's rates)
    - funnel: steps (a list of events), within ("7 days"), per (period, day, session),
      ordering (steps, strict, any), optional (numbers of steps that may be left out),
      entry (any, first_ever), exclude (a list of events), constant (a dimension that all steps
      have the same value of), attribution (first, last, any)
    - actives: action (an event; none: any activity), trailing_days (1, 7, 30)
    - lifecycle: action, period (day, week, month)
    - retention: first_action, return_action, period_days (7), period (days, rolling, week, month),
      brackets (last days of unequal periods), cohorts (first, recurring), per (cohort, period)
    - paths: from_action (none: how visits begin), steps (how many events to follow)
    - cohort_sizes: cohort (none: all of them)
    - conversion_odds: trial_day, without (a list of events), top_user_of (an event),
      horizon ("3 days"), question (which conversion question), confidence (0.95)
    - experiment: name (of the experiment), period (day: as it was known on each day)

    cohort_sizes takes since and until ("2026-03-01", both included). All others but
    conversion_odds and experiment take these too, and source (one of list_events), by (one of
    list_dimensions: a row for each of its 20 most frequent values and one for the others), and
    filters (a list such as ["country=AT", "property.plan!=free"]).

    trend, revenue, funnel, actives, lifecycle and retention also take actor (account: customers
    are counted in place of persons; a person's events belong to the account named last).

    An event is written by its name, or with conditions: purchase[plan=annual, seats>=5].
    """
)
OF_ASK_WITH_PEOPLE: Final = (
    "- funnel_persons: as funnel, the persons behind it\n"
    '- cohort_members: cohort, moment ("2026-03-01 12:00:00"; none: where the data ends)'
)
