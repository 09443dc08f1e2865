"""The published version as Parquet files, where a site wants them."""

from __future__ import annotations

import dagster as dg

from ingestion.settings import Settings, get_settings
from orchestration.assets import PUBLISHED
from orchestration.plain_failures import plainly
from orchestration.prepare import POOL
from publishing.parquet import export
from transformation.current import UNCHANGED
from warehouse.connection import writer_lock


def parquet_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """The export, downstream of the published file; none if no version is kept."""

    @dg.asset(
        key=dg.AssetKey(["published", "parquet"]),
        deps=[PUBLISHED],
        group_name="published",
        kinds={"parquet"},
        pool=POOL,
        description=(
            "published/parquet: a folder of Parquet files for each published version, with a "
            "manifest. FOOTFALL_PARQUET_VERSIONS says how many are kept."
        ),
    )
    def published_parquet() -> dg.MaterializeResult[None]:
        with plainly(), writer_lock(settings):
            exported = export(settings)
        if exported is None:
            return dg.MaterializeResult(metadata={UNCHANGED: True})
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(str(exported.folder)),
                "tables": exported.tables,
                "size_bytes": exported.size_bytes,
            }
        )

    return [published_parquet] if settings.parquet_versions else []


published_parquet = parquet_assets(get_settings())
