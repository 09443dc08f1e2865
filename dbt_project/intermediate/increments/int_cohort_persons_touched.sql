{{ config(materialized='table') }}

with persons as (

    select * from {{ ref('int_persons_touched') }}

),

told as (

    select * from {{ ref('int_account_traits_told') }}

),

loads as (

    select * from {{ ref('stg_footfall__loads_pending') }}

),

asked as (

    select distinct kind
    from {{ source('meta', 'cohort_conditions') }}
    where kind = 'account_trait'

),

accounts_told as (

    select distinct told.account_id

    from told

    inner join loads
        on told.load_number = loads.load_number

    cross join asked

),

-- What anybody says of an account is true of all who were ever in it: fct_account_members is a mart
-- that says who was. Who left an account because of this load is among the touched persons.
persons_touched as (

    select person_id from persons

    union

    select members.person_id
    from {{ ref('fct_account_members') }} as members
    inner join accounts_told
        on members.account_id = accounts_told.account_id

)

select * from persons_touched
