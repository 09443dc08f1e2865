{#
    The statistics of experiments, for intervals of 95 %. docs/decisions/0042 says where each formula
    is from, and tests/experiments/test_statistics.py compares them with scipy and tea-tasting.
#}

{# The normal deviate that 2.5 % lie beyond. #}
{% macro normal_deviate() -%} 1.959963984540054e0 {%- endmacro %}

{# Fewer persons in a variant give no interval: below it, the formulas are not good enough. #}
{% macro least_persons() -%} 30 {%- endmacro %}

{#
    Student's t that 2.5 % lie beyond, by the expansion of Abramowitz and Stegun 26.7.5. From 29
    degrees of freedom on it is exact to seven digits.
#}
{% macro student_deviate(degrees) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set terms = [
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    ] -%}
    ({{ z }}e0
    {%- for term in terms %} + {{ '%.15fe0' | format(term) }} / power({{ degrees }}, {{ loop.index }}){% endfor -%}
    )
{%- endmacro %}

{# The bounds of Wilson's interval of a rate of n persons, as wilson_interval() has them. #}
{% macro wilson_low(rate, n) -%}
    case
        when {{ rate }} = 0 then 0e0
        else greatest(0e0, {{ wilson_center(rate, n) }} - {{ wilson_half(rate, n) }})
    end
{%- endmacro %}

{% macro wilson_high(rate, n) -%}
    case
        when {{ rate }} = 1 then 1e0
        else least(1e0, {{ wilson_center(rate, n) }} + {{ wilson_half(rate, n) }})
    end
{%- endmacro %}

{% macro wilson_center(rate, n) -%}
    (({{ rate }} + power({{ normal_deviate() }}, 2) / (2 * nullif({{ n }}, 0))) / (1 + power({{ normal_deviate() }}, 2) / nullif({{ n }}, 0)))
{%- endmacro %}

{% macro wilson_half(rate, n) -%}
    (
        {{ normal_deviate() }}
        * sqrt({{ rate }} * (1 - {{ rate }}) / nullif({{ n }}, 0) + power({{ normal_deviate() }} / (2 * nullif({{ n }}, 0)), 2))
        / (1 + power({{ normal_deviate() }}, 2) / nullif({{ n }}, 0))
    )
{%- endmacro %}

{# Half of Welch's interval of a difference, from the squared standard errors of two means. #}
{% macro welch_half(error, n, other_error, other_n) -%}
    {%- set degrees -%}
        (
            power({{ error }} + {{ other_error }}, 2)
            / nullif(power({{ error }}, 2) / nullif({{ n }} - 1, 0) + power({{ other_error }}, 2) / nullif({{ other_n }} - 1, 0), 0)
        )
    {%- endset -%}
    sqrt({{ error }} + {{ other_error }}) * {{ student_deviate(degrees) }}
{%- endmacro %}

{# The covariance of a sample from sums over its n persons; the variance, if both are the same. #}
{% macro sample_covariance(products, one, other, n) -%}
    (({{ products }} - ({{ one }}) * ({{ other }}) / nullif({{ n }}, 0)) / nullif({{ n }} - 1, 0))
{%- endmacro %}

{#
    How many standard errors an interval reaches that holds on all days together, for n persons so
    far: the asymptotic confidence sequence of Waudby-Smith and others, narrowest at `planned`.
#}
{% macro always_valid_deviate(n, planned) -%}
    {%- set log_alpha = 2.995732273553991 -%}
    {%- set tuning = '(%.15fe0 / nullif(%s, 0))' | format(2 * log_alpha + 1.9446900546295833, planned) -%}
    sqrt(
        2 * ({{ n }} * {{ tuning }} + 1) / nullif({{ n }} * {{ tuning }}, 0)
        * (ln(sqrt({{ n }} * {{ tuning }} + 1)) + {{ log_alpha }}e0)
    )
{%- endmacro %}

{# A chance below this says that persons were not assigned as planned. It is low because one looks daily. #}
{% macro ratio_alpha() -%} 1e-3 {%- endmacro %}

{# What the state of an experiment means, and whom it leaves out, in sentences. #}
{% macro experiment_verdict(day) -%}
    case {{ day }}.result_state
        when 'nobody_exposed'
            then 'Nobody was exposed since ' || cast({{ day }}.starts_on as string)
                || ': look whether the event of the exposure is sent, with this key.'
        when 'ratio_off'
            then 'The variants do not have the planned shares of persons. Find out why before you read the differences.'
        when 'final'
            then 'The planned size was reached on ' || cast({{ day }}.final_date as string)
                || '. The final interval holds.'
        when 'too_few'
            then 'It ended with fewer persons than planned. Only the always-valid interval holds.'
        else 'The planned size is not reached. Until then only the always-valid interval holds.'
    end
    || case
        when {{ day }}.mature_persons > 0 and {{ day }}.total_value = 0
            then ' Nobody has done it in the window: look whether the event of the metric is sent.'
        else ''
    end
    || case
        when {{ day }}.several_variants_persons > 0
            then ' Persons who saw several variants, and are in no result: '
                || cast({{ day }}.several_variants_persons as string) || '.'
        else ''
    end
    || case
        when {{ day }}.unplanned_persons > 0
            then ' Persons who saw only variants that experiments.yml does not have: '
                || cast({{ day }}.unplanned_persons as string) || '.'
        else ''
    end
{%- endmacro %}
