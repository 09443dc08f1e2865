"""The sensors that send one alert for each failed run, failed check and late asset."""

from collections.abc import Mapping
from itertools import groupby

import dagster as dg

from ingestion.settings import Settings, get_settings
from orchestration.alerts.alert_state import Change, Cursor, changes_since, utc
from orchestration.alerts.channels import Alert, one_message, send
from orchestration.dagster_internals import will_be_retried
from orchestration.plain_failures import MENDED_BY_PEOPLE

#: A failed run is reported at the next tick, a bad check within this time.
LOOK_SECONDS = 30
#: Most assets named in one alert. A nightly run that never began makes all of them late.
SHOWN = 20
#: For any other error an alert gives only its name, because its message may quote the data.
OUR_ERRORS = {each.__name__ for each in MENDED_BY_PEOPLE}

_settings = get_settings()

FRESHNESS_ADVICE = (
    "Flags: tables that no run has made for FOOTFALL_FRESHNESS_HOURS.\n"
    "Matters: people read old numbers, and nothing else may say so.\n"
    "Do: look whether the job `nightly` ran and how it ended; run it."
)


def run_alert(
    settings: Settings, run: dg.DagsterRun, began: float, failed_steps: list[dg.DagsterEvent]
) -> Alert:
    """The alert for a failed run."""
    lines = [_told(event) for event in failed_steps] or ["It ended without a word of its own."]
    # Reported even so: Dagster also sets this tag on runs it cannot retry, such as those started
    # from a terminal.
    if will_be_retried(run):
        lines.append("Dagster tries it once more by itself.")
    return Alert(
        f"Footfall: the job {run.job_name} failed",
        "\n".join(
            [
                *lines,
                f"Began: {utc(began)}",
                "Do: mend what it names and run the job again; readers keep the last good file.",
                f"Run: {settings.ui_url}/runs/{run.run_id}",
            ]
        ),
    )


def _told(event: dg.DagsterEvent) -> str:
    failed = event.step_failure_data
    if failed.user_failure_data and failed.user_failure_data.description:
        return f"{event.step_key}: {failed.user_failure_data.description}"
    error = failed.error
    while error and error.cause:
        error = error.cause
    name = error.cls_name if error else None
    if error and name in OUR_ERRORS:
        return f"{event.step_key}: {error.message.strip()}"
    return f"{event.step_key}: {name or 'failed'} (the run says more)"


def change_alerts(
    settings: Settings, changes: list[Change], descriptions: Mapping[str, str]
) -> list[Alert]:
    """The alerts for checks and assets; assets that are late at the same time share one alert.

    ``descriptions`` are the checks' three lines, by "<asset> <check>".
    """
    alerts = []
    late = [change for change in changes if change.check is None]
    for has_recovered, group in groupby(
        sorted(late, key=lambda each: each.has_recovered), key=lambda each: each.has_recovered
    ):
        assets = list(group)
        names = sorted({each.asset for each in assets})
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        since = min(each.since for each in assets)
        who = f"{names[0]} is" if len(names) == 1 else f"{len(names)} assets are"
        alerts.append(
            Alert(
                f"Footfall: {who} {'fresh again' if has_recovered else 'late'}",
                "\n".join(
                    [
                        f"{', '.join(names[:SHOWN])}{more}",
                        f"Late since: {utc(since)}",
                        *([] if has_recovered else [FRESHNESS_ADVICE]),
                        f"Assets: {settings.ui_url}/assets",
                    ]
                ),
                is_good=has_recovered,
            )
        )
    for change in changes:
        if change.check is not None:
            alerts.append(_check_alert(settings, change, descriptions))
    return alerts


def _check_alert(settings: Settings, change: Change, descriptions: Mapping[str, str]) -> Alert:
    state = "holds again" if change.has_recovered else "failed"
    description = descriptions.get(f"{change.asset} {change.check}", "")
    lines = [
        f"{'' if change.has_recovered else change.level + ': '}{change.seen}".strip(": "),
        f"Since: {utc(change.since)}",
        "" if change.has_recovered else description,
        f"Run: {settings.ui_url}/runs/{change.run_id}" if change.run_id else "",
    ]
    return Alert(
        f"Footfall: {change.check} on {change.asset} {state}",
        "\n".join(line for line in lines if line),
        is_good=change.has_recovered,
    )


# All code locations, because a run of `make nightly` belongs to none and is reported too.
@dg.run_failure_sensor(
    name="tell_failed_runs",
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=LOOK_SECONDS,
    description="Tells every failed run to the channels of FOOTFALL_ALERT_URLS.",
)
def tell_failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Send one message for each failed run, also for one that Dagster will retry."""
    run = context.dagster_run
    record = context.instance.get_run_record_by_id(run.run_id)
    began = (record and (record.start_time or record.create_timestamp.timestamp())) or 0.0
    send(_settings, run_alert(_settings, run, began, list(context.get_step_failure_events())))


@dg.sensor(
    name="tell_failed_checks",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=LOOK_SECONDS,
    description=(
        "Tells every check that fails and every asset that is late to the channels of "
        "FOOTFALL_ALERT_URLS: once when it begins, once when it is over."
    ),
)
def tell_failed_checks(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Send at most one message at each tick, however many changes there were."""
    cursor = Cursor.from_json(context.cursor) if context.cursor else None
    if cursor is None:
        return _done("beginning to look", Cursor.at_end(context.instance))
    changes = changes_since(context.instance, cursor)
    if not changes:
        return _done("nothing changed", cursor)
    alert = one_message(change_alerts(_settings, changes, _descriptions(context.repository_def)))
    send(_settings, alert)
    # The cursor moves even if the message was not delivered. Otherwise a channel that is down
    # would get the same message at every tick.
    return _done(f"told: {alert.title}", cursor)


def _descriptions(repository: dg.RepositoryDefinition | None) -> dict[str, str]:
    if repository is None:
        return {}
    graph = repository.asset_graph
    return {
        f"{key.asset_key.to_user_string()} {key.name}": graph.get(key).description or ""
        for key in graph.asset_check_keys
    }


def _done(what: str, cursor: Cursor) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=dg.SkipReason(what), cursor=cursor.to_json())


ALERT_SENSORS = [tell_failed_runs, tell_failed_checks]
