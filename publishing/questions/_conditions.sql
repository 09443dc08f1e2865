-- Macros that the others share: what an event has, and how conditions and parameters are read.

-- The text, number or boolean value of an event's property; null if it is missing, a list or an
-- object. cart.total is the property of that name if there is one, else total inside of cart.
create or replace macro property_text(properties, property) as case
    when json_type(
        properties, '/' || replace(replace(property, '~', '~0'), '/', '~1')
    ) is not null
        then case
            when json_type(
                properties, '/' || replace(replace(property, '~', '~0'), '/', '~1')
            ) not in ('OBJECT', 'ARRAY')
                then json_extract_string(
                    properties, '/' || replace(replace(property, '~', '~0'), '/', '~1')
                )
        end
    when json_type(
        properties,
        '/' || replace(replace(replace(property, '~', '~0'), '/', '~1'), '.', '/')
    ) not in ('OBJECT', 'ARRAY')
        then json_extract_string(
            properties,
            '/' || replace(replace(replace(property, '~', '~0'), '/', '~1'), '.', '/')
        )
end;

-- A number in one canonical form, exact at any length; a text that is not a number stays as it is.
create or replace macro comparable(value) as case
    when regexp_full_match(value, '{number}')
        then case
            when trim(regexp_extract(value, '^[-0-9.]+'), '-0.') = '' then '0'
            else case when value like '-%' then '-' else '' end
                || trim(replace(regexp_extract(value, '^-?([0-9.]+)', 1), '.', ''), '0')
                || 'e'
                || (
                    coalesce(
                        try_cast(replace(regexp_extract(value, '[eE](.+)$', 1), '+', '') as bigint), 0
                    )
                    - length(regexp_extract(value, '\.([0-9]+)', 1))
                    + length(replace(regexp_extract(value, '^-?([0-9.]+)', 1), '.', ''))
                    - length(rtrim(replace(regexp_extract(value, '^-?([0-9.]+)', 1), '.', ''), '0'))
                )
        end
    else value
end;

-- Whether a text equals the result of comparable for another text. For most texts it is not called.
create or replace macro is_same(found, wanted) as case
    when try_cast(wanted as double) is null then found = wanted
    when try_cast(found as double) <> try_cast(wanted as double) then false
    else comparable(found) = wanted
end;

-- A text that sorts like the number in a value, exact at any length; null if it is not a number. same is
-- comparable(value).
create or replace macro number_rank(value, same) as case
    when not regexp_full_match(value, '{number}') then null
    when same = '0' then '1'
    when value like '-%'
        then '0'
            || lpad(
                cast(
                    50000000000
                    - length(regexp_extract(same, '^-?([0-9]+)', 1))
                    - cast(regexp_extract(same, 'e(.+)$', 1) as bigint) as varchar
                ),
                12, '0'
            )
            || translate(
                regexp_extract(same, '^-?([0-9]+)', 1), '0123456789', '9876543210'
            )
            || '~'
    else '2'
        || lpad(
            cast(
                50000000000
                + length(regexp_extract(same, '^-?([0-9]+)', 1))
                + cast(regexp_extract(same, 'e(.+)$', 1) as bigint) as varchar
            ),
            12, '0'
        )
        || regexp_extract(same, '^-?([0-9]+)', 1)
end;

-- The rank of a value that a condition compares by order; null for other conditions.
create or replace macro order_rank(comparison, value, same) as case
    when comparison in ('>', '>=', '<', '<=') then number_rank(value, same)
end;

-- Whether a value of an event meets a condition of steps_read. same is comparable(wanted), and the
-- ranks are order_rank of both: numbers compare as numbers, all others as texts. A missing value
-- meets only !=, which is the opposite of =.
create or replace macro meets(found, comparison, wanted, same, found_rank, wanted_rank) as case
    when comparison is null then true
    when comparison = 'exists' then found is not null
    when comparison not in ('<', '>') and is_same(found, same) then comparison <> '!='
    when comparison = '!=' then true
    when comparison in ('>', '>=')
        then coalesce(wanted_rank < found_rank, wanted < found, false)
    when comparison in ('<', '<=')
        then coalesce(found_rank < wanted_rank, found < wanted, false)
    else false
end;

-- The value of an event under a name. For a page view, path, url and referrer are those of the page,
-- wherever its SDK put them. For other events they are page_path, page_url and referrer. context.…
-- reads the event's context, unless a property has that name.
create or replace macro event_text(
    event_type, page_path, page_url, referrer, properties, context, property
) as coalesce(
    case when event_type in ('page', 'screen')
        then case property when 'path' then page_path when 'url' then page_url end
    end,
    case when event_type in ('page', 'screen') and property = 'referrer' then referrer end,
    property_text(properties, property),
    case property
        when 'page_path' then page_path when 'page_url' then page_url when 'referrer' then referrer
    end,
    case when property like 'context.%' then property_text(context, substr(property, 9)) end
);

-- A parameter as a day, a whole number or an interval; null if it is another, such as within := 7.
-- DuckDB reads the text 2026-11-1x as the first of November.
create or replace macro as_day(value) as case
    when regexp_full_match(cast(value as varchar), '\d{4,6}-\d\d-\d\d([ T]\d\d:\d\d.*)?')
        then try_cast(left(cast(value as varchar), 10) as date)
end;
-- A parameter as a time in UTC. DuckDB 2 reads 10:00:00 PM as 10 in the morning.
create or replace macro as_moment(value) as case
    when regexp_full_match(cast(value as varchar), '[0-9T:.+ -]*[0-9]Z?')
        then try_cast(cast(value as varchar) as timestamp)
end;
create or replace macro as_number(value) as try_cast(cast(value as varchar) as bigint);
create or replace macro as_interval(value) as case
    when regexp_matches(cast(value as varchar), '[a-z:]')
        then try_cast(cast(value as varchar) as interval)
end;

-- Numbers that are written as a list, and whether one of them is that of a step.
create or replace macro numbers_of(list) as try_cast(cast(list as varchar) as bigint[]);
create or replace macro is_optional(optional, step_number) as
coalesce(list_contains(numbers_of(optional), step_number), false);

-- The time of a place, which is in its upper part.
create or replace macro moment_of(place) as make_timestamp(cast(place >> 64 as bigint));

-- The days that a question is limited to, and what is wrong with them; null if nothing is.
create or replace macro is_asked(day, since, until) as
(since is null or day >= as_day(since)) and (until is null or day <= as_day(until));
create or replace macro mistake_of_days(since, until) as case
    when
        (since is not null and as_day(since) is null)
        or (until is not null and as_day(until) is null)
        then 'since and until are days; write since := date ''2026-03-01'''
end;

-- The start of the period that a local time is in, and the length of a period; null for no period.
create or replace macro period_of(period, local_time) as cast(
    case cast(period as varchar)
        when 'hour' then date_trunc('hour', local_time)
        when 'day' then date_trunc('day', local_time)
        when 'week' then date_trunc('week', local_time)
        when 'month' then date_trunc('month', local_time)
    end as timestamp
);
create or replace macro period_length(period) as case cast(period as varchar)
    when 'hour' then interval 1 hour
    when 'day' then interval 1 day
    when 'week' then interval 7 day
    when 'month' then interval 1 month
end;

-- The cohort of a day: the day itself, or the first day of its week or month. A period of retention is
-- so many days, a calendar week or a calendar month.
create or replace macro cohort_of(period, day) as case cast(period as varchar)
    when 'week' then cast(date_trunc('week', day) as date)
    when 'month' then cast(date_trunc('month', day) as date)
    else day
end;
create or replace macro periods_between(period, period_days, first_day, day) as case
    when period = 'month'
        then (year(day) - year(first_day)) * 12 + month(day) - month(first_day)
    else (day - first_day) // case when period = 'week' then 7 else period_days end
end;
-- With brackets, days are counted, and each belongs to a bracket. Those after the last one are one more.
create or replace macro days_of(brackets, period_days) as
case when brackets is null then nullif(as_number(period_days), 0) else 1 end;
create or replace macro bracket_of(brackets, numbers_by_day, period_number) as case
    when brackets is null then period_number
    else coalesce(numbers_by_day[period_number + 1], len(numbers_of(brackets)) + 1)
end;
create or replace macro date_after(period, period_days, first_day, periods) as cast(
    case
        when cast(period as varchar) = 'month' then first_day + to_months(cast(periods as integer))
        else first_day
            + cast(
                periods * case when cast(period as varchar) = 'week' then 7 else period_days end
                as integer
            )
    end as date
);

-- The number that a text is; null if it is none, or larger than a computer's numbers.
create or replace macro number_of(value) as case
    when regexp_full_match(value, '{number}') and isfinite(try_cast(value as double))
        then try_cast(value as double)
end;

-- The parts of a condition as it is written. Each value of a list is read by itself.
create or replace macro condition_path(condition) as coalesce(
    nullif(
        regexp_extract(condition, '(?s)^{condition}$', 2)
        || regexp_extract(condition, '(?s)^{condition}$', 8),
        ''
    ),
    replace(
        regexp_extract(condition, '(?s)^{condition}$', 1)
        || regexp_extract(condition, '(?s)^{condition}$', 7),
        '""', '"'
    )
);
create or replace macro condition_comparison(condition) as case
    when regexp_extract(condition, '(?s)^{condition}$', 6) <> '' then 'in'
    else coalesce(nullif(regexp_extract(condition, '(?s)^{condition}$', 3), ''), 'exists')
end;
create or replace macro condition_values(condition) as case
    when condition_comparison(condition) <> 'in' then [condition]
    else regexp_extract_all(
        regexp_extract(condition, '(?s)^{condition}$', 6), '(?s){each_listed}', 1
    )
end;
create or replace macro condition_value(comparison, written) as case comparison
    when 'exists' then null
    when 'in' then coalesce(
        nullif(regexp_extract(written, '(?s)^{listed}$', 2), ''),
        replace(regexp_extract(written, '(?s)^{listed}$', 1), '""', '"')
    )
    else coalesce(
        nullif(regexp_extract(written, '(?s)^{condition}$', 5), ''),
        replace(regexp_extract(written, '(?s)^{condition}$', 4), '""', '"')
    )
end;
