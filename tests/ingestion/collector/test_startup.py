"""A collector that cannot run says why, in one line, and exits with 2."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.ingestion.collector.live import KEYS, PATIENCE_SECONDS, free_port, launch


def complaint(tmp_path: Path, **changes: str | None) -> str:
    """What a collector with these variables writes before it exits with 2."""
    variables: dict[str, str | None] = {
        "FOOTFALL_HOME": str(tmp_path / "home"),
        "FOOTFALL_PORT": str(free_port()),
        "FOOTFALL_WRITE_KEYS": KEYS,
        **changes,
    }
    process = launch({name: value for name, value in variables.items() if value is not None})
    try:
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 2
    text = said.decode()
    assert text.count("\n") == 1
    assert "Traceback" not in text
    return text


def test_a_busy_port_is_said_so(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        assert "FOOTFALL_PORT" in complaint(tmp_path, FOOTFALL_PORT=port)


def test_an_address_of_another_machine_is_said_so(tmp_path: Path) -> None:
    assert "FOOTFALL_HOST" in complaint(tmp_path, FOOTFALL_HOST="192.0.2.1")


def test_missing_keys_are_said_so(tmp_path: Path) -> None:
    assert "FOOTFALL_WRITE_KEYS:" in complaint(tmp_path, FOOTFALL_WRITE_KEYS=None)


@pytest.mark.parametrize(
    "text", [None, "no pair here", "web=\n", "a=1\nb=1", "\udcff", "", "a=sha256:12"]
)
def test_an_unusable_key_file_is_said_so_without_its_content(
    tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "keys"
    if text is not None:
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
    said = complaint(tmp_path, FOOTFALL_WRITE_KEYS=None, FOOTFALL_WRITE_KEYS_FILE=str(path))
    assert "FOOTFALL_WRITE_KEYS_FILE:" in said
    assert "no pair here" not in said


def test_a_home_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "FOOTFALL_HOME:" in complaint(tmp_path, FOOTFALL_HOME=str(tmp_path / "file" / "home"))


def test_a_landing_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = complaint(tmp_path, FOOTFALL_LANDING_URL=str(tmp_path / "file" / "landing"))
    assert "FOOTFALL_LANDING_URL:" in said
