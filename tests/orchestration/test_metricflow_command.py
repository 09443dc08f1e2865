"""`mf` answers from the published file, and asks no network."""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

import duckdb
import pytest

from ingestion.settings import Settings
from orchestration import metricflow_command
from orchestration.metricflow_command import SEMANTIC_MANIFEST, run
from tests.prepared import furnish
from tests.warm import run_module
from transformation.manifest import NotPrepared, parsed_folder


def test_mf_answers_from_the_published_file_alone(published: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    furnish(settings)
    settings.published.parent.mkdir(exist_ok=True)
    shutil.copyfile(published, settings.published)
    answer, temporary = tmp_path / "answer.csv", tmp_path / "temporary"
    temporary.mkdir()
    asked = run_module(
        *("orchestration", "mf", "query", "--metrics", "weekly_actives,stickiness"),
        *("--group-by", "metric_time", "--order", "metric_time", "--csv", str(answer)),
        environment={"FOOTFALL_HOME": str(settings.home), "TMPDIR": str(temporary)},
    )

    assert asked.returncode == 0, asked.stdout + asked.stderr
    with answer.open(newline="") as file:
        rows = [(row["weekly_actives"], row["stickiness"]) for row in csv.DictReader(file)]
    with duckdb.connect(str(published), read_only=True) as connection:
        days = connection.execute(
            "select weekly_actives, daily_actives / nullif(monthly_actives, 0)"
            " from marts.fct_daily_actives order by activity_date"
        ).fetchall()
    assert rows == [tuple("" if each is None else str(each) for each in day) for day in days]
    assert not settings.warehouse.exists()
    # Where the library that asks PyPI keeps what it heard.
    assert list(temporary.glob("update_checker*")) == []


def test_without_a_published_file_it_says_what_to_do(tmp_path: Path) -> None:
    asked = run_module(
        "orchestration", "mf", "--help", environment={"FOOTFALL_HOME": str(tmp_path)}
    )
    assert (asked.returncode, asked.stderr) == (
        2,
        f"nothing is published yet: there is no {tmp_path}/published/footfall.duckdb; "
        "run make nightly\n",
    )


def test_without_metricflow_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    settings.published.parent.mkdir()
    settings.published.touch()
    monkeypatch.setitem(sys.modules, "update_checker", None)
    monkeypatch.setitem(sys.modules, "dbt_metricflow", None)
    with pytest.raises(NotPrepared, match=r"MetricFlow is not installed .* '\.\[metrics\]'$"):
        run(settings, ["query"])


def test_a_project_without_metrics_is_told_which_files_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    parsed = parsed_folder(settings)
    parsed.mkdir(parents=True)
    (parsed / SEMANTIC_MANIFEST).write_text('{"metrics": [], "semantic_models": []}')
    monkeypatch.setattr(metricflow_command, "keep_manifest", lambda _: None)
    with pytest.raises(NotPrepared, match=r"has no metrics: .* marts/\*/_\*__metrics\.yml"):
        metricflow_command.metricflow_project(settings)
