"""Settings come from FOOTFALL_… variables, and a bad value names its variable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from ingestion.settings import Settings, get_settings


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_every_path_stands_under_home_and_is_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTFALL_HOME", "state")
    settings = Settings()
    home = tmp_path / "state"
    assert settings.home == home
    assert settings.landing == str(home / "landing")
    assert settings.open_segments == home / "landing" / "open"
    assert settings.warehouse == home / "warehouse" / "footfall.duckdb"
    assert settings.published == home / "published" / "footfall.duckdb"
    assert settings.dagster_home == home / "dagster"


def test_a_landing_url_takes_the_place_of_the_folder(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, landing_url="s3://bucket/landing/")
    assert settings.landing == "s3://bucket/landing"
    assert settings.open_segments == tmp_path / "landing" / "open"


@pytest.mark.parametrize("name", ["FOOTFALL_HOME", "FOOTFALL_DBT_PROJECT"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_folder_is_no_folder(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All state went into whatever folder the program was started in."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match="2"):
        get_settings()
    assert capsys.readouterr().err == (
        f"{name}: Value error, it is empty: name a folder, or leave the variable out\n"
    )


@pytest.mark.parametrize("character", [*"%#*?[\\'\"=", "\n", "\t", "\r", "\x01", "\x7f", "\x85"])
def test_a_home_that_a_database_would_misread_is_named(
    character: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With % Dagster's tables could not be made, with = DuckDB read the folder as a partition."""
    monkeypatch.setenv("FOOTFALL_HOME", str(tmp_path / f"a{character}b" / "home"))
    with pytest.raises(SystemExit, match="2"):
        get_settings()
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("FOOTFALL_HOME: ")
    assert f"holds {character!a}, which" in said


def test_a_home_may_have_any_other_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nightly run was made in each of these."""
    home = tmp_path / "Zoë {}$&;,@+~()!^`|<>:]"
    monkeypatch.setenv("FOOTFALL_HOME", str(home))
    assert get_settings().home == home


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FOOTFALL_PORT", "0"),
        ("FOOTFALL_PORT", "http"),
        ("FOOTFALL_THREADS", "0"),
        ("FOOTFALL_MEMORY_LIMIT", "lots"),
        ("FOOTFALL_CLIENT_IP", "hide"),
        ("FOOTFALL_FRESHNESS_HOURS", "0"),
        ("FOOTFALL_NIGHTLY_TIME_ZONE", "Vienna"),
        ("FOOTFALL_REPORTING_TIME_ZONE", "../etc/passwd"),
        ("FOOTFALL_WRITE_KEYS", "no-pair"),
        ("FOOTFALL_WRITE_KEYS", "../web=key"),
        ("FOOTFALL_RATE_LIMIT", "nan"),
        ("FOOTFALL_PROXY_HEADER", "x-real-ip"),
        ("FOOTFALL_SEGMENT_SECONDS", "nan"),
    ],
)
def test_a_bad_value_ends_the_program_and_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as ended:
        get_settings()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{variable}: ")
    assert said.count("\n") == 1


def test_both_sources_of_keys_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="not both"):
        Settings(write_keys={"web": "k"}, write_keys_file=tmp_path / "keys")


def test_settings_are_read_once() -> None:
    assert get_settings() is get_settings()


@pytest.mark.parametrize(
    ("host", "link"),
    [
        ("127.0.0.1", "http://127.0.0.1:3100"),
        ("0.0.0.0", "http://127.0.0.1:3100"),
        ("::1", "http://[::1]:3100"),
        ("10.1.2.3", "http://10.1.2.3:3100"),
    ],
)
def test_links_lead_where_the_ui_listens(host: str, link: str) -> None:
    assert Settings(ui_host=host, ui_port=3100).ui_url == link
    assert Settings(ui_port=3100, ui_url="https://ui.example/").ui_url == "https://ui.example"
