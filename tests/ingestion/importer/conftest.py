"""What tests of imports share: a home, the command, and what it landed."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ingestion.importer import __main__ as command
from tests.ingestion.loading.site import Site

Line = dict[str, Any]
#: When all files of these tests were written: 2026-03-01T10:00:00Z.
WRITTEN = 1_772_359_200


@dataclass
class Imported:
    """How one call of the command ended."""

    code: int
    out: str
    err: str


class Desk:
    """A folder of exports, and a home to import them into."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self.site = Site(folder / "home", threads=1)
        self._capfd = capfd
        monkeypatch.setattr(command, "get_settings", lambda: self.site.settings)

    def write(self, name: str, content: bytes | Iterable[Line]) -> Path:
        """An export; lines become NDJSON, compressed where the name says so."""
        if not isinstance(content, bytes):
            content = b"".join(json.dumps(each).encode() + b"\n" for each in content)
        if name.endswith(".gz") and not content.startswith(b"\x1f\x8b"):
            content = gzip.compress(content, mtime=0)
        path = self.folder / name
        path.write_bytes(content)
        os.utime(path, (WRITTEN, WRITTEN))
        return path

    def run(self, format_name: str, *arguments: str | Path) -> Imported:
        """One call of the command."""
        code = command.main([format_name, *map(str, arguments)])
        captured = self._capfd.readouterr()
        return Imported(code, captured.out, captured.err)

    def files(self) -> dict[str, bytes]:
        """All landed files by name, without the lock."""
        return {
            str(path.relative_to(self.site.landing)): path.read_bytes()
            for path in sorted(self.site.landing.rglob("*"))
            if path.is_file() and path.name != "lock"
        }

    def events(self) -> list[Line]:
        """The events that landed, in the order of their parts."""
        return list(self._lines("events"))

    def refused(self) -> list[Line]:
        """The records that were refused."""
        return list(self._lines("quarantine"))

    def _lines(self, kind: str) -> Iterator[Line]:
        paths = (self.site.landing / kind).rglob("*.ndjson.gz")
        for path in sorted(paths, key=lambda path: path.name):
            yield from map(json.loads, gzip.decompress(path.read_bytes()).splitlines())


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Desk:
    """A folder of exports with an empty home."""
    return Desk(tmp_path, monkeypatch, capfd)
