"""What each chart must show, asked of the marts without the export's metrics and datasets."""

from __future__ import annotations

COMPLETE = "(select activity_date from marts.fct_daily_actives where is_complete)"
HUMAN = f"not is_bot and session_date in {COMPLETE}"
#: Orders and refunds of complete days that are in the sums.
SOLD = f"select * from marts.fct_revenue_events where is_counted and revenue_date in {COMPLETE}"

#: Of each funnel and step: attempts whose window has closed, and those that reached the step.
REACHED = """
    select
        steps.funnel_name, steps.step_number, steps.step_name,
        count(*) filter (where is_mature and deepest_step >= step_number) as reached,
        nullif(count(*) filter (where is_mature), 0) as attempts
    from (select distinct funnel_name, step_number, step_name from marts.fct_funnel_steps) as steps
    inner join marts.fct_funnel_attempts as attempts using (funnel_name)
    group by all
"""

ANSWERS = {
    "data_through": "select max(data_through) as through from meta.published",
    "published": "select max(published_at) as last_publish from meta.published",
    # Product
    "daily_actives": """
        select activity_date, daily_actives as mean_daily_actives
        from marts.fct_daily_actives where is_complete
    """,
    "stickiness": """
        select activity_date, daily_actives / nullif(monthly_actives, 0) as stickiness
        from marts.fct_daily_actives where is_complete
    """,
    "visits": """
        select activity_date as session_date, sessions as visits
        from marts.fct_daily_actives where is_complete and sessions > 0
    """,
    "bounce_rate": f"""
        select session_date, avg(is_bounce::integer) as bounce_rate
        from marts.fct_sessions where {HUMAN} group by all
    """,
    "actives": """
        select
            activity_date, daily_actives as mean_daily_actives,
            weekly_actives as last_weekly_actives, monthly_actives as last_monthly_actives
        from marts.fct_daily_actives where is_complete
    """,
    "visits_by_channel": f"""
        select session_date, channel, count(*) as visits
        from marts.fct_sessions where {HUMAN} group by all
    """,
    "pages": f"""
        select
            page, sum(view_count) as views, sum(entrance_count) as entrances,
            sum(exit_count) as exits,
            sum(bounce_count) / nullif(sum(entrance_count), 0) as entrance_bounce_rate
        from marts.fct_page_days where session_date in {COMPLETE} group by all
    """,
    "devices": f"""
        select device_type, count(*) as visits from marts.fct_sessions
        where device_type is not null and {HUMAN} group by all
    """,
    "countries": f"""
        select country, count(*) as visits from marts.fct_sessions
        where country is not null and {HUMAN} group by all
    """,
    "events": """
        select
            event_name, source_id, event_count as events, person_count as most_persons,
            last_seen_at as last_seen
        from marts.dim_events
    """,
    "next_events": f"""
        select from_event, to_event, sum(transitions) as times
        from marts.fct_event_transitions where session_date in {COMPLETE} group by all
    """,
    # Growth
    "new_persons": """
        select activity_date, new_persons as sum_new_persons
        from marts.fct_daily_actives where is_complete
    """,
    "weekly_actives": """
        select activity_date, weekly_actives as last_weekly_actives
        from marts.fct_daily_actives where is_complete
    """,
    "growth": """
        select
            activity_date, new_persons as sum_new_persons,
            returning_persons as sum_returning_persons,
            resurrected_persons as sum_resurrected_persons,
            -dormant_persons as sum_dormant_persons
        from marts.fct_daily_actives where is_complete
    """,
    "retention_grid": """
        select
            cast(date_trunc('week', cohort_date)::date as varchar) as cohort_week, period_number,
            sum(retained_persons) / sum(cohort_size) as weekly_retention
        from marts.fct_retention where period_type = 'week' and is_mature group by all
    """,
    "retention_curve": """
        select period_number, sum(retained_persons) / sum(cohort_size) as weekly_retention
        from marts.fct_retention where period_type = 'week' and is_mature group by all
    """,
    "funnel_steps": f"""
        select
            funnel_name, step_number, step_name, reached as sum_mature_persons,
            reached / attempts as reached_rate
        from ({REACHED})
    """,
    "funnel_reach": f"""
        select funnel_name, step_number, reached / attempts as reached_rate from ({REACHED})
    """,
    "conversion_by_week": """
        select
            funnel_name, date_trunc('week', entry_date) as entry_date,
            sum(mature_persons) / sum(mature_entries) as conversion_rate
        from marts.fct_funnel_steps as steps
        where step_number = (
            select max(step_number) from marts.fct_funnel_steps as last
            where last.funnel_name = steps.funnel_name
        )
        group by all
        having sum(mature_entries) > 0
    """,
    "attempts": """
        select
            funnel_name, count(*) as attempts,
            count(*) - count(*) filter (where is_mature) as open_attempts,
            sum((is_mature and seconds_to_convert is not null)::integer) as converted_attempts,
            sum((is_mature and seconds_to_convert is null)::integer) as dropped_attempts,
            avg((seconds_to_convert is not null)::integer) filter (where is_mature)
                as conversion_rate,
            quantile_cont(seconds_to_convert, 0.5) filter (where is_mature) / 3600
                as median_hours_to_convert
        from marts.fct_funnel_attempts group by all
    """,
    "odds_by_age": """
        select question_name, trial_day, avg((outcome = 'converted')::integer) as odds
        from marts.fct_trial_days where is_mature group by all
    """,
    "first_channels": """
        select first_touch_channel, count(*) as persons from marts.dim_persons
        where not is_bot and first_touch_channel is not null group by all
    """,
    # Business
    "orders": f"""
        select revenue_date, count(*) as orders from ({SOLD}) where kind = 'order' group by all
    """,
    "active_accounts": f"""
        select activity_date, count(distinct account_id) as active_accounts
        from marts.fct_account_days where activity_date in {COMPLETE} group by all
    """,
    "net_revenue": f"""
        select revenue_date, currency, sum(if(kind = 'order', amount, -amount)) as net
        from ({SOLD}) group by all
    """,
    "revenue_by_currency": f"""
        select
            currency, count_if(kind = 'order') as orders,
            count(distinct if(kind = 'order', person_id, null)) as buyers,
            sum(if(kind = 'order', amount, 0)) as sold,
            sum(if(kind = 'refund', amount, 0)) as refunded,
            sum(if(kind = 'order', amount, -amount)) as net,
            sum(if(kind = 'order', amount, 0)) / nullif(count_if(kind = 'order'), 0)
                as average_order
        from ({SOLD}) group by all
    """,
    "revenue_not_counted": """
        select source_id, event_name, problem, count(*) as not_counted
        from marts.fct_revenue_events where not is_counted group by all
    """,
    "accounts_by_day": f"""
        select
            activity_date, count(distinct account_id) as active_accounts,
            count(distinct person_id) as account_persons
        from marts.fct_account_days where activity_date in {COMPLETE} group by all
    """,
    "accounts": """
        select
            account_id, account_name, current_member_count, active_days, event_count,
            first_seen_at, last_active_at
        from marts.dim_accounts
    """,
    "cohort_members": f"""
        select activity_date, cohort_name, members as last_members
        from marts.fct_cohort_days where activity_date in {COMPLETE}
    """,
    "cohort_changes": f"""
        select
            cohort_name, sum(joined) as sum_joined, sum(departed) as sum_departed,
            arg_max(members, activity_date) as last_members
        from marts.fct_cohort_days where activity_date in {COMPLETE} group by all
    """,
    "experiments": """
        select
            experiment_name, metric_name, verdict, sum(persons) as exposed_persons,
            any_value(planned_persons) as planned, any_value(days_until_planned) as days_to_go,
            any_value(ratio_p_value) as chance_of_shares
        from marts.fct_experiment_results where is_latest group by all
    """,
    "experiment_results": """
        select
            experiment_name, metric_name, is_guardrail, currency, variant, mature_persons,
            mean_value, difference, always_low, always_high, final_difference, final_low,
            final_high
        from marts.fct_experiment_results where is_latest
    """,
    "experiment_differences": """
        select
            result_date, experiment_name, metric_name, variant, always_low as last_low,
            difference as last_difference, always_high as last_high
        from marts.fct_experiment_results
        where metric_kind = 'conversion' and difference is not null
    """,
    # Trust
    "unexplained": """
        select
            sum(received) + sum(replayed) - sum(refused) - sum(erased) - sum(unreadable)
            - sum(duplicates) - sum(counted) as sum_unexplained
        from marts.ledger
    """,
    "ledger_by_day": """
        select
            received_date, sum(counted) as sum_counted, sum(duplicates) as sum_duplicates,
            sum(refused) as sum_refused, sum(erased) as sum_erased,
            sum(unreadable) as sum_unreadable
        from marts.ledger group by all
    """,
    "ledger_by_source": """
        select
            source_id, sum(received) as sum_received, sum(replayed) as sum_replayed,
            sum(counted) as sum_counted, sum(duplicates) as sum_duplicates,
            sum(refused) as sum_refused, sum(erased) as sum_erased,
            sum(unreadable) as sum_unreadable, sum(unexplained) as sum_unexplained
        from marts.ledger group by all
    """,
    "lost_by_clients": """
        with settled as (
            from marts.fct_client_processes
            where last_event_at < (select max(data_through) from meta.published) - interval 1 day
        ),
        sources as (
            select source_id, count(*) as processes from marts.fct_client_processes group by all
        )
        select
            source_id, any_value(sources.processes) as processes,
            sum(last_sequence) as numbered, sum(missing_count) as missing,
            sum(missing_count) / sum(last_sequence) as loss_rate
        from sources left join settled using (source_id) group by all
    """,
    "restatements": """
        select restated_at, figure, slice, figure_date, from_value, to_value, reasons
        from marts.restatements
    """,
    "catalog_findings": """
        select finding, event_name, property_name, event_count, details, advice
        from marts.catalog_findings where is_current
    """,
    "identity_findings": """
        select finding, subject, source_id, found_count, bound, advice
        from marts.identity_findings where is_current
    """,
    "broken_checks": """
        select asset_key, check_name, failing_rows, description
        from meta.check_outcomes where not passed
    """,
    "clocks": "select time_quality, count(*) as event_count from marts.fct_events group by all",
    "agents": """
        select agent_kind, sum(event_count) as agent_events from marts.dim_user_agents group by all
    """,
}
