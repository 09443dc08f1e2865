{{ config(materialized='table') }}

with loads as (

    select * from {{ ref('stg_footfall__loads') }}

),

-- A load is no longer pending once a complete build with today's definitions has seen it.
builds as (

    select distinct load_number
    from {{ source('meta', 'builds') }}
    where
        definition = '{{ definition() }}'
        and {{ 'false' if flags.FULL_REFRESH else 'true' }}

),

loads_pending as (

    select
        loads.load_number,
        loads.load_id,
        loads.began_at,
        loads.loaded_at

    from loads

    left join builds
        on loads.load_number = builds.load_number

    where builds.load_number is null

)

select * from loads_pending
