"""Superset itself, on the data of a demo: what its charts show while a nightly job publishes."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion.settings import PREFIX, Settings
from tests.bi.answers import ANSWERS
from tests.bi.export import assets, charts_of, compared, rows
from tests.bi.serving import CHECKOUT, Json, Superset, serving
from tests.browser.chromium import chromium

pytestmark = pytest.mark.superset
CHARTS, DASHBOARDS = assets("charts"), assets("dashboards")
READERS = 3


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("superset") / "home"
    run_demo(folder)
    return folder


@pytest.fixture(scope="module")
def superset(home: Path) -> Iterator[Superset]:
    with serving(home) as each:
        yield each


@pytest.fixture(scope="module")
def asked(superset: Superset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """What the pages ask for each chart, without the table that they make of the answer."""
    names = {chart["slice_name"]: name for name, chart in CHARTS.items()}
    ids = {each["id"]: names[each["slice_name"]] for each in superset.listed("chart")}
    found: dict[str, Json] = {}
    with chromium(tmp_path_factory.mktemp("browser")) as page:
        superset.sign_in(page)
        for name, dashboard in DASHBOARDS.items():
            for each in superset.asked_by(page, name, len(charts_of(dashboard))):
                assert each["status"] == 200
                body = each["body"]
                chart = body["form_data"].get("slice_id")
                if chart is not None:  # the others are the values that a filter offers
                    body["queries"] = [{**body["queries"][0], "post_processing": []}]
                    found[ids[chart]] = body
    return found


def run_demo(home: Path) -> None:
    """Tell a story up to now, and load, build and publish it."""
    subprocess.run(
        [sys.executable, "-m", "demo", "--persons", "300", "--weeks", "6"],
        cwd=CHECKOUT,
        env={**os.environ, f"{PREFIX}HOME": str(home)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def answers(published: Path) -> dict[str, list[Json]]:
    """What each chart must show of a file."""
    with duckdb.connect(str(published), read_only=True) as connection:
        return {name: rows(connection, sql) for name, sql in ANSWERS.items()}


def shown(superset: Superset, body: Json) -> list[Json]:
    (result,) = superset.post("/api/v1/chart/data", body)["result"]
    return compared(result["data"])


def test_the_import_makes_everything_and_nothing_else(superset: Superset) -> None:
    for kind, key in (
        ("chart", "slice_name"),
        ("dashboard", "dashboard_title"),
        ("dataset", "table_name"),
    ):
        expected = {each[key] for each in assets(f"{kind}s").values()}
        assert sorted(each[key] for each in superset.listed(kind)) == sorted(expected)
    (database,) = superset.listed("database")
    assert not database["allow_dml"]
    assert not database["allow_file_upload"]


def test_every_chart_shows_what_the_mart_says_while_a_nightly_job_publishes(
    superset: Superset, asked: dict[str, Json], home: Path, tmp_path: Path
) -> None:
    assert set(asked) == set(CHARTS)
    published = Settings(home=home).published
    before = answers(shutil.copyfile(published, tmp_path / "before.duckdb"))
    for name, body in asked.items():
        assert shown(superset, body) == before[name], name

    night = threading.Thread(target=run_demo, args=[home])
    seen: list[tuple[str, list[Json]]] = []
    problems: list[BaseException] = []

    def read(names: list[str]) -> None:
        try:
            for name in itertools.cycle(names):
                seen.append((name, shown(superset, asked[name])))
                if not night.is_alive():
                    return
        except BaseException as error:
            problems.append(error)

    night.start()
    readers = [
        threading.Thread(target=read, args=[sorted(asked)[n::READERS]]) for n in range(READERS)
    ]
    for each in readers:
        each.start()
    for each in [night, *readers]:
        each.join()
    assert problems == []
    after = answers(published)
    for name, found in seen:
        assert found in (before[name], after[name]), name

    for name, body in asked.items():
        assert shown(superset, body) == after[name], name
    assert after["published"] != before["published"]
    assert after["ledger_by_source"] != before["ledger_by_source"]
    print(
        f"{len(seen)} answers during the nightly job, of {dict(Counter(name for name, _ in seen))}"
    )
    assert ":ERROR:" not in (home / "superset.log").read_text()


def test_no_worker_keeps_the_file_open(
    superset: Superset, asked: dict[str, Json], home: Path
) -> None:
    for body in asked.values():
        shown(superset, body)
    folder = str(Settings(home=home).published.parent)
    opened = [
        os.readlink(descriptor)
        for worker in children(superset.process)
        for descriptor in Path(f"/proc/{worker}/fd").iterdir()
        if descriptor.is_symlink()
    ]
    assert opened
    assert not [path for path in opened if path.startswith(folder)]


def children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(each) for each in text.split()]


@pytest.mark.parametrize(
    "forbidden",
    [
        "create table marts.other as select 1 as x",
        "delete from marts.fct_events",
        "select * from read_csv('/etc/hostname')",
        "set enable_external_access = true",
    ],
)
def test_sql_lab_changes_nothing_and_reads_no_other_file(
    superset: Superset, forbidden: str
) -> None:
    (database,) = superset.listed("database")
    question = {"database_id": database["id"], "runAsync": False, "sql": "select 1 as x"}
    assert superset.post("/api/v1/sqllab/execute/", question)["data"] == [{"x": 1}]
    with pytest.raises(AssertionError, match="error"):
        superset.post("/api/v1/sqllab/execute/", {**question, "sql": forbidden})


def test_another_start_brings_the_export_back_and_doubles_nothing(
    home: Path, asked: dict[str, Json]
) -> None:
    with serving(home) as superset:
        (chart,) = [each for each in superset.listed("chart") if each["slice_name"] == "Pages"]
        superset.put(f"/api/v1/chart/{chart['id']}", {"slice_name": "Renamed"})
    with serving(home) as superset:
        test_the_import_makes_everything_and_nothing_else(superset)
        assert "Pages" in {each["slice_name"] for each in superset.listed("chart")}
        assert shown(superset, asked["pages"]) == answers(Settings(home=home).published)["pages"]
