"""Dagster's UI as the people on call see it: a night started from it, and what it shows then."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import golden
from tests.browser.chromium import PROGRAM, Page, chromium
from tests.deploy.roles import Server, server

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed here")

#: The way of the data. Each stands in the graph before the next.
GROUPS = ["landing", "raw", "staging", "intermediate", "marts", "published"]
ASSETS = """
{ assetNodes {
    assetKey { path } groupName description kinds
    owners { ... on TeamAssetOwner { team } ... on UserAssetOwner { email } }
    dependencyKeys { path }
    metadataEntries { ...columns }
    assetMaterializations(limit: 1) { metadataEntries { ...columns } }
} }
fragment columns on MetadataEntry {
    label ... on TableSchemaMetadataEntry { schema { columns { name type description } } }
}
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Server]:
    """A server with a landing, on which nothing has run yet."""
    with server(FOOTFALL_OWNER="data@shop.example") as each:
        golden.land(each.home / "landing")
        each.start(("code", "daemon", "webserver"))
        each.come_up()
        yield each


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as each:
        each.resize(1500, 950)
        yield each


@pytest.fixture(scope="module")
def night(site: Server, page: Page, request: pytest.FixtureRequest) -> str:
    """The run that somebody started with the button of the job's page."""
    page.visit(f"{site.ui}/locations/orchestration.definitions/jobs/nightly")
    page.click("button", "Materialize all")
    site.until(lambda: bool(site.runs()))
    runs = site.runs()
    assert [run["jobName"] for run in runs] == ["nightly"]
    run = str(runs[0]["runId"])
    assert site.over(run) == "SUCCESS", site.logs()
    page.visit(f"{site.ui}/runs/{run}")
    page.until(shows("RUN_SUCCESS"))
    picture(page, "run", request)
    return run


@pytest.fixture(scope="module")
def assets(site: Server, night: str) -> dict[str, Any]:
    """What the UI knows of each asset, by its key."""
    nodes = site.ask(ASSETS)["assetNodes"]
    return {"/".join(node["assetKey"]["path"]): node for node in nodes}


def test_the_graph_is_one_lineage_from_the_landing_to_the_report(
    assets: dict[str, Any], site: Server, page: Page, request: pytest.FixtureRequest
) -> None:
    behind = {
        key: {"/".join(each["path"]) for each in node["dependencyKeys"]}
        for key, node in assets.items()
    }
    reached, new = {"reports/daily"}, {"reports/daily"}
    while new:
        new = set().union(*(behind[key] for key in new)) - reached
        reached |= new
    # What nothing that people read depends on: rows kept for whoever looks into a fault.
    assert {key for key in assets if key not in reached} <= {"raw/refused", "raw/bad_lines"}
    assert {node["groupName"] for node in assets.values()} == {*GROUPS, "seeds", "conversion"}

    page.visit(f"{site.ui}/asset-groups")
    for group in GROUPS:
        page.until(shows(group))
    picture(page, "lineage", request)


def test_every_asset_says_what_it_is_of_what_kind_and_whose(assets: dict[str, Any]) -> None:
    for key, node in assets.items():
        assert node["description"], key
        assert node["kinds"], key
        assert node["owners"] == [{"email": "data@shop.example"}], key
        assert "documentation" in {entry["label"] for entry in node["metadataEntries"]}, key


def test_every_table_shows_its_columns_with_type_and_description(assets: dict[str, Any]) -> None:
    tables = {
        key: node
        for key, node in assets.items()
        if key
        not in {"landing/segments", "raw/received_days", "published/footfall", "reports/daily"}
        and not key.startswith("conversion/")
    }
    assert len(tables) > 40
    for key, node in tables.items():
        entries = node["metadataEntries"] + node["assetMaterializations"][0]["metadataEntries"]
        shown = [entry["schema"]["columns"] for entry in entries if "schema" in entry]
        assert shown, key
        # The latest is what the page shows.
        for column in shown[-1]:
            assert column["type"] not in {"", "?"}, (key, column)
            assert column["description"], (key, column)


def test_a_mart_and_the_published_file_show_rows_and_charts(
    night: str, site: Server, page: Page, request: pytest.FixtureRequest
) -> None:
    page.visit(f"{site.ui}/assets/marts/fct_sessions")
    page.until(shows("Row count"))
    picture(page, "mart", request)

    page.visit(f"{site.ui}/assets/published/footfall")
    page.until(shows("data_through"))
    picture(page, "published", request)
    # The chart is in the first row; further down, the rows of all tables are folded up too.
    page.click("tr:nth-child(-n+2) *", "[Show Markdown]")
    page.until("[...document.images].some(each => each.naturalWidth > 300)")
    picture(page, "chart", request)


def shows(text: str) -> str:
    """That the page has this text."""
    return f"document.body.innerText.includes({text!r})"


def picture(page: Page, name: str, request: pytest.FixtureRequest) -> None:
    """Keep what the page shows, where `--pictures` names a folder."""
    if folder := request.config.getoption("--pictures"):
        time.sleep(3)  # until what slides in has come to rest
        shot = page.call("Page.captureScreenshot", format="png")["data"]
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}.png").write_bytes(base64.b64decode(shot))
