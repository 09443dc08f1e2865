"""One pull: each window that is due is asked, and what is new in it is imported.

A window is asked several times, because events come late. The rows of one that were imported are
remembered by their digests until nobody asks for it any more. Whoever is killed before that
imports some rows twice, and the warehouse counts an event once.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from dlt.sources.helpers.requests import Client
from requests import RequestException

from ingestion.facts.disk import make_folders, replace_file
from ingestion.facts.lines import BadLine
from ingestion.importer.formats.catalog import BY_NAME
from ingestion.importer.reading import ImportFailed, on_disk, records
from ingestion.landing.storage import Storage
from ingestion.puller.definitions import Pull
from ingestion.puller.vendors import windows

#: Bytes of a digest of a row, and of the piece of an answer that is written at once.
DIGEST_BYTES: Final = 16
PIECE_BYTES: Final = 1024 * 1024
#: Seconds without a byte after which an answer is given up.
QUIET_SECONDS: Final = 300
ATTEMPTS: Final = 5


class PullFailed(Exception):
    """A window could not be pulled; the message says why and what to do."""


class Pulled:
    """What a pull has asked so far: its folder in the home."""

    def __init__(self, home: Path, name: str) -> None:
        self._folder = home / "pulls" / name
        self._state = self._folder / "state.json"
        make_folders(self._folder, root=home)

    @property
    def through(self) -> datetime | None:
        """The end of the last window that was asked."""
        with suppress(FileNotFoundError):
            return datetime.fromisoformat(json.loads(self._state.read_text())["through"])
        return None

    def asked(self, through: datetime, kept_from: datetime) -> None:
        """Remember that all is asked until here, and forget the rows of what is done with."""
        replace_file(self._state, json.dumps({"through": through.isoformat()}).encode())
        for path in self._folder.glob("*.rows"):
            if path.stem < _stem(kept_from):
                path.unlink(missing_ok=True)

    def rows(self, begin: datetime) -> set[bytes]:
        """The digests of the rows of a window that were imported."""
        try:
            known = self._path(begin).read_bytes()
        except FileNotFoundError:
            return set()
        starts = range(0, len(known) - DIGEST_BYTES + 1, DIGEST_BYTES)
        return {known[start : start + DIGEST_BYTES] for start in starts}

    def keep(self, begin: datetime, digests: set[bytes]) -> None:
        """Remember all rows of a window that were imported."""
        replace_file(self._path(begin), b"".join(sorted(digests)))

    def _path(self, begin: datetime) -> Path:
        return self._folder / f"{_stem(begin)}.rows"


def _stem(begin: datetime) -> str:
    return f"{begin:%Y%m%dT%H}"


def pull(
    one: Pull,
    key: str,
    home: Path,
    now: datetime,
    import_file: Callable[[Path, Pull], bool],
    *,
    wait_seconds: float = 60.0,
) -> Iterator[str]:
    """Ask all windows that are due, and yield a line for each. Raises PullFailed.

    ``import_file`` lands the rows of a file and says whether it could. ``wait_seconds`` is the
    longest that a tool that asks for patience is waited for, before each next try.
    """
    state = Pulled(home, one.name)
    client = Client(
        request_timeout=QUIET_SECONDS,
        raise_for_status=False,
        request_max_attempts=ATTEMPTS,
        request_max_retry_delay=wait_seconds,
    )
    for begin in windows(one.vendor, one.begin, state.through, one.lookback, now):
        with tempfile.TemporaryDirectory(prefix="footfall-pull-") as folder:
            answer = Path(folder) / f"{one.name}-{_stem(begin)}"
            # The importer knows how a file is packed by the end of its name.
            rows = answer.with_suffix(".jsonl")
            imported = state.rows(begin)
            new, known = set[bytes](), 0
            if _ask(client, one, key, begin, answer):
                new, known = _new_rows(one, answer, imported, rows)
            if new and not import_file(rows, one):
                raise PullFailed(
                    f"{one.name}: what came for {begin:%Y-%m-%d %H:%M} UTC cannot be imported; the "
                    "lines above say why"
                )
            if new:
                state.keep(begin, imported | new)
        yield f"{one.name} {begin:%Y-%m-%d %H:%M}: {len(new):,} new rows, {known:,} known"
        end = min(begin + one.vendor.window, now)
        state.asked(max(end, state.through or end), end - one.lookback - one.vendor.window)


def _ask(client: Client, one: Pull, key: str, begin: datetime, answer: Path) -> bool:
    """Write the answer for a window to a file; False if the tool has nothing of it."""
    asked = one.vendor.request(key, begin, one.options)
    place = f"{one.name}: {one.from_} for {begin:%Y-%m-%d %H:%M} UTC"
    try:
        with client.session.request(
            "POST" if asked.form else "GET",
            (one.url or one.vendor.url) + asked.path,
            params=dict(asked.query),
            data=dict(asked.form) or None,
            auth=(asked.user, asked.password) if asked.user else None,
            stream=True,
        ) as response:
            if response.status_code == one.vendor.empty_status:
                return False
            if response.status_code in (401, 403):
                raise PullFailed(
                    f"{place}: the key was refused ({response.status_code}); write "
                    f"{one.name}={one.vendor.key_form} into FOOTFALL_PULL_KEYS"
                )
            if response.status_code != 200:
                raise PullFailed(
                    f"{place}: it answered {response.status_code}; the next pull goes on from here"
                )
            with answer.open("wb") as file:
                for piece in response.iter_content(PIECE_BYTES):
                    file.write(piece)
    except RequestException as error:
        raise PullFailed(
            f"{place}: {type(error).__name__}; the next pull goes on from here"
        ) from None
    mark = one.vendor.cut_mark
    if mark and answer.stat().st_size and _end_of(answer, len(mark)) == mark:
        raise PullFailed(f"{place}: it ended its answer early; the next pull goes on from here")
    return answer.stat().st_size > 0


def _end_of(path: Path, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - length - 2))
        return file.read().rstrip()[-length:]


def _new_rows(one: Pull, answer: Path, known: set[bytes], rows: Path) -> tuple[set[bytes], int]:
    """Write the rows of an answer that are not known; their digests, and how many are known."""
    format_ = BY_NAME[one.from_]
    new: set[bytes] = set()
    count = 0
    try:
        with (
            Storage(str(answer)).opened() as (storage, root),
            on_disk(storage, root, f"the answer of {one.from_}") as file,
            rows.open("wb") as out,
        ):
            for where, row in records(file, format_.header, format_.gather or format_.rows):
                if isinstance(row, BadLine) and row.is_end:
                    raise PullFailed(
                        f"{one.name}: the answer ends at {where}: {row.reason}; the next pull asks "
                        "again"
                    )
                text = row.text.encode() if isinstance(row, BadLine) else row
                digest = hashlib.blake2b(text, digest_size=DIGEST_BYTES).digest()
                if digest in known:
                    count += 1
                elif digest not in new:
                    new.add(digest)
                    out.write(text + b"\n")
    except ImportFailed as problem:
        raise PullFailed(f"{one.name}: {problem}") from None
    return new, count
