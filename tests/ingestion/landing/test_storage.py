"""If a landing cannot be reached, no error shows its password, and collectors still start."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from urllib.parse import quote

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from ingestion.landing.storage import Storage, StorageAway, shown, without_secrets
from ingestion.landing.store import Landing, LandingUnusable
from ingestion.settings import Settings
from tests.ingestion.collector.live import LiveCollector, free_port
from tests.prepared import furnish
from tests.warm import run_module

#: As they are written in a URL: some should have been quoted, and people forget it.
PASSWORDS = ["s3cret-word", "s3cr%65t%2Fword", "wJalr/XUtn+FEMI/K7MD", "p@ss?w#rd", "a:b:c:dddd"]
URLS = [f"ftp://someone:{password}@127.0.0.1:1/landing" for password in PASSWORDS]
QUERIES = [
    "s3://bucket/landing?aws_secret_access_key=s3cret-word",
    "https://store.example/landing?sv=2026&sig=s3cret-word",
]


def hidden_in(url: str) -> list[str]:
    """What may not be read of it anywhere."""
    if "?" in url and "@" not in url:
        return ["s3cret-word"]
    password = url.partition("someone:")[2].rpartition("@")[0]
    return [password, *[each for each in password.split("/") if len(each) > 3]]


@pytest.mark.parametrize("url", [*URLS, *QUERIES])
def test_an_url_is_shown_without_its_secrets(url: str) -> None:
    for secret in hidden_in(url):
        assert secret not in shown(url)
        assert secret not in without_secrets(f"ValueError: {url} and {secret}: no", url)
    assert shown(url).partition("://")[0] == url.partition("://")[0]


@pytest.mark.parametrize(
    "url", ["s3://bucket/a@b", "memory://x", "/a/path:with@signs", "ftp://host/x", ""]
)
def test_an_url_without_secrets_is_shown_as_it_is(url: str) -> None:
    assert shown(url) == url
    assert without_secrets(f"{url} is away", url) == f"{url} is away"


def test_of_a_text_with_a_very_short_password_only_the_kind_is_told() -> None:
    url = "ftp://me:ab@host/x"
    assert without_secrets("OSError: no cab for ab at host", url) == "OSError"
    assert without_secrets("ab", url) == "***"
    assert without_secrets("OSError: refused", url) == "OSError: refused"


class Talkative(MemoryFileSystem):  # type: ignore[misc]
    """A driver that connects when it is made, and quotes what it was given."""

    protocol = "talkative"
    refused = True

    def __init__(self, said: str = "", **options: object) -> None:
        super().__init__()
        if self.refused:
            try:
                raise PermissionError(f"403 for {said}")
            except PermissionError as error:
                raise RuntimeError(f"cannot connect to {said}") from error

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, str]:
        return {"said": path}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(f"memory://{path.rpartition('@')[2]}"))


fsspec.register_implementation("talkative", Talkative, clobber=True)


@pytest.mark.parametrize("password", PASSWORDS)
def test_no_error_of_a_driver_and_none_behind_it_says_the_password(password: str) -> None:
    url = f"talkative://someone:{password}@bucket/landing"
    remote = Landing(url)
    for attempt in (Landing(url).files, lambda: remote.holds("events/a.ndjson")):
        with pytest.raises((LandingUnusable, StorageAway)) as raised:
            attempt()
        told = "".join(traceback.format_exception(raised.value)) + repr(raised.value.__cause__)
        for secret in hidden_in(url):
            assert secret not in told
        assert "RuntimeError" in told


def test_a_landing_that_comes_back_is_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage("talkative://someone:s3cret-word@bucket/landing")
    with pytest.raises(StorageAway), storage.opened():
        pass
    monkeypatch.setattr(Talkative, "refused", False)
    with storage.opened() as (_, root):
        assert root == "/bucket/landing"
    with pytest.raises(StorageAway, match="BrokenPipeError"), storage.opened():
        raise BrokenPipeError
    with storage.opened() as (driver, _):
        assert isinstance(driver, Talkative)


@pytest.mark.parametrize(
    "url", ["nosuch://me:s3cret-word@host/x", "ftp://me:s3cret-word@host:port/x"]
)
def test_an_url_that_is_none_is_refused_at_start_without_its_password(url: str) -> None:
    named = r"^FOOTFALL_LANDING_URL: "
    with pytest.raises(LandingUnusable, match=named) as raised:
        Landing(url)
    assert "s3cret-word" not in "".join(traceback.format_exception(raised.value))


def test_settings_do_not_show_it() -> None:
    settings = Settings(landing_url="ftp://me:s3cret-word@host/x")
    assert "s3cret-word" not in repr(settings) + str(settings.model_dump())
    assert settings.landing == "ftp://me:s3cret-word@host/x"


def test_a_collector_takes_events_while_the_landing_is_away_and_seals_them_later(
    tmp_path: Path,
) -> None:
    """The driver of FTP connects when it is made: the collector ended in a traceback."""
    away = f"ftp://someone:s3cret-word@127.0.0.1:{free_port()}/landing"
    collector = LiveCollector(
        tmp_path, {"FOOTFALL_LANDING_URL": away, "FOOTFALL_SEGMENT_SECONDS": "0.05"}
    ).start()
    try:
        reply = collector.post("/v1/track", {"userId": "u", "event": "bought"})
        assert reply.status == 200
        while list((tmp_path / "landing" / "open").glob("*.events.ndjson")) == []:
            pass
        assert collector.stop() == 0
        said = collector.process.stderr.read().decode()  # type: ignore[union-attr]
    finally:
        collector.kill()
    assert "cannot seal" in said
    assert "s3cret-word" not in said

    collector.process.stderr.close()  # type: ignore[union-attr]

    after = LiveCollector(tmp_path, {"FOOTFALL_SEGMENT_SECONDS": "0.05"}).start()
    try:
        assert after.stop() == 0
    finally:
        after.kill()
        after.process.stderr.close()  # type: ignore[union-attr]
    assert [line["event_name"] for line in after.landed()] == ["bought"]


def test_a_nightly_run_without_its_landing_says_so_and_keeps_the_password_nowhere(
    tmp_path: Path,
) -> None:
    furnish(Settings(home=tmp_path))
    away = f"ftp://someone:{quote('s3cret/word')}%3Bx@127.0.0.1:{free_port()}/landing"
    for command in ("nightly", "erase-person --user-id u1"):
        environment = {"FOOTFALL_HOME": str(tmp_path), "FOOTFALL_LANDING_URL": away}
        done = run_module("orchestration", *command.split(), environment=os.environ | environment)
        assert done.returncode != 0
        assert "FOOTFALL_LANDING_URL: ftp://***@127.0.0.1" in done.stderr, done.stderr
        assert "s3cret" not in done.stdout + done.stderr
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in kept if b"s3cret" in path.read_bytes()] == []
