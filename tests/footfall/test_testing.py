from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import footfall
from tests.footfall.endpoint import PATIENCE_SECONDS, Endpoint

PRODUCT_TESTS = """
import footfall


def test_calls_are_captured(captured_events):
    footfall.track("u1", "click", "buy", {"plan": "annual"})
    footfall.identify("u1", {"plan": "annual"})
    assert [event["type"] for event in captured_events] == ["track", "identify"]
    (click,) = captured_events.named("click")
    assert click["properties"] == {"plan": "annual", "value": "buy"}


def test_each_test_starts_empty(captured_events):
    assert captured_events == []
    assert captured_events.named("click") == []


def test_clients_that_the_product_makes_are_captured(captured_events):
    footfall.configure(write_key="k", host="HOST")
    footfall.track("u1", "click")
    with footfall.Client("k", "HOST") as client:
        client.track("u1", "click")
        client.track(None, "the client would report this one as dropped")
    assert len(captured_events.named("click")) == 2


def test_an_invalid_event_is_not_captured(captured_events):
    footfall.track(None, "click")
    assert captured_events == []
    assert footfall.stats().dropped == {"invalid": 1}


def test_afterwards_the_module_is_as_it_was():
    assert footfall._default.client is None
"""


def test_a_products_own_tests_see_what_it_reports_and_nothing_is_sent(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    (tmp_path / "test_product.py").write_text(PRODUCT_TESTS.replace("HOST", endpoint.url))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "footfall.testing",
         "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=os.environ
        | {
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(Path(footfall.__file__).parents[1]),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert "5 passed" in run.stdout, run.stdout + run.stderr
    assert endpoint.requests == []
