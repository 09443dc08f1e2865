"""The checks on the data itself, as Dagster runs them: with the nightly job, and each hour."""

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import dagster as dg
import duckdb

from ingestion.settings import Settings, get_settings
from orchestration.checks.arrival_checks import (
    every_line_is_readable,
    every_segment_is_sealed,
    geo_database_is_usable,
    no_segment_waits_too_long,
    raw_events_are_fresh,
)
from orchestration.checks.check_result import Finding
from orchestration.checks.published_checks import every_erasure_is_finished, published_is_current
from orchestration.checks.volume_checks import as_many_events_as_usual, quarantine_does_not_grow
from orchestration.prepare import POOL
from warehouse.connection import WarehouseBusy, connect, writer_lock

Claim = Callable[[duckdb.DuckDBPyConnection, Settings, datetime], Finding]

_settings = get_settings()


def _spec(asset: str, claim: Callable[..., Finding]) -> dg.AssetCheckSpec:
    """A check has the name of its function, and the three lines of its docstring."""
    return dg.AssetCheckSpec(
        claim.__name__, asset=dg.AssetKey(asset.split("/")), description=described(claim)
    )


def described(claim: Callable[..., Finding]) -> str:
    """The three lines of a check: what it flags, why it matters and what to do."""
    lines = (inspect.getdoc(claim) or "").replace("\n\n", "\n").splitlines()
    sentences: list[str] = []
    for line in lines:
        if line.startswith(("Flags: ", "Matters: ", "Do: ")):
            sentences.append(line)
        else:
            sentences[-1] += f" {line}"
    return "\n".join(sentences)


def _result(spec: dg.AssetCheckSpec, finding: Finding) -> dg.AssetCheckResult:
    # WARN: late or missing data is no reason to stop publishing the data we have.
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=finding.seen,
        metadata=dict(finding.metadata),
    )


def check_data(
    settings: Settings, specs: list[tuple[dg.AssetCheckSpec, Claim]], now: datetime
) -> Iterator[dg.AssetCheckResult]:
    """Run the checks on the warehouse as it is; raises WarehouseBusy while somebody writes."""
    with writer_lock(settings, wait_seconds=0):
        # Before the first load there is no file, and an empty warehouse gives the same results.
        exists = settings.warehouse.exists()
        with (
            connect(settings, read_only=True, wait_seconds=0)
            if exists
            else duckdb.connect() as connection
        ):
            for spec, claim in specs:
                try:
                    finding = claim(connection, settings, now)
                except duckdb.CatalogException:
                    finding = Finding(False, "nothing has been loaded yet: run the job `nightly`")
                yield _result(spec, finding)


def _checks(name: str, claims: list[tuple[str, Claim]]) -> dg.AssetChecksDefinition:
    specs = {claim.__name__: (_spec(asset, claim), claim) for asset, claim in claims}

    # can_subset: what it does not yield is skipped, not failed.
    @dg.multi_asset_check(
        name=name, specs=[spec for spec, _ in specs.values()], can_subset=True, pool=POOL
    )
    def run(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        names = {key.name for key in context.selected_asset_check_keys}
        chosen = [pair for each, pair in specs.items() if each in names]
        try:
            yield from check_data(_settings, chosen, datetime.now(UTC))
        except WarehouseBusy as busy:
            context.log.warning("skipped: %s", busy)

    return run


check_arrivals = _checks(
    "check_arrivals",
    [
        ("raw/events", raw_events_are_fresh),
        ("raw/events", no_segment_waits_too_long),
        ("raw/events", every_segment_is_sealed),
        ("raw/events", geo_database_is_usable),
        ("raw/events", as_many_events_as_usual),
        ("raw/refused", quarantine_does_not_grow),
        ("raw/bad_lines", every_line_is_readable),
    ],
)
check_answers = _checks(
    "check_answers",
    [
        ("published/footfall", published_is_current),
        ("published/footfall", every_erasure_is_finished),
    ],
)

CHECKS = [check_arrivals, check_answers]
