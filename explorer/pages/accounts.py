"""Accounts: which customers there are, who belongs to one, and what they do."""

from __future__ import annotations

from urllib.parse import urlencode

from explorer import charts
from explorer.pages.page import Context, Page
from explorer.pages.people import person_link
from explorer.panels import Column, Panel
from explorer.parameters import RANGE, Parameter, Values, span
from footfall.ask import literal, statement

NONE = (
    "No event names an account. The page on metrics (Accounts) says how events name one: group "
    "calls, a groupId in the context, or PostHog's groups of the type company."
)


def account_link(account_id: str) -> str:
    """The address of an account's page."""
    return f"/accounts?{urlencode({'account': account_id})}"


def panels(values: Values, context: Context) -> list[Panel]:
    """Active accounts and the accounts that match, or the people and days of one."""
    account = values.optional("account")
    if account:
        return _one(account, values, context)
    wanted = values.text("search").lower()
    return [
        *([] if wanted else [_actives(values, context)]),
        Panel(
            key="accounts",
            title="Accounts",
            statement=f"""
                select *
                from marts.dim_accounts
                where contains(lower(account_id), {literal(wanted)})
                    or contains(lower(traits), {literal(wanted)})
                order by last_active_at desc nulls last, account_id
                limit 200
                """,
            columns=[
                Column("account_id", "Account", link=lambda row: account_link(row["account_id"])),
                Column("account_name", "Name"),
                Column("current_member_count", "Members", "number"),
                Column("active_days", "Active days", "number"),
                Column("event_count", "Events", "number"),
                Column("first_seen_at", "First seen (UTC)", "moment"),
                Column("last_active_at", "Last active (UTC)", "moment"),
                Column("traits", "Traits"),
            ],
            definition="Those last active come first, at most 200. A member is a person whose "
            "events named this account last. Events and days are its people's, without bots.",
            empty="No account's id or traits contain this text." if wanted else NONE,
        ),
    ]


def _actives(values: Values, context: Context) -> Panel:
    since, until = span(values, context.last_day)
    return Panel(
        key="actives",
        title="Active accounts",
        statement=f"""
            select days.activity_date, count(distinct own.account_id) as accounts,
                count(distinct own.person_id) as persons, days.is_complete
            from marts.fct_daily_actives as days
            left join marts.fct_account_days as own
                on days.activity_date = own.activity_date
            where days.activity_date between {literal(since)} and {literal(until)}
            group by days.activity_date, days.is_complete
            order by days.activity_date
            """,
        columns=[
            Column("activity_date", "Day"),
            Column("accounts", "Accounts", "number"),
            Column("persons", "Their persons", "number"),
            Column("is_complete", "Complete", "yes"),
        ],
        definition="Accounts with at least one activity of a human on the day, and the distinct "
        "persons who did it. Trends, Funnels, Retention and Growth count accounts too.",
        layout="chart",
        draw=lambda rows: charts.lines(
            rows,
            time="activity_date",
            value="accounts",
            complete="is_complete",
            unit="accounts",
            notes=context.notes,
        ),
        empty="Nobody was active in these days.",
    )


def _one(account: str, values: Values, context: Context) -> list[Panel]:
    since, until = span(values, context.last_day)
    is_account = f"account_id = {literal(account)}"
    events = statement(
        "trend",
        since=since,
        until=until,
        by="event_name",
        filters=[f'account="{account.replace(chr(34), chr(34) * 2)}"'],
    )
    return [
        Panel(
            key="account",
            title="The account",
            statement=f"""
                select *
                from marts.dim_accounts
                where {is_account}
                """,
            columns=[
                Column("account_id", "Account"),
                Column("account_name", "Name"),
                Column("first_seen_at", "First seen (UTC)", "moment"),
                Column("last_seen_at", "Last seen (UTC)", "moment"),
                Column("current_member_count", "Members", "number"),
                Column("member_count", "Members ever", "number"),
                Column("active_days", "Active days", "number"),
                Column("event_count", "Events", "number"),
                Column("traits", "Traits"),
            ],
            definition="The latest of each trait that group calls told, and counts over all time.",
            empty="No event names this account. Search for a part of its id.",
        ),
        Panel(
            key="members",
            title="Who belongs to it, and who did",
            statement=f"""
                select members.*, coalesce(own.active_days, 0) as active_days, own.last_active_at
                from marts.fct_account_members as members
                left join (
                    select person_id, count(distinct activity_date) as active_days,
                        max(last_event_at) as last_active_at
                    from marts.fct_account_days
                    where {is_account}
                    group by person_id
                ) as own
                    on members.person_id = own.person_id
                where members.{is_account}
                order by members.is_current desc, own.last_active_at desc nulls last,
                    members.person_id, members.member_from
                limit 500
                """,
            columns=[
                Column("person_id", "Person", link=lambda row: person_link(row["person_id"])),
                Column("is_current", "Belongs to it now", "yes"),
                Column("member_from", "From (UTC)", "moment"),
                Column("member_to", "To (UTC)", "moment"),
                Column("told_at", "Named at (UTC)", "moment"),
                Column("active_days", "Active days", "number"),
                Column("last_active_at", "Last active (UTC)", "moment"),
            ],
            definition="A person belongs to the account that their events named last, and to the "
            "first one also before it was named. Who left and came back has several rows. Active "
            "days are those of the person in this account, over all time.",
            empty="Nobody's events name it.",
        ),
        Panel(
            key="events",
            title="What its people do",
            statement=f"""
                select *
                {events}
                where events > 0
                """,
            columns=[
                Column("period_start", "Day", "moment"),
                Column("breakdown_value", "Event"),
                Column("events", "Events", "number"),
                Column("persons", "Persons", "number"),
            ],
            definition="Events that belong to the account, per day and name, without bots.",
            layout="chart",
            draw=lambda rows: charts.lines(
                rows,
                time="period_start",
                value="events",
                series="breakdown_value",
                complete="is_complete",
                unit="events",
                notes=context.notes,
            ),
            empty="Its people did nothing in these days.",
        ),
    ]


PAGE = Page(
    "accounts",
    "Accounts",
    "Which customers are active, and who belongs to them?",
    (
        Parameter("search", "Search", hint="a part of an id or of a trait"),
        Parameter("account", "Account", hint="an account's whole id"),
        *RANGE,
    ),
    panels,
)
