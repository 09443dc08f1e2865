"""Alerts reach a channel, each once, and a channel's trouble stays the channel's."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.storage.tags import WILL_RETRY_TAG
from pydantic import SecretStr, ValidationError

from ingestion.settings import Settings
from orchestration.alerts import alert_sensors, alert_state, channels
from orchestration.alerts.alert_sensors import tell_failed_checks, tell_failed_runs
from orchestration.alerts.alert_state import Cursor
from orchestration.alerts.channels import Alert, send, send_test
from orchestration.definition_files import MistakenSeeds
from warehouse.connection import WarehouseBusy, WarehouseUnusable

ALERT = Alert("Footfall: something", "What to do.")
SECRET = "a-token-that-nobody-may-read"


class Receiver:
    """A channel on this machine: Apprise's json:// posts to it."""

    def __init__(self) -> None:
        """Listen, and answer 200 until told otherwise."""
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        self.may_answer = threading.Event()
        self.may_answer.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.messages.append(json.loads(body))
                receiver.may_answer.wait()
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self.server.server_port}/{SECRET}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self.may_answer.set()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()

    @property
    def titles(self) -> list[str]:
        """What came, by title."""
        return [message["title"] for message in self.messages]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def settings(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = Settings(
        home=tmp_path, alert_urls=SecretStr(receiver.url), ui_url="https://ui.example"
    )
    monkeypatch.setattr(alert_sensors, "_settings", settings)
    return settings


def no_channel(tmp_path: Path, *urls: str) -> Settings:
    return Settings(home=tmp_path, alert_urls=SecretStr(" ".join(urls)))


# Sending


def test_an_alert_reaches_every_channel(settings: Settings, receiver: Receiver) -> None:
    other = Receiver()
    try:
        both = no_channel(settings.home, receiver.url, other.url)
        assert send(both, ALERT)
    finally:
        other.close()

    for each in (receiver, other):
        (message,) = each.messages
        assert (message["title"], message["message"]) == ("Footfall: something", "What to do.")


def test_without_a_channel_an_alert_is_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert not send(no_channel(tmp_path), ALERT)

    assert "no channel (FOOTFALL_ALERT_URLS): Footfall: something" in caplog.text


def test_a_channel_that_refuses_costs_the_others_nothing_and_its_address_is_not_logged(
    settings: Settings, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    refusing = Receiver()
    refusing.status = 500
    try:
        with caplog.at_level(logging.INFO):
            sent = send(no_channel(settings.home, refusing.url, receiver.url), ALERT)
    finally:
        refusing.close()

    assert not sent
    assert receiver.titles == ["Footfall: something"]
    assert len(refusing.messages) == 1 + channels.RETRIES
    assert "channel 1 of FOOTFALL_ALERT_URLS (JSON) did not take the alert (failure)" in caplog.text
    assert SECRET not in caplog.text


def test_a_channel_that_hangs_is_left_after_a_bounded_time(
    settings: Settings,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(channels, "SEND_SECONDS", 0.5)
    receiver.may_answer.clear()

    # It holds the request until the fixture ends: `send` returns before that, or never.
    assert not send(settings, ALERT)

    assert "(JSON) did not take the alert (timeout)" in caplog.text


def test_an_address_that_apprise_does_not_know_is_told_by_its_number(
    settings: Settings, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    assert not send(no_channel(settings.home, f"nonsense://{SECRET}", receiver.url), ALERT)

    assert receiver.titles == ["Footfall: something"]
    assert "channel 1 of FOOTFALL_ALERT_URLS is none that Apprise knows" in caplog.text
    assert SECRET not in caplog.text


def test_a_plugin_that_raises_does_not_end_the_sensor(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def raises(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr("apprise.Apprise.notify", raises)

    assert not send(settings, ALERT)
    assert "alert not sent (RuntimeError): Footfall: something" in caplog.text
    assert SECRET not in caplog.text


def test_the_addresses_are_secrets(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SECRET not in repr(settings)

    monkeypatch.setenv("FOOTFALL_ALERT_URLS", SECRET)
    with pytest.raises(ValidationError, match="each must be an Apprise URL") as refused:
        Settings()
    assert SECRET not in str([each["msg"] for each in refused.value.errors(include_input=False)])


def test_a_test_message_asks_for_nothing(settings: Settings, receiver: Receiver) -> None:
    assert send_test(settings)

    assert receiver.titles == ["Footfall: a test"]
    assert "https://ui.example" in receiver.messages[0]["message"]


# What is told of checks and late assets

outcome = {"passed": True, "severity": dg.AssetCheckSeverity.WARN}


@dg.asset(key=["raw", "events"])
def events() -> None:
    """An asset to check."""


@dg.asset_check(asset=events, description="Flags: a claim.\nMatters: much.\nDo: look.")
def claim_holds() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=bool(outcome["passed"]),
        severity=dg.AssetCheckSeverity(outcome["severity"]),
        description="web: nothing since yesterday",
    )


DEFS = dg.Definitions(assets=[events], asset_checks=[claim_holds])


def everything() -> dg.JobDefinition:
    """The job of the asset and its check."""
    return DEFS.resolve_implicit_global_asset_job_def()


class Site:
    """A Dagster instance and the sensor that looks at it, tick by tick."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        """Look once, so that what comes is news."""
        self.instance = instance
        self.cursor: str | None = None
        self.look()

    def look(self) -> str:
        """One tick; what it says of itself."""
        with dg.build_sensor_context(
            self.instance, cursor=self.cursor, repository_def=DEFS.get_repository_def()
        ) as context:
            result = tell_failed_checks(context)
        assert isinstance(result, dg.SensorResult)
        assert isinstance(result.skip_reason, dg.SkipReason)
        self.cursor = result.cursor
        return str(result.skip_reason.skip_message)

    def check(self, *, passed: bool, severity: str = "WARN") -> str:
        """Evaluate the check; the run's id."""
        outcome.update(passed=passed, severity=dg.AssetCheckSeverity(severity))
        return everything().execute_in_process(instance=self.instance).run_id

    def freshness(self, asset: str, state: FreshnessState) -> None:
        """What Dagster's freshness daemon notes."""
        self.instance._report_runless_asset_event(
            FreshnessStateChange(
                key=dg.AssetKey(asset.split("/")),
                new_state=state,
                previous_state=FreshnessState.UNKNOWN,
                state_change_timestamp=1_780_000_000.0,
            )
        )


@pytest.fixture
def site(tmp_path: Path, settings: Settings) -> Iterator[Site]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield Site(instance)


def test_a_failed_check_is_told_once_and_its_recovery_once(site: Site, receiver: Receiver) -> None:
    site.check(passed=True)
    assert site.look() == "nothing changed"

    run_id = site.check(passed=False)
    site.look()
    site.check(passed=False)
    site.look()
    assert receiver.titles == ["Footfall: claim_holds on raw/events failed"]
    text = receiver.messages[0]["message"].splitlines()
    assert text[0] == "WARN: web: nothing since yesterday"
    assert text[1].startswith("Since: 2")
    assert text[2:] == [
        "Flags: a claim.",
        "Matters: much.",
        "Do: look.",
        f"Run: https://ui.example/runs/{run_id}",
    ]

    site.check(passed=True)
    site.look()
    site.check(passed=True)
    site.look()
    assert receiver.titles[1:] == ["Footfall: claim_holds on raw/events holds again"]
    assert receiver.messages[1]["message"].splitlines()[1] == text[1]
    assert receiver.messages[1]["type"] == "success"


def test_a_check_that_grows_worse_is_told_again(site: Site, receiver: Receiver) -> None:
    for severity in ("WARN", "ERROR", "ERROR"):
        site.check(passed=False, severity=severity)
        site.look()

    assert [message["message"].partition(":")[0] for message in receiver.messages] == [
        "WARN",
        "ERROR",
    ]


def test_what_is_long_past_is_not_told(
    tmp_path: Path, settings: Settings, receiver: Receiver
) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        outcome.update(passed=False)
        everything().execute_in_process(instance=instance)

        assert Site(instance).look() == "nothing changed"
    assert receiver.messages == []


def test_late_assets_of_one_moment_are_one_message(site: Site, receiver: Receiver) -> None:
    for number in range(25):
        site.freshness(f"marts/table_{number:02}", FreshnessState.FAIL)
    site.freshness("marts/not_known", FreshnessState.UNKNOWN)
    site.look()
    assert receiver.titles == ["Footfall: 25 assets are late"]
    text = receiver.messages[0]["message"]
    assert "marts/table_19 and 5 more" in text
    assert "Late since: 2026-05-28 20:26 UTC" in text
    assert "Do: look whether the job `nightly` ran" in text

    for number in range(25):
        site.freshness(f"marts/table_{number:02}", FreshnessState.PASS)
    site.look()
    assert receiver.titles[1:] == ["Footfall: 25 assets are fresh again"]


def test_changes_of_one_look_are_one_message(site: Site, receiver: Receiver) -> None:
    site.check(passed=False)
    site.freshness("raw/events", FreshnessState.FAIL)
    site.look()

    assert receiver.titles == ["Footfall: problems: 2"]
    assert "claim_holds on raw/events failed" in receiver.messages[0]["message"]


def test_a_look_reads_a_bounded_number_and_the_next_goes_on_from_there(
    site: Site, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_state, "BATCH", 2)
    for number in range(5):
        site.freshness(f"marts/table_{number}", FreshnessState.FAIL)

    looks = [site.look() for _ in range(4)]

    assert looks[3] == "nothing changed"
    assert receiver.titles == [
        "Footfall: 2 assets are late",
        "Footfall: 2 assets are late",
        "Footfall: marts/table_4 is late",
    ]


def test_a_channel_that_is_down_hears_of_a_failure_once_and_not_for_ever(
    site: Site, receiver: Receiver
) -> None:
    receiver.status = 500
    site.check(passed=False)
    site.look()
    tried = len(receiver.messages)

    receiver.status = 200
    assert site.look() == "nothing changed"
    assert len(receiver.messages) == tried


# What is told of failed runs


@dg.op
def step() -> None:
    raise failures[0]


@dg.job
def nightly() -> None:
    step()


failures: list[Exception] = []


def fail(instance: dg.DagsterInstance, error: Exception, tags: dict[str, str] | None = None) -> str:
    """A run that fails so, between two ticks of the sensor; the run's id."""
    cursor: str | None = None
    failures[:] = [error]
    for is_first in (True, False):
        with dg.build_sensor_context(
            instance,
            cursor=cursor,
            definitions=dg.Definitions(jobs=[nightly], sensors=[tell_failed_runs]),
        ) as context:
            cursor = tell_failed_runs.evaluate_tick(context).cursor
        if is_first:
            run = nightly.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    return run.run_id


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (dg.Failure("ledger_explains_every_event: failing rows: 1"), "failing rows: 1"),
        (WarehouseBusy("the warehouse is being written by process 7"), "by process 7"),
        (MistakenSeeds("seeds/funnel_steps.csv:7: write 24"), "funnel_steps.csv:7: write 24"),
        (WarehouseUnusable("move it away, and run nightly"), "move it away, and run nightly"),
        (ValueError("u1@shop.example is no number"), "step: ValueError (the run says more)"),
    ],
)
def test_a_failed_run_is_told_with_what_it_said_and_no_values(
    site: Site, receiver: Receiver, error: Exception, told: str
) -> None:
    run_id = fail(site.instance, error)

    assert receiver.titles == ["Footfall: the job nightly failed"]
    text = receiver.messages[0]["message"]
    assert told in text
    assert "u1@shop.example" not in text
    assert f"Run: https://ui.example/runs/{run_id}" in text
    assert "Began: 2" in text
    assert "Began: 1970" not in text


def test_a_run_that_is_marked_to_be_tried_again_is_told_all_the_same(
    site: Site, receiver: Receiver
) -> None:
    # Dagster marked a run of `make nightly` so, could not repeat it, and nobody was told.
    fail(site.instance, ValueError("once"), tags={WILL_RETRY_TAG: "true"})

    assert receiver.titles == ["Footfall: the job nightly failed"]
    assert "tries it once more" not in receiver.messages[0]["message"]


def test_both_sensors_are_on_unless_somebody_turns_them_off() -> None:
    for sensor in alert_sensors.ALERT_SENSORS:
        assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


@pytest.mark.parametrize("text", ["", '{"re', "[]", "3", '{"of": 1}', '{"read": {}, "open": {}}'])
def test_a_cursor_of_another_version_begins_anew(text: str) -> None:
    assert Cursor.from_json(text) is None
