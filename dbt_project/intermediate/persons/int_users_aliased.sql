{{ config(materialized='table') }}

select distinct
    previous_id,
    user_id

from {{ ref('stg_footfall__events') }}

where event_type = 'alias' and previous_id is not null and user_id is not null
