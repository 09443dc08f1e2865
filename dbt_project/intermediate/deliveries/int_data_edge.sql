{{ config(materialized='table') }}

with events as (

    select * from {{ ref('stg_footfall__events') }}

),

duplicates as (

    select * from {{ ref('stg_footfall__duplicates') }}

),

-- A duplicate counts here too: it shows that deliveries arrived until then.
arrivals as (

    select max(received_at) as received_at from events
    union all
    select max(received_at) as received_at from duplicates

)

select max(received_at) as data_through
from arrivals
