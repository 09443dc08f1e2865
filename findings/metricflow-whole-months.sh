#!/usr/bin/env bash
# MetricFlow moves the start and the end of a query to whole months if the result is grouped by month.
#
# `mf query --help` calls both limits inclusive.
# Guess: orders from 10 to 20 January are the same orders, in one number or as the row of January.
# Seen: metricflow 0.213.0 counts 1 order without a group or by country. With `--group-by metric_time__month`
#   it counts all 3 of January, without a warning. The same limits in `--where` give 1.
# Why it matters: a report by month up to yesterday also counts what arrived today. A comparison of the first
#   ten days of two months compares whole months, and the rows of a report do not add up to its total.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'dbt-metricflow==0.15.0' 'metricflow==0.213.0' 'dbt-core==1.11.16' 'dbt-duckdb==1.11.1' 'duckdb==1.5.6'
mkdir "$folder/models"
cat >"$folder/dbt_project.yml" <<'YML'
name: example
version: 1.0.0
profile: example
flags: {send_anonymous_usage_stats: false}
YML
cat >"$folder/profiles.yml" <<'YML'
example: {target: dev, outputs: {dev: {type: duckdb, path: example.duckdb}}}
YML
cat >"$folder/models/days.sql" <<'SQL'
select unnest(generate_series(date '2026-01-01', date '2026-03-31', interval 1 day))::date as on_day
SQL
cat >"$folder/models/orders.sql" <<'SQL'
select * from (values
    (1, date '2026-01-05', 'DE'),
    (2, date '2026-01-15', 'DE'),
    (3, date '2026-01-25', 'DE'),
    (4, date '2026-02-01', 'DE')
) as orders (order_id, on_day, country)
SQL
cat >"$folder/models/models.yml" <<'YML'
models:
  - name: days
    time_spine: {standard_granularity_column: on_day}
    columns: [{name: on_day, granularity: day}]
semantic_models:
  - name: orders
    model: ref('orders')
    defaults: {agg_time_dimension: on_day}
    entities: [{name: order, type: primary, expr: order_id}]
    dimensions:
      - {name: on_day, type: time, type_params: {time_granularity: day}}
      - {name: country, type: categorical}
    measures: [{name: orders, agg: sum, expr: "1", create_metric: true}]
YML
cd "$folder"
export DBT_PROFILES_DIR="$folder"
venv/bin/dbt --quiet run
query() {
    venv/bin/mf query --quiet --csv rows.csv "$@" >log || { cat log; return 1; }
    sed 1d rows.csv | tr -d '\r' | sort | paste -sd' '
}
limits=(--start-time 2026-01-10 --end-time 2026-01-20)
total=$(query --metrics orders "${limits[@]}")
by_country=$(query --metrics orders --group-by order__country "${limits[@]}")
by_month=$(query --metrics orders --group-by metric_time__month "${limits[@]}")
day="{{ TimeDimension('metric_time', 'day') }}"
where=$(query --metrics orders --group-by metric_time__month --where "$day between '2026-01-10' and '2026-01-20'")
echo "metricflow 0.213.0: orders from 10 to 20 January, of 3 in that month"
echo "  guess:      1, DE,1 and 2026-01-01 00:00:00,1"
echo "  total:      $total"
echo "  by country: $by_country"
echo "  by month:   $by_month"
echo "  by --where: $where"
[ "$total" = 1 ] && [ "$by_country" = "DE,1" ]
[ "$by_month" = "2026-01-01 00:00:00,3" ]
[ "$where" = "2026-01-01 00:00:00,1" ]
echo "Matters: the group by month decides which orders are counted."
