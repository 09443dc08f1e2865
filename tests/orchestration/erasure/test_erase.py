"""A person is erased everywhere under the home, for good, and everybody else is as before."""

from __future__ import annotations

import gzip
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from publishing.parquet import export
from tests.ingestion.collector.live import LiveCollector
from tests.orchestration.erasure.site_to_erase import (
    HERS,
    NEIGHBOUR,
    OTHERS,
    PHONE,
    REFUSED_HERS,
    REFUSED_OTHERS,
    TABLET,
    ZOE,
    ZOE_BEFORE,
    Erasing,
    event,
    imported,
    places_of,
    send,
    send_refused,
)
from tests.test_end_to_end import CHECKOUT, Site
from tests.warm import run_code


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Erasing:
    """Everybody's facts, sent, loaded, built and published; some refused, some imported."""
    erasing = Erasing(Site(tmp_path_factory.mktemp("base") / "site"))
    collector = erasing.collector()
    send(collector, *OTHERS[:2], *HERS[:5])
    send(collector, *OTHERS[2:], *HERS[5:])
    send_refused(collector, *REFUSED_HERS, *REFUSED_OTHERS)
    stop(collector)
    erasing.site.land("import", imported())
    assert erasing.run("nightly").returncode == 0
    assert export(erasing.site.settings.model_copy(update={"parquet_versions": 1}))
    # Landing, quarantine, import, warehouse, published.
    assert len(places_of(erasing.home)) >= 5
    return erasing


@pytest.fixture(scope="module")
def never(base: Erasing, tmp_path_factory: pytest.TempPathFactory) -> Erasing:
    """What the site would be had she never been there: the same landing without her lines."""
    never = Erasing(Site(tmp_path_factory.mktemp("never") / "site"))
    shutil.copytree(base.home / "landing", never.home / "landing", dirs_exist_ok=True)
    shutil.rmtree(never.home / "landing" / "manifest")
    for path in list((never.home / "landing").rglob("*.ndjson*")):
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
        lines = [line for line in text.splitlines(keepends=True) if "m-zoe-" not in line]
        path.unlink()
        path.with_name(f"{path.name.partition('.')[0]}.ndjson").write_text("".join(lines))
    assert never.run("nightly").returncode == 0
    return never


@pytest.fixture(scope="module")
def living(base: Erasing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCollector]:
    """A collector on a copy of the site, which holds more of her that nobody has loaded yet."""
    erasing = base.copied(tmp_path_factory.mktemp("erased"))
    collector = erasing.collector()
    send(collector, event("m-zoe-11", userId=ZOE_BEFORE), event("m-zoe-12", anonymousId=PHONE))
    send_refused(collector, REFUSED_HERS[0])
    erasing.site.land("pending", [imported()[0] | {"event_id": "m-zoe-13"}])
    yield collector
    if collector.process.poll() is None:
        stop(collector)


@pytest.fixture(scope="module")
def erased(base: Erasing, living: LiveCollector) -> Erasing:
    """The copy after her erasure, by a name she had before, while the collector lives."""
    site = Site.__new__(Site)
    site.settings = base.site.settings.model_copy(update={"home": living.home})
    for name in ("landing", "open_segments", "warehouse", "published", "dagster_home"):
        site.settings.__dict__.pop(name, None)
    erasing = Erasing(site)
    done = erasing.erase("--user-id", "-", given=f"{ZOE_BEFORE}\n")
    assert done.returncode == 0, done.stdout + done.stderr
    return erasing


def stop(collector: LiveCollector) -> None:
    assert collector.stop() == 0
    collector.process.stderr.close()  # type: ignore[union-attr]


def test_nothing_of_the_person_is_left_in_any_file(erased: Erasing) -> None:
    assert places_of(erased.home) == []
    # Parquet files are compressed, so a name is not found in them.
    assert list((erased.home / "published" / "parquet").iterdir()) == []


def test_the_marts_are_those_of_a_warehouse_that_never_knew_the_person(
    erased: Erasing, never: Erasing
) -> None:
    assert erased.answers() == never.answers()
    assert len(erased.answers()["fct_events"]) == len(OTHERS) + 1


def test_the_figures_that_changed_say_that_somebody_was_erased(erased: Erasing) -> None:
    reasons = {reason for *_, reason, _ in erased.site.restatements()}
    assert reasons
    assert all("erasure" in reason for reason in reasons)


def check_ledger(erasing: Erasing, never: Erasing, erased_lines: int) -> None:
    """Received is what was written; apart from what was erased all is as if never received."""
    counts = ("refused", "replayed", "loaded", "duplicates", "id_collisions", "counted")
    without = {(row["source_id"], row["received_date"]): row for row in never.ledger()}
    for row in erasing.ledger():
        expected = without.pop((row["source_id"], row["received_date"]), {})
        assert row["received"] - row["erased"] == expected.get("received", 0)
        assert [row[name] for name in counts] == [expected.get(name, 0) for name in counts]
        assert row["unexplained"] == 0
    assert without == {}
    assert sum(row["erased"] for row in erasing.ledger()) == erased_lines


#: Sent, refused and imported; then sent, refused and landed while nobody loaded.
LINES = len(HERS) + len(REFUSED_HERS) + 1 + 2 + 1 + 1


def test_every_line_that_came_is_in_the_ledger_still(erased: Erasing, never: Erasing) -> None:
    check_ledger(erased, never, LINES)


def test_the_receipt_counts_every_place_and_tells_nothing(erased: Erasing) -> None:
    (receipt,) = erased.receipts()

    counts = receipt["counts"]
    # Whose facts are whose shows only when all are loaded: what was open and pending was too.
    assert counts["raw.events"] == len(HERS) + 1 + 3
    assert counts["raw.refused"] == len(REFUSED_HERS) + 1
    assert counts["raw.bad_lines"] == 1
    assert counts["landing/events, lines"] == len(HERS) + 2 + 3
    assert counts["landing/quarantine, lines"] == len(REFUSED_HERS) + 1
    assert counts["marts.fct_events"] == counts["published marts.fct_events"] == 7
    assert counts["marts.dim_persons"] == 1
    assert receipt["tombstones"] == {"users": 2, "devices": 2, "events": 1}
    assert receipt["subject"].startswith("user:")
    assert receipt["finished_at"] >= receipt["begun_at"]


def test_erasing_the_same_person_again_finds_nothing_and_builds_nothing(erased: Erasing) -> None:
    before = erased.site.settings.published.read_bytes()

    # Under another name of hers, which no file knows any more.
    again = erased.erase("--user-id", ZOE)

    assert again.returncode == 0
    assert "0  anywhere" in again.stdout
    assert erased.site.settings.published.read_bytes() == before
    assert len(erased.receipts()) == 2


def test_what_comes_again_stays_away(
    erased: Erasing, never: Erasing, living: LiveCollector
) -> None:
    send(living, *HERS)
    send_refused(living, *REFUSED_HERS)
    assert b"m-zoe" not in b"".join(path.read_bytes() for path in erased.home.rglob("*.events.*"))
    stop(living)
    erased.site.land("import_again", imported()[::2])
    replayed = subprocess.run(
        [sys.executable, "-m", "ingestion.quarantine", "replay", "--rename", "user=userId"],
        cwd=CHECKOUT,
        env=erased.environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert "0 events landed" in replayed.stdout

    assert erased.run("nightly").returncode == 0

    assert places_of(erased.home) == []
    assert erased.answers() == never.answers()
    check_ledger(erased, never, LINES + len(HERS) + len(REFUSED_HERS) + 1)


#: The job, as the UI runs it: from its config alone.
JOB = """
import sys
import dagster as dg
from orchestration.definitions import defs
with dg.DagsterInstance.get() as instance:
    result = defs.resolve_job_def("erase_person").execute_in_process(
        instance=instance,
        raise_on_error=False,
        run_config={"ops": {"erase": {"config": {sys.argv[1]: sys.argv[2], "dry_run": False}}}},
    )
    config = instance.get_run_by_id(result.run_id).run_config["ops"]["erase"]["config"]
    print(result.success, sorted(config), config.get("subject"))
"""


def job(erasing: Erasing, field: str, name: str) -> list[str]:
    """Run the job; whether it succeeded, and what is left of its config."""
    environment = erasing.environment | {"DAGSTER_HOME": str(erasing.site.settings.dagster_home)}
    done = run_code(JOB, field, name, environment=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split(" ")


def test_the_job_erases_another_person_and_forgets_whom_it_was_launched_for(
    erased: Erasing,
) -> None:
    assert places_of(erased.home, [NEIGHBOUR])

    said = job(erased, "user_id", NEIGHBOUR)

    assert said[0] == "True"
    assert said[1:3] == ["['dry_run',", "'subject']"]
    assert places_of(erased.home, [NEIGHBOUR, f"{PHONE}2", "m-neighbour-1"]) == []
    persons = {row[0] for row in erased.answers()["dim_persons"]}
    assert persons == {"ben", "kiosk"}

    # A run that fails has forgotten too, and what it knows is enough to try again.
    failed = job(erased, "anonymous_id", "device-of-nobody-at-all")
    assert failed[0] == "False"
    assert places_of(erased.home, ["device-of-nobody-at-all"]) == []
    assert job(erased, "subject", said[3])[0] == "True"


def test_a_dry_run_counts_what_would_go_and_writes_nothing(base: Erasing) -> None:
    before = base.files()

    foreseen = base.erase("--user-id", ZOE, "--dry-run")

    assert foreseen.returncode == 0, foreseen.stderr
    for place in (f"{len(HERS) + 1}  raw.events", "3  raw.refused", "7  marts.fct_events"):
        assert f" {place}\n" in foreseen.stdout
    assert base.files() == before


@pytest.mark.parametrize(
    ("option", "name"),
    [("--user-id", "nobody-at-all"), ("--anonymous-id", "zo"), ("--user-id", "zo")],
)
def test_nobody_is_said_so_and_nothing_is_changed(base: Erasing, option: str, name: str) -> None:
    before = base.files()

    done = base.erase(option, name)

    assert done.returncode == 2
    assert done.stderr.startswith("nothing names this ")
    assert done.stderr.count("\n") == 1
    assert base.files() == before


def test_a_device_of_several_people_is_not_taken_for_one(base: Erasing, tmp_path: Path) -> None:
    shared = base.copied(tmp_path)

    done = shared.erase("--anonymous-id", TABLET)

    assert done.returncode == 2
    assert done.stderr.startswith("2 people used this device")
    assert shared.receipts() == []
    assert len(shared.answers()["fct_events"]) == len(base.answers()["fct_events"])


def broken(erasing: Erasing, folder: Path, relative: str, text: str) -> Erasing:
    """The same home under a project of which a file says something else."""
    project = folder / "dbt_project"
    shutil.copytree(erasing.site.settings.dbt_project, project)
    (project / relative).write_text(text)
    site = Site.__new__(Site)
    site.settings = erasing.site.settings.model_copy(update={"dbt_project": project})
    return Erasing(site)


#: What somebody did to the project, or a fact to the models: none can be built, the last build does
#: not hold what we promise, the project says nothing that dbt can read.
BROKEN = {
    "a model": ("staging/stg_footfall__loads.sql", "select error('no model can be built')"),
    "a test": ("tests/nothing_holds.sql", "select 1 as failing"),
    "the project": ("marts/of_nothing.sql", "select * from {{ ref('nothing_of_this_name') }}"),
}


@pytest.mark.parametrize(
    "what",
    ["a model", *(pytest.param(each, marks=pytest.mark.crashes) for each in list(BROKEN)[1:])],
)
def test_a_person_is_erased_and_withdrawn_from_the_published_file_while_nothing_can_be_built(
    base: Erasing, never: Erasing, tmp_path: Path, what: str
) -> None:
    whole = base.copied(tmp_path)
    shown = whole.answers()

    failed = broken(whole, tmp_path, *BROKEN[what]).erase("--user-id", ZOE)

    assert failed.returncode == 1
    assert failed.stderr.startswith("erased from the landing, quarantine, raw and the published")
    assert places_of(whole.home) == []
    assert whole.receipts() == []
    # Everybody else's facts are there to read, and all counts as they were.
    left = whole.answers()
    assert sorted(left) == sorted(shown)
    assert sorted(left["fct_events"]) == sorted(never.answers()["fct_events"])
    assert {row[0] for row in left["dim_persons"]} == {
        row[0] for row in never.answers()["dim_persons"]
    }
    assert left["fct_daily_actives"] == shown["fct_daily_actives"]
    with duckdb.connect(str(whole.site.settings.published), read_only=True) as connection:
        assert connection.execute("select count(*) from actives()").fetchone() != (0,)
        assert connection.execute(
            "select row_count from meta.published where table_name = 'fct_events'"
        ).fetchone() == (len(left["fct_events"]),)

    done = whole.erase("--user-id", ZOE)

    assert done.returncode == 0, done.stderr
    assert whole.answers() == never.answers()
    assert places_of(whole.home) == []
    (receipt,) = whole.receipts()
    assert receipt["counts"]["published marts.fct_events"] == 7
    reasons = {reason for *_, reason, _ in whole.site.restatements()}
    assert reasons
    assert all("erasure" in reason for reason in reasons)


#: An erasure that is killed just before or after the step that ``at`` names.
KILLED = """
import os, signal, sys
from ingestion.landing.store import Landing
from ingestion.erasure import compacting, delete_from_raw
from ingestion.erasure.receipts import Account
from ingestion.landing.tombstones import TombstoneFile
from ingestion.settings import get_settings
from orchestration.erasure import erase
from publishing import publish

def die(owner, name, when=lambda *given: True, after=False):
    done = getattr(owner, name)
    def dying(*given, **how):
        if not when(*given):
            return done(*given, **how)
        result = done(*given, **how) if after else None
        os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, dying)

def has_entries(file, tombstones):
    return bool(tombstones)

def is_file(landing, finished, relative):
    return relative.startswith("events")

def is_build(settings, *arguments):
    return arguments[0] == "build"

def is_withdrawn(source, target):
    return "withdrawn" in str(source)

user_id, at = sys.argv[1:]
{
    "before tombstones": lambda: die(TombstoneFile, "write", has_entries),
    "after tombstones": lambda: die(TombstoneFile, "write", has_entries, after=True),
    "before a landed file": lambda: die(Landing, "put", is_file),
    "after a landed file": lambda: die(Landing, "put", is_file, after=True),
    "before raw": lambda: die(erase, "delete_from_raw"),
    "in raw": lambda: die(delete_from_raw, "_restate_file"),
    "after raw": lambda: die(erase, "delete_from_raw", after=True),
    "after the drop": lambda: die(erase, "drop_models", after=True),
    "before the swap": lambda: die(compacting.os, "replace"),
    "after the swap": lambda: die(erase, "compact", after=True),
    "after the build": lambda: die(erase, "_dbt", is_build, after=True),
    "after publish": lambda: die(erase, "publish", after=True),
    "before the withdrawal": lambda: die(erase, "withdraw"),
    "in the withdrawal": lambda: die(publish.os, "replace", is_withdrawn),
    "after the withdrawal": lambda: die(erase, "withdraw", after=True),
    "before the receipt": lambda: die(Account, "finish"),
    "after the receipt": lambda: die(erase.Account, "finish", after=True),
}[at]()
erase.erase(get_settings(), erase.Asked(user_id=user_id))
"""
MOMENTS = (
    "before tombstones", "after tombstones", "before a landed file", "after a landed file",
    "before raw", "in raw", "after raw", "after the drop", "before the swap", "after the swap",
    "after the build", "after publish", "before the receipt",
)  # fmt: skip


#: The steps that are left where no model can be built.
MOMENTS_UNBUILT = (
    *MOMENTS[:10],
    "before the withdrawal",
    "in the withdrawal",
    "after the withdrawal",
)


def kill(erasing: Erasing, moment: str) -> None:
    """Begin her erasure and kill it at that moment."""
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, ZOE, moment],
        cwd=CHECKOUT,
        env=erasing.environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, (moment, ended.stderr)
    assert erasing.receipts() == []


@pytest.mark.crashes
def test_an_erasure_killed_at_every_step_while_nothing_can_be_built_ends_as_one_that_was_not(
    base: Erasing, never: Erasing, tmp_path: Path
) -> None:
    whole = base.copied(tmp_path)
    killed = broken(whole, tmp_path, *BROKEN["a model"])
    for moment in MOMENTS_UNBUILT:
        kill(killed, moment)

    assert killed.erase("--user-id", ZOE).returncode == 1
    assert places_of(killed.home) == []

    # A nightly run beside it waits, and makes good what could not be built.
    holding = subprocess.Popen(
        [sys.executable, "-c", HOLDING, ZOE],
        cwd=CHECKOUT,
        env=whole.environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holding.stdin
    assert holding.stdout
    assert holding.stdout.readline() == "holding\n"
    nightly = whole.site.start_nightly()
    assert nightly.stderr
    said = iter(nightly.stderr.readline, "")
    assert any(f"by process {holding.pid}: waiting" in line for line in said)
    holding.communicate("go on\n")
    nightly.communicate()

    assert (holding.returncode, nightly.returncode) == (0, 0)
    assert places_of(whole.home) == []
    assert whole.answers() == never.answers()
    check_ledger(whole, never, len(HERS) + len(REFUSED_HERS) + 1)
    (receipt,) = whole.receipts()
    assert receipt["counts"]["published marts.fct_events"] == 7


#: An erasure that holds the warehouse until it is told to go on.
HOLDING = """
import sys
from ingestion.settings import get_settings
from orchestration.erasure import erase

def held(settings):
    print("holding", flush=True)
    sys.stdin.readline()
    return drop_models(settings)

drop_models, erase.drop_models = erase.drop_models, held
erase.erase(get_settings(), erase.Asked(user_id=sys.argv[1]))
"""


@pytest.mark.crashes
def test_an_erasure_killed_at_every_step_in_turn_ends_as_one_that_was_not(
    base: Erasing, never: Erasing, tmp_path: Path
) -> None:
    killed = base.copied(tmp_path)
    for moment in MOMENTS:
        kill(killed, moment)

    done = killed.erase("--user-id", ZOE)

    assert done.returncode == 0, done.stderr
    assert places_of(killed.home) == []
    assert killed.answers() == never.answers()
    check_ledger(killed, never, len(HERS) + len(REFUSED_HERS) + 1)
    (receipt,) = killed.receipts()
    assert receipt["counts"]["raw.events"] == len(HERS) + 1
    assert receipt["counts"]["landing/events, lines"] == len(HERS) + 2
    assert receipt["counts"]["published marts.fct_events"] == 7
    assert not list((killed.home / "erasures" / "unfinished").iterdir())
    assert not list((killed.home / "landing" / "open").glob("*.erasing"))
