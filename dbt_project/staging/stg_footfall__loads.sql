{{ config(materialized='view') }}

-- A crash between a table's commit and the end of its load leaves rows of a load that never
-- completed. They do not count: their files are still pending and will be loaded again.
with loads as (

    select * from {{ source('raw', '_dlt_loads') }}

),

files as (

    select * from {{ source('raw', 'files') }}

),

loads_completed as (

    select
        files.load_number,
        loads.load_id,
        {{ load_began_at('loads.load_id') }} as began_at,
        {{ utc('loads.inserted_at') }} as loaded_at

    from loads

    inner join files
        on loads.load_id = files._dlt_load_id

    where loads.status = 0

    group by files.load_number, loads.load_id, loads.inserted_at

)

select * from loads_completed
