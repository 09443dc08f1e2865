"""The assets: raw by dlt, the models by dbt, and the file that people read."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    dbt_assets,
)
from dagster_dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets
from dagster_dlt.translator import DltResourceTranslatorData
from pydantic import Field

from enrichment.enrich import enrich
from ingestion.collector.sealing_requests import seal_now
from ingestion.loading.pipeline import LoadReport, load, make_pipeline
from ingestion.loading.source import PendingLoad, landing_source
from ingestion.settings import Settings, get_settings
from orchestration.audit import advice, as_before, audited, tells_all
from orchestration.checks.check_result import markdown_table
from orchestration.conversion_assets import conversion_assets
from orchestration.definition_files import definition_rows, names_seen, refuse_mistakes
from orchestration.plain_failures import plainly
from orchestration.prepare import POOL
from orchestration.raw_metadata import COLUMN_SCHEMA, ROW_COUNT, raw_tables
from orchestration.received_days import RECEIVED_DAYS, days_of_load
from publishing.publish import publish
from publishing.publish_charts import highlights
from transformation.current import UNCHANGED, is_current, outcomes_kept
from transformation.manifest import read_manifest
from warehouse.connection import connect, writer_lock
from warehouse.definition_tables import keep
from warehouse.pending_loads import is_full_refresh_due

#: The asset of the segments in the landing, before they are loaded.
LANDING = dg.AssetKey(["landing", "segments"])
LOADS_PENDING = dg.AssetKey(["staging", "stg_footfall__loads_pending"])
PUBLISHED = dg.AssetKey(["published", "footfall"])

_settings = get_settings()
#: Two megabytes of JSON, parsed once for raw and the models.
_manifest = read_manifest(_settings)
_raw_tables = raw_tables(_manifest)
_freshness = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=_settings.freshness_hours))

landing_segments = dg.AssetSpec(
    LANDING,
    group_name="landing",
    kinds={"json"},
    description="Sealed segments that the collector, or a bulk import, put into the landing.",
)


class RawTranslator(DagsterDltTranslator):
    """A dlt resource is the asset raw/<table>, downstream of the landing."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """The resource under the name that dbt and DuckDB give its table."""
        table = data.resource.name
        return (
            super()
            .get_asset_spec(data)
            .replace_attributes(
                key=dg.AssetKey(["raw", table]),
                deps=[LANDING],
                group_name="raw",
                description=_raw_tables[table].description,
                kinds={"dlt", "duckdb"},
                freshness_policy=_freshness,
            )
        )


@dlt_assets(
    dlt_source=landing_source(PendingLoad(_settings)),
    dlt_pipeline=make_pipeline(_settings),
    name="load",
    dagster_dlt_translator=RawTranslator(),
    pool=POOL,
)
def raw_assets(context: dg.AssetExecutionContext, dlt: DagsterDltResource) -> Iterator[Any]:
    """Load the landed files that no completed load holds.

    Collectors of this home seal first: what was acknowledged before the run is in its tables.
    """
    results: list[Any] = []
    if not seal_now(_settings):
        context.log.warning("events wait in %s for a later run", _settings.open_segments)
    with plainly(), writer_lock(_settings):
        report = load(
            _settings,
            lambda pipeline, source: results.extend(
                dlt.run(context=context, dlt_source=source, dlt_pipeline=pipeline)
            ),
        )
        for day in days_of_load(_settings, report.load_number):
            context.log_event(day)
    for result in results:
        table = result.asset_key.path[-1]
        schema = result.metadata[COLUMN_SCHEMA]
        metadata = {**result.metadata, COLUMN_SCHEMA: _raw_tables[table].described(schema)}
        if table == "events":
            metadata |= _load_metadata(report)
        yield result._replace(metadata=metadata)


def _load_metadata(report: LoadReport) -> dict[str, Any]:
    return {
        "files": report.files,
        ROW_COUNT: report.events,
        "events": report.events,
        "refused": report.refused,
        "bad_lines": report.bad_lines,
        "erased": report.erased,
        "orphans_swept": report.orphans_swept,
        "changed_files": report.changed_files,
        "data_through": str(report.data_through),
    }


class ModelTranslator(DagsterDbtTranslator):
    """A model is the asset <schema>/<table>, in the group of its folder."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """The key that dlt and DuckDB use too; the load records are part of the files' asset."""
        if dbt_resource_props["name"] == "_dlt_loads":
            return dg.AssetKey(["raw", "files"])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The schema, which is the folder."""
        return str(dbt_resource_props["schema"])

    def get_asset_spec(self, manifest: Any, unique_id: str, project: Any) -> dg.AssetSpec:
        """Only marts have a freshness policy; the models upstream of them have none."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        # The build itself writes these before it begins: as assets nobody could materialize them.
        deps = [dep for dep in spec.deps if dep.asset_key.path[0] not in ("meta", "enrichment")]
        spec = spec.replace_attributes(deps=deps)
        if spec.key == LOADS_PENDING:
            # Days that are to be processed again must be pending before anything is built.
            return spec.merge_attributes(deps=[RECEIVED_DAYS])
        if spec.key.path[0] == "marts":
            return spec.replace_attributes(freshness_policy=_freshness)
        return spec

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Any, unique_id: str, project: Any
    ) -> dg.AssetCheckSpec | None:
        """Describe a test, in the UI and in alerts: what it flags and what to do."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec and spec._replace(description=advice(manifest["nodes"][unique_id]))


class BuildConfig(dg.Config):
    """How the models are built."""

    full_refresh: bool = Field(False, description="Build everything anew from the raw rows.")


_translator = ModelTranslator(
    settings=DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True)
)


@dbt_assets(
    manifest=_manifest,
    dagster_dbt_translator=_translator,
    name="build",
    pool=POOL,
)
def model_assets(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, config: BuildConfig
) -> Iterator[Any]:
    """Build and test the models; if a test fails, nothing is published.

    Definitions that make no sense fail before anything is built, each with its line. Where nothing
    has changed, nothing is built.
    """
    is_whole = context.selected_asset_keys == context.assets_def.keys
    with plainly(), writer_lock(_settings):
        refuse_mistakes(_settings, lambda: names_seen(_settings))
        with connect(_settings) as connection:
            keep(connection, definition_rows(_settings))
            enrich(connection)
            is_due = is_full_refresh_due(connection)
            found = outcomes_kept(_settings, connection) if is_whole else None
        is_told = found is not None and tells_all(context.selected_asset_check_keys, found)
        if found is not None and is_told and not config.full_refresh:
            yield from as_before(context, found)
            return
        if _settings.engine == "spark":
            # Its libraries are an extra of the package.
            from orchestration.cluster_build import built_on_cluster

            yield from built_on_cluster(
                dbt,
                context,
                _settings,
                _manifest,
                _translator,
                is_full_refresh=config.full_refresh or is_due,
                is_raw_rewritten=is_due,
            )
            return
        yield from audited(
            dbt,
            context,
            _settings,
            _manifest,
            _translator,
            is_whole=is_whole,
            is_full_refresh=config.full_refresh or is_due,
        )


def publish_asset(settings: Settings, marts: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """The published file, downstream of every mart."""

    @dg.asset(
        key=PUBLISHED,
        deps=marts,
        group_name="published",
        kinds={"duckdb"},
        freshness_policy=_freshness,
        pool=POOL,
        description=(
            "The DuckDB file that BI tools read: marts and meta, swapped in whole after every "
            "check has passed."
        ),
    )
    def published_footfall(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        with plainly(), writer_lock(settings):
            with connect(settings) as connection:
                if is_current(settings, connection):
                    return dg.MaterializeResult(metadata={UNCHANGED: True})
            report = publish(settings, run_id=context.run_id)
        for macro, tables in report.macros_left_out.items():
            context.log.warning("macro %s is left out: there is no %s", macro, ", ".join(tables))
        for table, rows in report.rows.items():
            if (key := dg.AssetKey(["marts", table])) in marts:
                context.log_event(dg.AssetObservation(key, metadata={ROW_COUNT: rows}))
        charts = highlights(settings)
        return dg.MaterializeResult(
            metadata={
                **{name: dg.MetadataValue.md(chart) for name, chart in charts.items()},
                "path": dg.MetadataValue.path(str(settings.published)),
                "version": report.version,
                "data_through": str(report.data_through),
                "restated_figures": report.restated,
                "size_bytes": report.size_bytes,
                ROW_COUNT: sum(report.rows.values()),
                "rows": markdown_table(
                    ["table", "rows", "written this time"],
                    [
                        (name, f"{rows:,}", f"{report.written[name]:,}")
                        for name, rows in report.rows.items()
                    ],
                ),
            }
        )

    return published_footfall


mart_keys = sorted(
    key
    for assets in (model_assets, conversion_assets)
    for key in assets.keys
    if key.path[0] == "marts"
)
published_footfall = publish_asset(_settings, mart_keys)
