"""The report of a day, written by the first nightly run after the day is over."""

from __future__ import annotations

from contextlib import closing

import dagster as dg

from explorer.published import NoAnswer, Published
from explorer.report_days import due_day
from ingestion.settings import Settings, get_settings
from orchestration.assets import PUBLISHED
from orchestration.plain_failures import plainly
from transformation.current import UNCHANGED

REPORT = dg.AssetKey(["reports", "daily"])
#: So much of the machine that a report is written beside other work.
THREADS, MEMORY, SECONDS = 1, "1GB", 300.0


def report_asset(settings: Settings) -> dg.AssetsDefinition:
    """The report, downstream of the published file."""

    @dg.asset(
        key=REPORT,
        deps=[PUBLISHED],
        group_name="published",
        kinds={"html"},
        description=(
            "reports/<date>.html: the last week that is over, as one page that needs no server. "
            "Written once for each day, after it is over."
        ),
    )
    def daily_report() -> dg.MaterializeResult[None]:
        published = Published(settings.published, threads=THREADS, memory=MEMORY, seconds=SECONDS)
        with plainly(NoAnswer), closing(published):
            day = due_day(published, settings.home)
            if day is None:
                return dg.MaterializeResult(metadata={UNCHANGED: True})
            # Only a run that writes a report pays for the libraries that draw.
            from explorer.report import write_report

            path = write_report(published, settings.home, day, settings.reporting_time_zone)
        return dg.MaterializeResult(
            metadata={"path": dg.MetadataValue.path(str(path)), "day": str(day)}
        )

    return daily_report


daily_report = report_asset(get_settings())
