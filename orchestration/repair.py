"""Jobs that repair and prove, for the UI's launchpad and `python -m orchestration run`."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
from pydantic import Field

from conversion.marts import MARTS
from ingestion.loading.reloading import NothingToReload, forget_files
from ingestion.quarantine.mending import MendUnusable, renaming
from ingestion.quarantine.replaying import replay
from ingestion.quarantine.rows import Selection
from ingestion.settings import get_settings
from orchestration.checks.check_result import markdown_table
from orchestration.plain_failures import plainly
from orchestration.prepare import POOL
from orchestration.runs.sweeping import Retention, sweep
from transformation.exactness import KEPT_IN, CannotVerify, verify
from warehouse.connection import writer_lock


class ReplayConfig(dg.Config):
    """Which refused events are validated again, and how they are fixed first."""

    source: str | None = Field(None, description="Only of this source.")
    reason: str | None = Field(None, description="Only refused for this reason.")
    day: str | None = Field(None, description="Only received on this day, YYYY-MM-DD, in UTC.")
    rename: list[str] = Field(
        default_factory=list, description="old=new: give a key a new name; dots go inside."
    )
    dry_run: bool = Field(True, description="Say what would land, write nothing.")


@dg.op(name="replay_quarantine_op")
def replay_quarantine(context: dg.OpExecutionContext, config: ReplayConfig) -> None:
    """Validate refused events again; those that pass land, and the next load takes them."""
    with plainly(ValueError, MendUnusable, OSError):
        day = date.fromisoformat(config.day) if config.day else None
        report = replay(
            get_settings(),
            Selection(config.source, config.reason, day, None),
            mend=renaming(config.rename) if config.rename else None,
            dry_run=config.dry_run,
        )
    rows = [
        (source, reason, verdict, f"{count:,}")
        for (source, reason, verdict), count in sorted(report.counts.items())
    ]
    context.add_output_metadata(
        {
            "dry_run": config.dry_run,
            "accepted": report.accepted(),
            "segments": report.segments,
            "unreadable_lines": report.unreadable_lines,
            "verdicts": markdown_table(["source", "refused for", "now", "events"], rows),
        }
    )


class ReloadConfig(dg.Config):
    """Which files are loaded again: by name, or all of a range of names."""

    files: list[str] = Field(default_factory=list, description="Names, as raw.files has them.")
    first: str = Field("", description="Or the first name of a range …")
    last: str = Field("", description="… and its last, both included.")


@dg.op(pool=POOL, name="reload_files_op")
def reload_files(context: dg.OpExecutionContext, config: ReloadConfig) -> None:
    """Forget what raw holds of some files; the next nightly loads them and rebuilds everything."""
    settings = get_settings()
    with plainly(NothingToReload), writer_lock(settings):
        forgotten = forget_files(settings, config.files, config.first, config.last)
    context.add_output_metadata(
        {
            "files": len(forgotten.files),
            "rows_forgotten": forgotten.rows,
            "next": "Run nightly: it loads these files again and rebuilds the models in full.",
        }
    )


@dg.op(pool=POOL, name="verify_exactness_op")
def verify_exactness(context: dg.OpExecutionContext) -> None:
    """Rebuild beside the warehouse from the same raw rows and compare every mart, row by row."""
    settings = get_settings()
    with plainly(CannotVerify), writer_lock(settings):
        comparisons = verify(settings, MARTS)
    differing = [each for each in comparisons if not each.is_equal]
    metadata: dict[str, dg.MetadataValue[Any]] = {
        "marts": dg.MetadataValue.int(len(comparisons)),
        "comparison": markdown_table(
            ["mart", "rows", "not in the rebuild", "only in the rebuild"],
            [
                (each.mart, f"{each.rows:,}", f"{each.unexpected:,}", f"{each.missing:,}")
                for each in comparisons
            ],
        ),
    }
    if differing:
        names = ", ".join(each.mart for each in differing)
        raise dg.Failure(
            f"{names}: not what a full rebuild gives. The rows stand in {KEPT_IN}.<mart>_differs; "
            "run full_refresh to mend them, and report how it came about.",
            metadata,
            allow_retries=False,
        )
    context.add_output_metadata(metadata)


class SweepConfig(dg.Config):
    """What is kept for how long; without a number it is kept for ever."""

    landing_days: int | None = Field(None, ge=1, description="Days that loaded segments are kept.")
    quarantine_days: int | None = Field(None, ge=1, description="Days that quarantine is kept.")
    run_days: int | None = Field(None, ge=1, description="Days that runs of Dagster are kept.")
    dry_run: bool = Field(True, description="Say what would go, delete nothing.")


@dg.op(pool=POOL)
def sweep_op(context: dg.OpExecutionContext, config: SweepConfig) -> None:
    """Delete what runs left behind, and landed files and runs past their retention."""
    settings = get_settings()
    with plainly(), writer_lock(settings):
        swept = sweep(
            settings,
            Retention(config.landing_days, config.quarantine_days, config.run_days),
            datetime.now(UTC),
            dry_run=config.dry_run,
            instance=context.instance,
        )
    rows = [
        (place, f"{count:,}", f"{swept.sizes[place]:,}") for place, count in swept.counts.items()
    ]
    context.add_output_metadata(
        {
            "dry_run": config.dry_run,
            "bytes": sum(swept.sizes.values()),
            "swept": markdown_table(["what", "how many", "bytes"], rows),
        }
    )
