"""The start of Superset, up to where Superset itself is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bi.superset import start
from ingestion.settings import Settings


def test_a_secret_is_made_once_and_only_its_user_reads_it(tmp_path: Path) -> None:
    first, second = tmp_path / "superset" / start.KEY, tmp_path / "superset" / start.PASSWORD
    for path in (first, second):
        start.make_secret(path)
        assert path.stat().st_mode & 0o077 == 0
    assert first.parent.stat().st_mode & 0o077 == 0
    made = first.read_text()
    assert len(made) >= 40
    assert made != second.read_text()
    start.make_secret(first)
    assert first.read_text() == made


def test_without_a_published_file_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start, "get_settings", lambda: Settings(home=tmp_path))
    monkeypatch.setattr(start, "PROGRAMS", tmp_path)
    assert start.main() == 1
    assert "make superset" in capsys.readouterr().err
    (tmp_path / "gunicorn").touch()
    assert start.main() == 1
    assert "make demo" in capsys.readouterr().err


def test_each_worker_of_the_server_answers_one_request_at_a_time() -> None:
    # Threads of one process would share the file of before (docs/bi.md).
    arguments = start.serving(Settings(superset_port=1234))
    assert "127.0.0.1:1234" in arguments
    assert not {"--threads", "-k", "--worker-class"} & set(arguments)
