{{ config(materialized='table') }}

with events as (

    select * from {{ ref('stg_footfall__events') }}

),

duplicates as (

    select * from {{ ref('stg_footfall__duplicates') }}

),

-- A delivery that is a duplicate still says that we have heard from the world until then.
arrivals as (

    select max(received_at) as received_at from events
    union all
    select max(received_at) as received_at from duplicates

)

select max(received_at) as data_through
from arrivals
