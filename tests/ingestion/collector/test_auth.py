"""Write keys: stored as digests, several per source, changed without a restart."""

from __future__ import annotations

import hmac
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.collector.auth import KeyRing, KeysFile, key_in_request
from ingestion.collector.keys import main
from ingestion.collector.metrics import Metrics
from ingestion.senders import MAX_KEYS, digest_of, parse_write_keys
from ingestion.settings import Settings
from tests.ingestion.collector.live import PATIENCE_SECONDS, LiveCollector

BATCH = {"batch": [{"type": "track", "event": "e", "userId": "u1"}]}


def ring(text: str) -> KeyRing:
    return KeyRing(parse_write_keys(text))


def source_of(keys: KeyRing, key: str) -> str | None:
    sender = keys.sender_of(key)
    return sender.source if sender else None


def test_a_key_may_be_plain_or_its_digest() -> None:
    keys = ring(f"# who\n\nweb = plain==\nbackend=sha256:{digest_of('hidden').upper()}\n")
    assert source_of(keys, "plain==") == "web"
    assert source_of(keys, "hidden") == "backend"
    assert source_of(keys, digest_of("hidden")) is None
    assert source_of(keys, f"sha256:{digest_of('hidden')}") is None
    assert source_of(keys, "") is None


def test_a_source_may_have_several_keys_that_are_told_apart() -> None:
    keys = ring("web=old\nweb=new")
    old, new = keys.sender_of("old"), keys.sender_of("new")
    assert old is not None
    assert new is not None
    assert old.source == new.source == "web"
    assert old.digest != new.digest


def test_settings_keep_no_plain_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_WRITE_KEYS", " web = secret==, backend=other ")
    settings = Settings()
    assert set(settings.write_keys.values()) == {"web", "backend"}
    assert "secret" not in repr(settings)


def test_a_guess_is_compared_with_every_key_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[str] = []
    compare_digest = hmac.compare_digest

    def compare(known: str, guess: str) -> bool:
        compared.append(known)
        return compare_digest(known, guess)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    keys = ring("a=1\nb=2\nc=3")
    for guess in ("1", "3", "4"):
        keys.sender_of(guess)
    assert compared == 3 * [digest_of("1"), digest_of("2"), digest_of("3")]


@pytest.mark.parametrize(
    "text",
    [
        "web",
        "web=",
        "=secret",
        "a=secret\nb=secret",
        f"a=secret\nb=sha256:{digest_of('secret')}",
        "web=sha256:secret",
        "web=sha256:",
        f"web=sha256:{digest_of('x')}secret",
        "../web=secret",
        "..=secret",
        "a/b=secret",
        "a\\b=secret",
        "a\0b=secret",
        ".hidden=secret",
        "a b=secret",
        "bär=secret",
        f"{'w' * 65}=secret",
        "\n".join(f"web=secret{number}" for number in range(MAX_KEYS + 1)),
    ],
)
def test_a_bad_pair_is_named_without_its_key(text: str) -> None:
    with pytest.raises(ValueError, match=r"pair|more than") as refused:
        parse_write_keys(text)
    assert "secret" not in str(refused.value)
    assert digest_of("secret") not in str(refused.value)


def test_the_command_makes_a_key_and_the_line_that_knows_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed = []
    for _ in range(2):
        assert main(["new", "web"]) == 0
        printed.append(capsys.readouterr().out.splitlines())
    (line, key), (_, other) = printed[0][:2], printed[1][:2]
    assert key not in line
    assert len(key) >= 43
    assert key != other
    assert source_of(ring(line), key) == "web"


@pytest.mark.parametrize("source", ["../x", "a=b", "a\nb", ""])
def test_the_command_makes_no_key_for_a_source_that_cannot_be(
    source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["new", source])
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"writeKey=k", "k"),
        (b"a=b&writeKey=k%20%2B&c", "k +"),
        (b"writeKey=%ff", "\ufffd"),
        (b"writeKey=", None),
        (b"xwriteKey=k", None),
        (b"&" * 10_000, None),
        # A page view of Snowplow's browser tracker has 20 parameters, a hostile one any number.
        (b"a=b&" * 200 + b"writeKey=k", "k"),
    ],
)
def test_the_key_in_a_query_is_found_whatever_stands_beside_it(
    query: bytes, expected: str | None
) -> None:
    assert key_in_request({}, query) == expected


def test_a_long_query_is_no_failure_of_the_collector(shared: LiveCollector) -> None:
    # It was: a parser that gives up past fifty parameters ended in 500.
    query = "&".join(f"p{number}=1" for number in range(100))
    assert shared.post(f"/v1/batch?{query}", BATCH).status == 200
    assert shared.get(f"/i?{query}&aid=the-key-of-web&e=pv&duid=d").status == 200


def test_a_changed_file_is_read_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys"
    path.write_text("web=first")
    keys, metrics = ring("web=first"), Metrics()
    file = KeysFile(path, keys, metrics)

    def refresh(text: str | None) -> None:
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
        file.refresh()

    refresh("web=first\nweb=second")
    assert source_of(keys, "second") == source_of(keys, "first") == "web"
    refresh("web=second")
    assert source_of(keys, "first") is None
    for number, broken in enumerate(("oops third", "", "# nobody\n", None), 1):
        refresh(broken)
        assert source_of(keys, "second") == "web"
        assert metrics.registry.get_sample_value(
            "footfall_collector_keys_file_failures_total"
        ) == float(number)
        assert metrics.registry.get_sample_value("footfall_collector_keys_file_usable") == 0.0
    assert len([each for each in caplog.records if each.levelno == logging.ERROR]) == 4
    assert "third" not in caplog.text
    refresh("web=fourth")
    assert source_of(keys, "fourth") == "web"
    assert metrics.registry.get_sample_value("footfall_collector_keys_file_usable") == 1.0


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("web=first")
    keys = ring("web=other")
    file = KeysFile(path, keys, Metrics())
    file.refresh()
    assert source_of(keys, "other") == "web"
    file.refresh(force=True)
    assert source_of(keys, "first") == "web"


def test_a_live_collector_takes_new_keys_and_keeps_the_old_over_a_broken_file(
    collectors: Callable[..., LiveCollector], tmp_path: Path
) -> None:
    path = tmp_path / "keys"
    path.write_text(f"web=sha256:{digest_of('old')}\n")
    collector = collectors(FOOTFALL_WRITE_KEYS="", FOOTFALL_WRITE_KEYS_FILE=str(path))

    def status(key: str) -> int:
        return collector.post("/v1/batch", BATCH, key=key).status

    def until(condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    assert (status("old"), status("new")) == (200, 401)
    fresh = tmp_path / "fresh"
    fresh.write_text("web=new\nbackend=other\n")
    os.replace(fresh, path)
    collector.process.send_signal(signal.SIGHUP)
    until(lambda: status("new") == 200)
    assert status("old") == 401
    path.write_text("oops")
    collector.process.send_signal(signal.SIGHUP)
    until(lambda: b"keys_file_usable 0.0" in collector.get("/metrics").text)
    assert status("new") == 200
    assert collector.stop() == 0


def test_a_hang_up_without_a_keys_file_ends_nothing(shared: LiveCollector) -> None:
    shared.process.send_signal(signal.SIGHUP)
    assert shared.post("/v1/batch", BATCH).status == 200
    assert shared.process.poll() is None
