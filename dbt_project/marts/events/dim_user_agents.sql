{{ config(materialized='table') }}

with user_agents as (

    select * from {{ source('enrichment', 'user_agents') }}

),

events_counted as (

    select
        user_agent,
        count(*) as event_count

    from {{ ref('fct_events') }}

    where user_agent is not null

    group by user_agent

),

user_agents_described as (

    select
        user_agents.user_agent,
        user_agents.browser,
        user_agents.browser_version,
        user_agents.os,
        user_agents.os_version,
        user_agents.device_type,
        user_agents.device_brand,
        user_agents.device_model,
        user_agents.bot_name,
        coalesce(user_agents.agent_kind, 'person') as agent_kind,
        user_agents.is_bot,
        events_counted.event_count

    from user_agents

    inner join events_counted
        on user_agents.user_agent = events_counted.user_agent

)

select * from user_agents_described
