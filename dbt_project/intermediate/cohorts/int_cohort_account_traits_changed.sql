{% set touched = rebuild_touched('int_cohort_persons_touched', keys=['person_id']) %}

with told as (

    select * from {{ ref('int_account_traits_told') }}

),

-- fct_account_members is a mart. It says to which account a person belonged, and when.
members as (

    select
        members.person_id,
        members.account_id,
        members.member_from,
        members.member_to

    from {{ ref('fct_account_members') }} as members

    {{ join_touched('members', touched) }}

),

asked as (

    select *
    from {{ source('meta', 'cohort_conditions') }}
    where kind = 'account_trait'

),

alternatives as (

    {{ event_alternatives('asked', 'step', ['cohort_name', 'cohort_condition_number']) }}

),

-- company.plan is the trait of that name, or else plan inside of the trait company.
names as (

    select property_name as trait_name from alternatives

    union

    select {{ first_part('property_name') }} as trait_name from alternatives

),

-- With an account a person takes on the traits that were told of it until then, and has no other
-- ones. Of the same moment, the value that was told last counts.
traits_taken as (

    select
        members.person_id,
        names.trait_name,
        members.member_from,
        members.member_from as changed_at,
        null as told_at,
        null as event_id,
        null as trait_value
    from members
    cross join names

    union all

    select
        members.person_id,
        names.trait_name,
        members.member_from,
        greatest(members.member_from, told.occurred_at) as changed_at,
        told.occurred_at as told_at,
        told.event_id,
        told.trait_value
    from members
    inner join told
        on members.account_id = told.account_id
    inner join names
        on told.trait_name = names.trait_name
    where members.member_to is null or told.occurred_at < members.member_to

),

traits_changed as (

    select
        person_id,
        trait_name,
        row_number() over (
            partition by person_id, trait_name
            order by member_from asc, told_at asc nulls first, event_id asc, trait_value desc
        ) as trait_number,
        changed_at,
        trait_value

    from traits_taken

)

select * from traits_changed
