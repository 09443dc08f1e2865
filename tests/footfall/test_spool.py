from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import footfall
from footfall import spool as spool_module
from footfall.spool import ABANDONED_AFTER_SECONDS, Spool
from tests.footfall.conftest import ClientMaker
from tests.footfall.endpoint import Endpoint, Reply, eventually


def spool_in(folder: Path, write_key: str = "key") -> Spool:
    return Spool(folder, host="http://h", write_key=write_key)


def files(folder: Path, suffix: str = ".ndjson") -> list[Path]:
    return sorted(folder.rglob("*" + suffix))


def test_what_is_written_is_read_in_order_and_deleted_when_settled(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    assert spool.write([b'{"n":1}', b'{"n":2}'])
    assert spool.write([b'{"n":3}'])
    read = []
    while chunk := spool.oldest():
        read.append(chunk.bodies)
        spool.discard(chunk)
    spool.release()
    assert read == [[b'{"n":1}', b'{"n":2}'], [b'{"n":3}']]
    assert files(tmp_path) == []


def test_a_chunk_that_is_not_settled_stays(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.write([b"{}"])
    spool.oldest()
    spool.release()
    chunk = spool_in(tmp_path).oldest()
    assert chunk is not None
    assert chunk.bodies == [b"{}"]


def test_a_chunk_is_on_disk_before_it_bears_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        kind = "folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file"
        steps.append(f"fsync {kind}")
        real_fsync(descriptor)

    def replace(source: str, target: str) -> None:
        steps.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    assert spool_in(tmp_path).write([b"{}"])
    assert steps == ["fsync file", "rename", "fsync folder"]


def test_one_process_sends_at_a_time(tmp_path: Path) -> None:
    first, second = spool_in(tmp_path), spool_in(tmp_path)
    first.write([b"{}"])
    assert first.oldest() is not None
    assert second.oldest() is None
    first.release()
    assert second.oldest() is not None
    second.release()


def test_another_process_respects_the_lock(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.write([b"{}"])
    script = (
        "import sys; from footfall.spool import Spool; "
        "print(Spool(sys.argv[1], host='http://h', write_key='key').oldest() is None)"
    )

    def other_sees_none() -> str:
        return subprocess.check_output(
            [sys.executable, "-c", script, str(tmp_path)],
            cwd=Path(footfall.__file__).parents[1],
            text=True,
        ).strip()

    assert other_sees_none() == "False"
    assert spool.oldest() is not None
    assert other_sees_none() == "True"
    spool.release()


def test_events_of_another_write_key_are_not_touched(tmp_path: Path) -> None:
    spool_in(tmp_path, "theirs").write([b"{}"])
    assert spool_in(tmp_path, "ours").oldest() is None
    assert spool_in(tmp_path, "ours").has_chunks() is False
    assert spool_in(tmp_path, "theirs").has_chunks() is True


def test_the_key_is_not_on_disk_and_others_may_not_read(tmp_path: Path) -> None:
    spool_in(tmp_path / "spool", "s3cret").write([b"{}"])
    (file,) = files(tmp_path)
    assert "s3cret" not in str(file)
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_a_torn_line_costs_no_other(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.write([b'{"n":1}', b'{"n":2}'])
    (file,) = files(tmp_path)
    file.write_bytes(b'{"n":1}\nnull\n\xff\n{"n":')
    chunk = spool.oldest()
    spool.release()
    assert chunk is not None
    assert (chunk.bodies, chunk.damaged) == ([b'{"n":1}'], 3)


def test_an_unfinished_file_is_left_to_its_writer_until_it_is_abandoned(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.write([b'{"n":1}'])
    (file,) = files(tmp_path)
    unfinished = file.rename(file.with_suffix(".part"))
    assert spool.oldest() is None
    long_ago = time.time() - ABANDONED_AFTER_SECONDS - 1
    os.utime(unfinished, (long_ago, long_ago))
    chunk = spool.oldest()
    spool.release()
    assert chunk is not None
    assert chunk.bodies == [b'{"n":1}']


def test_a_full_spool_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "MAX_SPOOL_BYTES", 10)
    spool = spool_in(tmp_path)
    assert spool.write([b'{"n":1}']) is True
    assert spool.write([b'{"n":2}']) is False
    assert len(files(tmp_path)) == 1
    assert files(tmp_path, ".part") == []


def test_a_failing_disk_is_a_false_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    assert spool_in(tmp_path).write([b"{}"]) is False
    assert files(tmp_path) == files(tmp_path, ".part") == []


def test_a_folder_that_cannot_be_made_is_a_false(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    spool = spool_in(tmp_path / "file")
    assert spool.write([b"{}"]) is False
    assert spool.oldest() is None
    assert spool.has_chunks() is False


def test_a_chunk_that_cannot_be_deleted_is_not_sent_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = spool_in(tmp_path)
    spool.write([b"{}"])
    chunk = spool.oldest()
    assert chunk is not None

    def unlink(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink)
        spool.discard(chunk)
    assert spool.oldest() is None
    spool.release()


@pytest.mark.usefixtures("quick_retries")
class TestClient:
    """The spool in a client's hands."""

    def test_what_cannot_be_delivered_at_the_end_is_spooled_at_once(
        self, make_client: ClientMaker, free_port: int, tmp_path: Path
    ) -> None:
        client = make_client(host=f"http://127.0.0.1:{free_port}", spool_dir=tmp_path, batch_size=2)
        for _ in range(5):
            client.track("u1", "click")
        client.shutdown(1000.0)
        assert client.stats() == footfall.Stats(5, 0, 5, {}, 0, 0)

    def test_the_next_client_sends_it_without_being_asked(
        self, endpoint: Endpoint, make_client: ClientMaker, tmp_path: Path
    ) -> None:
        endpoint.default = Reply(503)
        first = make_client(spool_dir=tmp_path, batch_size=2)
        for number in range(5):
            first.track("u1", f"step_{number}")
        first.shutdown(1000.0)
        endpoint.default = Reply()
        second = make_client(spool_dir=tmp_path, batch_size=2)
        endpoint.wait_for_events(5)
        assert sorted(e["event"] for e in endpoint.stored) == [f"step_{n}" for n in range(5)]
        eventually(lambda: files(tmp_path) == [])
        eventually(lambda: second.stats() == footfall.Stats(5, 5, 0, {}, 0, 5))

    def test_a_chunk_is_deleted_only_after_it_was_acknowledged(
        self, endpoint: Endpoint, make_client: ClientMaker, tmp_path: Path
    ) -> None:
        Spool(tmp_path, host=endpoint.url, write_key="key").write([b'{"event":"old"}'])
        endpoint.hold()
        client = make_client(spool_dir=tmp_path)
        endpoint.wait_for_arrivals(1)
        assert len(files(tmp_path)) == 1
        client.shutdown(0.05)
        assert client.stats() == footfall.Stats(1, 0, 1, {}, 0, 1)
        assert len(files(tmp_path)) == 1

    def test_a_chunk_the_endpoint_rejects_is_counted_and_deleted(
        self, endpoint: Endpoint, make_client: ClientMaker, tmp_path: Path
    ) -> None:
        Spool(tmp_path, host=endpoint.url, write_key="key").write([b"{}", b"{}"])
        endpoint.default = Reply(400)
        client = make_client(spool_dir=tmp_path)
        eventually(lambda: client.stats() == footfall.Stats(2, 0, 0, {"http_400": 2}, 0, 2))
        eventually(lambda: files(tmp_path) == [])

    def test_damaged_lines_are_counted(
        self, endpoint: Endpoint, make_client: ClientMaker, tmp_path: Path
    ) -> None:
        Spool(tmp_path, host=endpoint.url, write_key="key").write([b'{"event":"old"}', b'{"eve'])
        client = make_client(spool_dir=tmp_path)
        endpoint.wait_for_events(1)
        eventually(lambda: files(tmp_path) == [])
        stats = client.stats()
        assert (stats.dropped, stats.recovered) == ({"spool_damaged": 1}, 2)

    def test_a_crowded_queue_goes_to_disk_before_anything_is_dropped(
        self, endpoint: Endpoint, make_client: ClientMaker, tmp_path: Path
    ) -> None:
        endpoint.hold()
        client = make_client(spool_dir=tmp_path, max_queue_events=100, batch_size=10)
        for number in range(1000):
            # As slow as the disk: this is a test of order, not of speed.
            eventually(lambda: not client._queue.is_crowded())
            client.track("u1", f"step_{number}")
        stats = client.stats()
        assert stats.spooled > 0
        assert stats.dropped == {}
        endpoint.release()
        endpoint.wait_for_events(1000)
        assert len({event["event"] for event in endpoint.stored}) == 1000
        eventually(lambda: client.stats().pending == 0)
        last = client.stats()
        assert last.sent == 1000
        assert last.enqueued == last.sent + last.spooled
        assert last.recovered == last.spooled

    def test_a_spool_that_takes_nothing_leaves_events_in_the_queue(
        self, endpoint: Endpoint, make_client: ClientMaker, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("in the way")
        endpoint.hold()
        client = make_client(spool_dir=tmp_path / "file", max_queue_events=40, batch_size=10)
        for _ in range(200):
            client.track("u1", "click")
        stats = client.stats()
        assert stats.spooled == 0
        assert stats.dropped.get("queue_full", 0) > 0
        endpoint.release()
        eventually(lambda: client.stats().pending == 0)
        last = client.stats()
        assert last.enqueued == last.sent + sum(last.dropped.values())
        assert last.sent >= 30
