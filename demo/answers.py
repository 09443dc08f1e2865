"""The answers that the demo prints, each read from the published file and nothing else."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

import duckdb

from demo.facts import SOURCES
from demo.law import DECISION_AFTER, FEATURES, purchase_probability, purchase_within
from demo.tables import duration, percent, table

#: The funnel of demo/definitions/funnel_steps.csv that the demo's product fills.
FUNNEL: Final = "trial"
DAYS_SHOWN: Final = 8
#: The ages of a trial at which it is asked who is about to buy, and within how many days.
AGES: Final = (5, 8, 10)
HORIZON_DAYS: Final = 3


def answers(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Every answer as a title and a text, in the order in which a newcomer asks."""
    return [
        daily_actives(connection),
        sessions(connection),
        devices(connection),
        channels(connection),
        countries(connection),
        trial_funnel(connection),
        features(connection),
        odds(connection),
        oddities(connection),
        ledger(connection),
    ]


def daily_actives(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Who was active yesterday, and on the days before."""
    rows = _rows(
        connection,
        """
        select
            activity_date, daily_actives, weekly_actives, monthly_actives, new_persons,
            returning_persons, resurrected_persons, dormant_persons, bot_actives, is_complete
        from marts.fct_daily_actives order by activity_date desc limit ?
        """,
        [DAYS_SHOWN],
    )
    last = next(row for row in rows if row[-1])
    day, daily, weekly, monthly, new, returning, resurrected, dormant = last[:8]
    text = table(
        ("day", "daily", "7 days", "30 days", "new", "returning", "resurrected", "dormant", "bots"),
        [(_day(row[0], row[-1]), *row[1:-1]) for row in reversed(rows)],
    )
    text += (
        f"\n\n  {daily:,} people = {new:,} new + {returning:,} who were here the day before"
        f" + {resurrected:,} back from a break."
        f"\n  {dormant:,} of the day before stayed away. In 7 days {weekly:,} different people, in"
        f" 30 days {monthly:,}."
    )
    return f"How many people used it yesterday, {day:%A %d %B %Y}?", text


def sessions(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """How long visits were in the last seven full days."""
    rows = _rows(
        connection,
        """
        select
            coalesce(source_id, 'all'), count(*), count(distinct person_id),
            median(duration_seconds), avg(event_count), avg(cast(is_bounce as integer))
        from marts.fct_sessions
        where
            not is_bot and session_date between (
                select max(activity_date) - 6 from marts.fct_daily_actives where is_complete
            ) and (select max(activity_date) from marts.fct_daily_actives where is_complete)
        group by rollup (source_id) order by source_id nulls last
        """,
    )
    reasons = _rows(
        connection,
        "select split_reason, count(*) from marts.fct_sessions group by all order by 2 desc",
    )
    words = {
        "first": "on a first visit",
        "timeout": "after 30 minutes of silence",
        "user_change": "when another person took over",
        "max_duration": "after 24 hours",
    }
    text = table(
        ("source", "sessions", "people", "median length", "events each", "only one event"),
        [
            (source, count, people, duration(median), f"{events:.1f}", percent(bounces, 1))
            for source, count, people, median, events, bounces in rows
        ],
    )
    began = ", ".join(f"{count:,} {words[reason]}" for reason, count in reasons)
    text += f"\n\n  In all weeks they began:\n  {began}."
    return "How long are their visits? (last seven full days)", text


def devices(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """On what people use it, and which programs come."""
    rows = _rows(
        connection,
        """
        select
            device_type, os, coalesce(browser, 'app'),
            count(*), count(distinct person_id)
        from marts.fct_sessions where not is_bot
        group by all order by 4 desc, 1, 2, 3
        """,
    )
    bots = _rows(
        connection,
        """
        select bot_name || ' (' || agent_kind || ')' from marts.dim_user_agents
        where is_bot order by event_count desc, user_agent
        """,
    )
    text = table(("device", "system", "browser", "sessions", "people"), rows)
    text += f"\n\n  Programs that come too: {', '.join(name for (name,) in bots)}."
    return "On what do they use it?", text


def channels(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """How people were first reached, and how many of each channel tried the product."""
    rows = _rows(
        connection,
        """
        with triers as (
            select distinct person_id from marts.fct_funnel_attempts where funnel_name = ?
        )

        select
            persons.first_touch_channel, count(*), count(triers.person_id)
        from marts.dim_persons as persons
        left join triers on persons.person_id = triers.person_id
        where persons.first_touch_channel is not null
        group by all order by 2 desc, 1
        """,
        [FUNNEL],
    )
    text = table(
        ("channel of the first visit", "people", "tried it", "share"),
        [(channel, people, tried, percent(tried, people)) for channel, people, tried in rows],
    )
    return "Where do people come from?", text


def countries(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """In which countries they are, by the time zones of their devices."""
    rows = _rows(
        connection,
        """
        select coalesce(country, 'unknown'), count(distinct person_id), count(*)
        from marts.fct_sessions
        where not is_bot
        group by all order by 2 desc, 1
        """,
    )
    text = table(("country", "people", "sessions"), rows)
    return "In which countries are they? (by the time zones of their devices)", text


def trial_funnel(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Where trials end, of those whose time is up; the open ones are counted beside them."""
    # Only days whose every window has closed: a table of whole days reads more easily.
    first_open = _rows(
        connection,
        """
        select coalesce(min(entry_date), date '9999-12-31') from marts.fct_funnel_attempts
        where funnel_name = ? and not is_mature
        """,
        [FUNNEL],
    )[0][0]
    steps = _rows(
        connection,
        """
        select
            step_number, step_name, cast(sum(persons) as bigint),
            cast(sum(case when entry_date < $1 then persons else 0 end) as bigint)
        from marts.fct_funnel_steps where funnel_name = $2 group by all order by step_number
        """,
        [first_open, FUNNEL],
    )
    weeks = _rows(
        connection,
        """
        select
            cast(date_trunc('week', entry_date) as date), count(*),
            count_if(state = 'converted'), count_if(state = 'open'), count_if(state = 'dropped')
        from marts.fct_funnel_attempts where funnel_name = ? group by 1 order by 1
        """,
        [FUNNEL],
    )
    mature = steps[0][3]
    text = table(
        ("step", "reached, all", "reached, mature", "of mature trials"),
        [(f"{n} {name}", every, done, percent(done, mature)) for n, name, every, done in steps],
    )
    text += "\n\n" + table(
        ("trials of the week from", "started", "bought", "open", "ended", "bought, of mature"),
        [
            (week, entered, converted, still, dropped, percent(converted, entered * (not still)))
            for week, entered, converted, still, dropped in weeks
        ],
    )
    if first_open.year < 9999:
        text += (
            f"\n\n  Mature are the trials started before {first_open:%a %d %b}: for all of them the"
            " 14 days are over.\n  Open trials may still buy, so a week that has any shows no rate"
            " rather than one too low."
        )
    return "Where do trials end?", text


def features(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Which features buyers used: what the data shows, and what is true."""
    used = ", ".join(
        f"bool_or(events.event_name = '{feature}' and events.occurred_at < trials.started_at"
        f" + interval {DECISION_AFTER.days} day)"
        for feature in FEATURES
    )
    rows = _rows(
        connection,
        f"""
        with trials as (
            select person_id, min(occurred_at) as started_at from marts.fct_events
            where event_name = 'trial_started' group by person_id
            having
                min(occurred_at)
                < (select max(data_through) from meta.published) - interval 14 day
        ),
        uses as (
            select [{used}] as used, bool_or(events.event_name = 'plan_purchased') as bought
            from trials inner join marts.fct_events as events using (person_id)
            group by trials.person_id
        )
        select used, count(*), count_if(bought) from uses group by used order by used
        """,
    )
    text = table(
        ("used in the first five days", "trials", "bought", "share", "the truth"),
        [
            (
                " + ".join(found) or "none of them",
                trials,
                bought,
                percent(bought, trials),
                percent(purchase_probability(found), 1),
            )
            for used_features, trials, bought in rows
            for found in [
                [name for name, was_used in zip(FEATURES, used_features, strict=True) if was_used]
            ]
        ],
    )
    text += (
        "\n\n  The truth is known because these people are synthetic (demo/law.py): saving a query"
        "\n  sells nothing by itself. The difference to the share is chance, large in small groups."
    )
    return "What do buyers do that others do not?", text


def odds(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Who is about to buy, of those who used nothing that sells: counted, predicted and true."""
    question = """conversion_odds(trial_day := {}, horizon := interval {} day,
      without := ['report_created', 'dashboard_shared'])"""
    rows = []
    for age in AGES:
        ((n, rate, low, high, of_all, foretold),) = _rows(
            connection,
            "select n, rate, low, high, base_rate, model_probability from "
            + question.format(age, HORIZON_DAYS),
        )
        truth = purchase_within((), timedelta(days=age), timedelta(days=HORIZON_DAYS))
        rows.append(
            (
                f"day {age}",
                n,
                "too few" if rate is None else f"{rate:.1%}",
                "" if rate is None else f"{low:.1%} to {high:.1%}",
                "none" if foretold is None else f"{foretold:.1%}",
                f"{truth:.1%}",
                "too few" if of_all is None else f"{of_all:.1%}",
            )
        )
    text = table(
        ("trial is at", "people", "bought", "interval, 95 %", "model", "truth", "everybody"), rows
    )
    text += (
        "\n\n  Of people who had neither created a report nor shared a dashboard by then. Those of"
        "\n  the past are counted; the model speaks of those who stand there now."
        f"\n    from {question.format(8, HORIZON_DAYS)}"
    )
    return f"How likely do they buy in the next {HORIZON_DAYS} days?", text


def oddities(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Oddities as real data has them, which the warehouse has handled."""
    row = _rows(
        connection,
        """
        select
            (select cast(sum(duplicates) as bigint) from marts.ledger),
            (select cast(sum(refused) as bigint) from marts.ledger),
            count_if(time_quality = 'corrected'),
            count_if(user_id is null and person_id <> anonymous_id),
            (
                select count(*) from (
                    select anonymous_id from marts.fct_events
                    where user_id is not null and anonymous_id is not null
                    group by anonymous_id having count(distinct person_id) > 1
                )
            ),
            (
                select count(*) from marts.dim_persons
                where json_array_length(cast(user_ids as json)) > 1
            ),
            count_if(is_bot)
        from marts.fct_events
        """,
    )[0]
    labels = (
        "deliveries of an event that was there already: counted once",
        "events refused as unreadable: kept in quarantine, with the reason",
        "events told by a clock that is hours fast: put where they belong",
        "events without a name that belong to somebody who signed in on the device",
        "devices with more than one person: told apart",
        "people with two accounts, joined by an alias: one person",
        "page views of known bots: kept, and in nobody's figures",
    )
    return "What came in crooked?", table(("what", "number"), zip(labels, row, strict=True))


def ledger(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Whether everything that was received is accounted for."""
    rows = _rows(
        connection,
        """
        select
            coalesce(source_id, 'all'), cast(sum(received) as bigint),
            cast(sum(refused) as bigint), cast(sum(loaded) as bigint),
            cast(sum(duplicates) as bigint), cast(sum(counted) as bigint),
            cast(sum(unexplained) as bigint)
        from marts.ledger group by rollup (source_id) order by source_id nulls last
        """,
    )
    text = table(
        ("source", "received", "refused", "loaded", "duplicates", "counted", "unexplained"), rows
    )
    _, received, refused, loaded, duplicates, counted, unexplained = rows[-1]
    text += (
        f"\n\n  {received:,} received = {refused:,} refused + {loaded:,} loaded;"
        f" {loaded:,} loaded = {duplicates:,} duplicates + {counted:,} counted."
        f"\n  {unexplained:,} unexplained."
    )
    others = sorted({str(row[0]) for row in rows[:-1]} - set(SOURCES))
    if others:
        text += f"\n  This home also holds {', '.join(others)}: all figures above include them."
    return "Is anything missing?", text


def _day(day: date, is_complete: bool) -> str:
    return f"{day:%a %d %b}{'' if is_complete else ' so far'}"


def _rows(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[Any] | None = None
) -> list[tuple[Any, ...]]:
    return connection.execute(sql, parameters or []).fetchall()
