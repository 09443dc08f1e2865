#!/usr/bin/env bash
# A group is missing in MetricFlow's latest balances, and has a balance if you ask for it alone.
#
# `non_additive_dimension` with `window_choice: max` takes the balances of the last day instead of their sum.
# Guess: by country, each country has the balance of its last day. A filter for one country gives the same number.
# Seen: metricflow 0.213.0 looks for the last day in all rows that the filter leaves, not in each group.
#   If Germany has no row on the last day it is missing by country. With a filter for Germany, it has 20.
# Why it matters: one late export of a country removes all other countries from the chart, and the total has only that
#   one. A dashboard that filters and one that groups show two balances of one country.
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
cat >"$folder/models/balances.sql" <<'SQL'
select * from (values
    (1, date '2026-01-29', 'DE', 10),
    (2, date '2026-01-30', 'DE', 20),
    (3, date '2026-01-30', 'FR', 30),
    (4, date '2026-01-31', 'FR', 40)
) as balances (balance_id, on_day, country, members)
SQL
cat >"$folder/models/models.yml" <<'YML'
models:
  - name: days
    time_spine: {standard_granularity_column: on_day}
    columns: [{name: on_day, granularity: day}]
semantic_models:
  - name: balances
    model: ref('balances')
    defaults: {agg_time_dimension: on_day}
    entities: [{name: balance, type: primary, expr: balance_id}]
    dimensions:
      - {name: on_day, type: time, type_params: {time_granularity: day}}
      - {name: country, type: categorical}
    measures:
      - name: members
        agg: sum
        create_metric: true
        non_additive_dimension: {name: on_day, window_choice: max}
YML
cd "$folder"
export DBT_PROFILES_DIR="$folder"
venv/bin/dbt --quiet run
query() {
    venv/bin/mf query --quiet --csv rows.csv "$@" >log || { cat log; return 1; }
    sed 1d rows.csv | tr -d '\r' | sort | paste -sd' '
}
by_country=(--metrics members --group-by balance__country)
grouped=$(query "${by_country[@]}")
alone=$(query "${by_country[@]}" --where "{{ Dimension('balance__country') }} = 'DE'")
total=$(query --metrics members)
echo "metricflow 0.213.0: DE has 20 members on 30 January, FR 30; on 31 January only FR has a row, with 40"
echo "  guess:    DE,20 FR,40"
echo "  seen:     $grouped"
echo "  DE alone: $alone"
echo "  total:    $total"
[ "$grouped" = "FR,40" ]
[ "$alone" = "DE,20" ]
[ "$total" = 40 ]
echo "Matters: the groups depend on the row that arrived last in any of them."
