{% set touched = rebuild_touched('int_trials_touched', keys=['question_name', 'actor_id']) %}

with ages as (

    select ages.*

    from {{ ref('int_trial_days_measured') }} as ages

    {{ join_touched('ages', touched) }}

),

trials as (

    select trials.*

    from {{ ref('int_trials_named') }} as trials

    {{ join_touched('trials', touched) }}

),

features as (

    select distinct
        question_name,
        feature_name
    from {{ source('meta', 'conversion_events') }}
    where event_role = 'feature'

),

uses as (

    select
        trials.question_name,
        trials.actor_id,
        events.feature_name,
        events.occurred_at,
        floor({{ days_elapsed('trials.started_at', 'events.occurred_at') }}) as day_number,
        {{
            first_known_day(
                'trials.first_day', 'trials.started_at', 'events.known_at', 'trials.age_seconds'
            )
        }}
            as known_day

    from {{ ref('int_trial_events_attributed') }} as events

    inner join trials
        on
            events.question_name = trials.question_name
            and events.named_by = trials.named_by
            and events.actor_name = trials.actor_name

    where events.event_role = 'feature' and events.occurred_at >= trials.started_at

),

days_used as (

    select
        question_name,
        actor_id,
        feature_name,
        day_number,
        min(known_day) as known_day

    from uses

    group by question_name, actor_id, feature_name, day_number

),

changes as (

    select
        question_name,
        actor_id,
        feature_name,
        known_day,
        1 as uses,
        0 as days_used,
        occurred_at as last_used_at
    from uses

    union all

    select
        question_name,
        actor_id,
        feature_name,
        known_day,
        0 as uses,
        1 as days_used,
        null as last_used_at
    from days_used

),

changes_counted as (

    select
        question_name,
        actor_id,
        feature_name,
        known_day,
        sum(uses) as uses,
        sum(days_used) as days_used,
        max(last_used_at) as last_used_at

    from changes

    group by question_name, actor_id, feature_name, known_day

),

features_summed as (

    select
        ages.question_name,
        ages.actor_id,
        ages.trial_day,
        features.feature_name,
        ages.as_of,
        ages.as_of_week,
        sum(changes.uses) over ages_until as use_count,
        sum(changes.days_used) over ages_until as days_used,
        max(changes.last_used_at) over ages_until as last_used_at

    from ages

    inner join features
        on ages.question_name = features.question_name

    left join changes_counted as changes
        on
            ages.question_name = changes.question_name
            and ages.actor_id = changes.actor_id
            and features.feature_name = changes.feature_name
            and ages.trial_day = changes.known_day

    window ages_until as (
        partition by ages.question_name, ages.actor_id, features.feature_name
        order by ages.trial_day
        rows between unbounded preceding and current row
    )

),

features_measured as (

    select
        question_name,
        actor_id,
        trial_day,
        feature_name,
        as_of_week,
        cast(coalesce(use_count, 0) as bigint) as use_count,
        cast(coalesce(days_used, 0) as bigint) as days_used,
        {{ days_elapsed('last_used_at', 'as_of') }} as days_since_last

    from features_summed

)

select * from features_measured
