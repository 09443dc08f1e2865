"""The tables of schema `meta`, in which Footfall records its own work. Each is named once here.

The macros of macros/builds.sql create and read the same tables.
"""

from __future__ import annotations

from typing import Final

import duckdb

#: The loads that a whole build of a definition has worked in. A load that is not here is pending.
BUILDS: Final = "meta.builds"
#: A row here makes the next build a full refresh. The macro record_build deletes it once one has
#: succeeded. It is in the warehouse, so that no crash in between loses it.
FULL_REFRESH_DUE: Final = "meta.full_refresh_due"
#: The rows of marts that changed since the last publish: table_name, key_columns (joined by a
#: comma), key_text (their values, joined by the character that Unicode calls a unit separator).
CHANGED_ROWS: Final = "meta.changed_rows"
#: What the published file was made of. Each build drops it when it begins.
PUBLISHED_BUILD: Final = "meta.published_build"
#: What the checks of the last build and of its scores found. Each build empties it when it begins,
#: and the published file has a copy.
CHECK_OUTCOMES: Final = "meta.check_outcomes"
#: When people were erased. It explains to readers why published figures changed.
ERASURES: Final = "meta.erasures"
#: The conversion questions that the models were built for.
CONVERSION_QUESTIONS: Final = "meta.conversion_questions"
CONVERSION_AGES: Final = "meta.conversion_ages"
CONVERSION_EVENTS: Final = "meta.conversion_events"
CONVERSION_TABLES: Final = (CONVERSION_QUESTIONS, CONVERSION_AGES, CONVERSION_EVENTS)
#: The cohorts that the models were built for, and their conditions.
COHORTS: Final = "meta.cohorts"
COHORT_CONDITIONS: Final = "meta.cohort_conditions"
#: The experiments that the models were built for.
EXPERIMENT_PLANS: Final = "meta.experiment_plans"
EXPERIMENT_VARIANTS: Final = "meta.experiment_variants"
EXPERIMENT_METRICS: Final = "meta.experiment_metrics"
EXPERIMENT_EVENTS: Final = "meta.experiment_events"
EXPERIMENT_TABLES: Final = (
    *(EXPERIMENT_PLANS, EXPERIMENT_VARIANTS, EXPERIMENT_METRICS, EXPERIMENT_EVENTS),
)
#: All definitions that are files in YAML.
DEFINITION_TABLES: Final = (*CONVERSION_TABLES, COHORTS, COHORT_CONDITIONS, *EXPERIMENT_TABLES)
#: Every predicted probability. A rebuild does not predict it again.
CONVERSION_SCORES: Final = "meta.conversion_scores"
#: In the published file: its version, how new its data is, and the rows of each mart.
PUBLISHED: Final = "meta.published"
#: In a published file without people who were erased since: the sums that people had read before.
SUMS_WITHDRAWN: Final = "meta.sums_withdrawn"

#: Table → its columns, for tables that Python creates too. If dbt runs first, it creates the same.
COLUMNS: Final = {
    BUILDS: "load_number bigint, definition varchar, invocation_id varchar, built_at timestamp",
    CHANGED_ROWS: "table_name varchar, key_columns varchar, key_text varchar",
    FULL_REFRESH_DUE: "since timestamp",
    PUBLISHED_BUILD: "definition varchar, judges varchar, version varchar",
    CHECK_OUTCOMES: (
        "asset_key varchar, check_name varchar, passed boolean, severity varchar, "
        "description varchar, failing_rows bigint"
    ),
    ERASURES: "erased_at timestamp",
    CONVERSION_QUESTIONS: (
        "question_name varchar, description varchar, trial_days integer, horizon_days integer, "
        "is_repeat boolean, absence_days integer, age_unit varchar, actor varchar"
    ),
    CONVERSION_AGES: "question_name varchar, trial_day integer, age_seconds integer",
    CONVERSION_EVENTS: (
        "question_name varchar, event_role varchar, feature_name varchar, event_name varchar"
    ),
    COHORTS: "cohort_name varchar, description varchar, conditions varchar",
    COHORT_CONDITIONS: (
        "cohort_name varchar, cohort_condition_number integer, kind varchar, step varchar, "
        "at_least integer, at_most integer, within_days integer, first_day date, last_day date, "
        "clause_number integer, is_negated boolean"
    ),
    EXPERIMENT_PLANS: (
        "experiment_name varchar, description varchar, control_variant varchar, starts_on date, "
        "ends_on date, planned_persons bigint"
    ),
    EXPERIMENT_VARIANTS: "experiment_name varchar, variant varchar, planned_share double",
    EXPERIMENT_METRICS: (
        "experiment_name varchar, metric_name varchar, metric_kind varchar, currency varchar, "
        "window_days integer, is_guardrail boolean"
    ),
    EXPERIMENT_EVENTS: (
        "experiment_name varchar, metric_name varchar, event_name varchar, variant_property varchar"
    ),
    PUBLISHED: (
        "version varchar, published_at timestamp, data_through timestamp, table_name varchar, "
        "row_count bigint, whole_row_bytes double, whole_rows bigint, definition varchar"
    ),
    SUMS_WITHDRAWN: (
        "table_name varchar, figure varchar, slice varchar, figure_date date, value decimal(38, 8)"
    ),
}


def create(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Create a table of COLUMNS, and its schema, if it is missing."""
    connection.execute("create schema if not exists meta")
    connection.execute(f"create table if not exists {table} ({COLUMNS[table]})")
