-- What is wrong with the name of a cohort; null if nothing is.
create or replace macro mistake_of_cohort(cohort) as unknown_dimension('{cohort}' || cohort);

-- How many persons are members of each cohort when a day ends:
--
--     from cohort_sizes()
--     from cohort_sizes(cohort := 'power_users', since := date '2026-03-01')
create or replace macro cohort_sizes(cohort := null, since := null, until := null) as table

with mistakes as (

    select
        case when mistake is not null then error('cohort_sizes: ' || mistake) else false end
            as is_mistaken
    from (
        select coalesce(mistake_of_days(since, until), mistake_of_cohort(cast(cohort as varchar)))
            as mistake
    ) as found

)

select
    days.cohort_name,
    days.activity_date,
    days.members,
    days.joined,
    days.departed

from marts.fct_cohort_days as days

where
    not (select is_mistaken from mistakes)
    and (cohort is null or days.cohort_name = cohort)
    and is_asked(days.activity_date, since, until)

union all

-- Where no row is asked for, nothing above looks for mistakes.
select null, null, null, null, null
from mistakes
where is_mistaken

order by activity_date, cohort_name;

-- Who is a member of a cohort at a moment (UTC), or where the data ends:
--
--     from cohort_members('power_users')
--     from cohort_members('power_users', moment := timestamp '2026-03-01 12:00:00')
create or replace macro cohort_members(cohort, moment := null) as table

with mistakes as (

    select
        case when mistake is not null then error('cohort_members: ' || mistake) else false end
            as is_mistaken
    from (
        select
            case
                when cohort is null then 'write the name of a cohort, as cohort_members(''power_users'')'
                when moment is not null and as_moment(moment) is null
                    then 'moment is a time; write moment := timestamp ''2026-03-01 12:00:00'''
                else mistake_of_cohort(cast(cohort as varchar))
            end as mistake
    ) as found

)

select
    members.cohort_name,
    members.person_id,
    members.member_from,
    members.member_to

from marts.fct_cohort_members as members

where
    not (select is_mistaken from mistakes)
    and members.cohort_name = cohort
    and case
        when moment is null then members.member_to is null
        else
            members.member_from <= as_moment(moment)
            and coalesce(members.member_to > as_moment(moment), true)
    end

union all

select null, null, null, null
from mistakes
where is_mistaken

order by member_from, person_id;
