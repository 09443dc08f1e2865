#!/usr/bin/env bash
# A rate in MetricFlow is NULL and not 0 for a group in which the filter of its numerator finds nothing.
#
# The refund rate of a country is a ratio metric: refunded orders by orders, with a filter on the numerator.
# Guess: of two French orders none was refunded, so the rate of France is 0, as sum(refunded) / count(*) gives.
# Seen: metricflow 0.213.0 groups the filtered rows by themselves and joins them to the denominator's groups.
#   France has no row there, so its rate is NULL. `fill_nulls_with: 0` on a metric of the numerator gives 0.
# Why it matters: the best countries are missing in a chart, and an average of the rates, or an alert
#   for a conversion rate below 1%, leaves out exactly the groups where nothing happened.
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
    (1, date '2026-01-05', 'DE', true),
    (2, date '2026-01-25', 'DE', false),
    (3, date '2026-01-31', 'FR', false),
    (4, date '2026-02-01', 'FR', false)
) as orders (order_id, on_day, country, is_refunded)
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
      - {name: is_refunded, type: categorical}
    measures: [{name: orders, agg: sum, expr: "1", create_metric: true}]
metrics:
  - name: refund_rate
    label: refund rate
    type: ratio
    type_params:
      numerator: {name: orders, alias: refunded, filter: "{{ Dimension('order__is_refunded') }}"}
      denominator: orders
  - name: refunds
    label: refunds
    type: simple
    type_params: {measure: {name: orders, fill_nulls_with: 0}}
    filter: "{{ Dimension('order__is_refunded') }}"
  - name: refund_rate_filled
    label: refund rate, filled
    type: ratio
    type_params: {numerator: refunds, denominator: orders}
YML
cd "$folder"
export DBT_PROFILES_DIR="$folder"
venv/bin/dbt --quiet run
query() {
    venv/bin/mf query --quiet --csv rows.csv "$@" >log || { cat log; return 1; }
    sed 1d rows.csv | tr -d '\r' | sort | paste -sd' '
}
seen=$(query --metrics refund_rate --group-by order__country)
filled=$(query --metrics refund_rate_filled --group-by order__country)
echo "metricflow 0.213.0: one of two orders refunded in DE, none of two in FR"
echo "  guess:  DE,0.5 FR,0.0"
echo "  seen:   $seen"
echo "  filled: $filled"
[ "$seen" = "DE,0.5 FR," ]
[ "$filled" = "DE,0.5 FR,0.0" ]
echo "Matters: a rate of zero is shown as no rate."
