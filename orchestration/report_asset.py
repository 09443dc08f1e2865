"""The report of a day and its messages, by the first nightly run after the day is over."""

from __future__ import annotations

from contextlib import closing

import dagster as dg

from explorer.published import NoAnswer, Published
from explorer.report_days import Told, last_day_over, note_told, report_path, told
from ingestion.settings import Settings, get_settings
from orchestration.alerts.channels import send
from orchestration.alerts.figure_messages import messages
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
            "Written once for each day, after it is over. Then the watched figures that left their "
            "bounds, and on Mondays those of the week, go to the channels of FOOTFALL_ALERT_URLS."
        ),
    )
    def daily_report() -> dg.MaterializeResult[None]:
        published = Published(settings.published, threads=THREADS, memory=MEMORY, seconds=SECONDS)
        with plainly(NoAnswer), closing(published):
            day = last_day_over(published)
            before = told(settings.home)
            if day is None:
                return dg.MaterializeResult(metadata={UNCHANGED: True})
            path = report_path(settings.home, day)
            is_told = before is not None and before.day >= day
            if path.exists() and is_told:
                return dg.MaterializeResult(metadata={UNCHANGED: True})
            if not path.exists():
                # Only a run that writes a report pays for the libraries that draw.
                from explorer.report import write_report

                write_report(published, settings.home, day, settings.reporting_time_zone)
            if not is_told:
                found, is_open = messages(published, settings.home, day, before)
                for message in found:
                    send(settings, message)
                # After they were sent: a run that is killed here sends them once more.
                note_told(settings.home, Told(day, is_open))
        return dg.MaterializeResult(
            metadata={"path": dg.MetadataValue.path(str(path)), "day": str(day)}
        )

    return daily_report


daily_report = report_asset(get_settings())
