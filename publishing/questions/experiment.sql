-- What an experiment says, a row for each metric and variant:
--
--     from experiment('short_form')
--     from experiment('short_form', period := 'day')         as it was known on each day
--
-- The intervals are those of marts.fct_experiment_results, and docs/experiments.md explains them.
create or replace macro experiment(name, period := null) as table

with mistakes as (

    select case when mistake is not null then error('experiment: ' || mistake) else false end as is_mistaken

    from (
        select
            case
                when not exists (select 1 from marts.fct_experiment_results)
                    then 'there is none yet; write one into experiments.yml'
                when not exists (
                    select 1 from marts.fct_experiment_results as results
                    where results.experiment_name = name
                )
                    then coalesce('none is called ' || name, 'name is missing') || '; write one of: ' || (
                        select string_agg(distinct results.experiment_name, ', ' order by results.experiment_name)
                        from marts.fct_experiment_results as results
                    )
                when period <> 'day' then 'period is ''day'', or null for the last day alone'
            end as mistake
    ) as found

)

select
    results.result_date,
    results.metric_name,
    results.is_guardrail,
    results.metric_kind,
    results.currency,
    results.variant,
    results.is_control,
    results.persons,
    results.mature_persons,
    results.open_persons,
    results.total_value,
    results.mean_value,
    results.difference,
    results.always_low,
    results.always_high,
    results.final_date,
    results.final_difference,
    results.final_low,
    results.final_high,
    results.adjusted_persons,
    results.adjusted_difference,
    results.adjusted_low,
    results.adjusted_high,
    results.several_variants_persons,
    results.unplanned_persons,
    results.ratio_p_value,
    results.planned_persons,
    results.days_until_planned,
    results.result_state,
    results.verdict

from mistakes

left join marts.fct_experiment_results as results
    on results.experiment_name = name and (period is not null or results.is_latest)

-- A mistake is an error as soon as somebody looks at it.
where not mistakes.is_mistaken

order by result_date, is_guardrail, metric_name, is_control desc, variant;
