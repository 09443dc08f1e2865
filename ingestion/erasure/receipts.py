"""What an erasure removed, by place: counted before each step, without personal data.

``erasures/unfinished`` has the accounts of running erasures. If one is killed and run again, its
counts are still used. ``erasures/receipts`` has the finished ones.
"""

from __future__ import annotations

import os
import uuid
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from ingestion.facts.disk import replace_file
from ingestion.landing.rewriting import Found

#: The prefix of a landed file in a note.
_LANDED: Final = "landing: "


class Begun(msgspec.Struct, frozen=True):
    """The first line of an account: which erasure it belongs to."""

    erasure_id: str
    subject: str
    begun_at: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The proof of an erasure; ``subject`` is the keyed hash of the id it was asked for.

    ``counts`` is place → lines, rows or records erased there. ``tombstones`` counts the hashes that
    are kept.
    """

    erasure_id: str
    subject: str
    begun_at: str
    finished_at: str | None
    tombstones: dict[str, int]
    counts: dict[str, int]

    def lines(self) -> list[str]:
        """The receipt for people to read."""
        counts = self.counts or {"anywhere": 0}
        return [
            f"{self.erasure_id}: {self.subject}",
            *(f"{count:>10,}  {place}" for place, count in counts.items()),
            *(f"{count:>10,}  tombstones of {kind}" for kind, count in self.tombstones.items()),
        ]


class Account:
    """The account of a running erasure; each note is on disk before its step is done."""

    def __init__(self, folder: Path, subject: str) -> None:
        """Continue the unfinished account of this subject, or begin one with the first note."""
        self._unfinished = folder / "unfinished"
        self._receipts = folder / "receipts"
        left = next((each for each in unfinished(folder) if each.subject == subject), None)
        self.begun = left or Begun(str(uuid.uuid4()), subject, now())
        self._path = self._unfinished / f"{self.begun.erasure_id}.ndjson"
        self._notes: dict[str, int] = {}
        for line in self._path.read_bytes().splitlines()[1:] if left else []:
            # A line that a kill cut short is not a note.
            with suppress(msgspec.MsgspecError):
                self._add(msgspec.json.decode(line, type=dict[str, int]))

    def note(self, counts: dict[str, int]) -> None:
        """Write down what will be erased next: place → count.

        A step that is repeated finds less, or nothing. So the largest count of a place is used.
        """
        if not self._path.exists():
            self._unfinished.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, msgspec.json.encode(self.begun))
        with self._path.open("ab") as out:
            out.write(b"\n" + msgspec.json.encode(counts))
            out.flush()
            os.fsync(out.fileno())
        self._add(counts)

    def note_file(self, found: Found) -> None:
        """Write down the lines that will be erased from one landed file."""
        self.note({f"{_LANDED}{found.file.name}": len(found.lines)})

    def counts(self) -> dict[str, int]:
        """The sum of all notes; the landed files of a kind are added up."""
        total: dict[str, int] = defaultdict(int)
        for place, count in self._notes.items():
            if count and place.startswith(_LANDED):
                kind = place.removeprefix(_LANDED).partition("/")[0]
                total[f"landing/{kind}, lines"] += count
                total[f"landing/{kind}, files"] += 1
            elif count:
                total[place] += count
        return dict(total)

    def finish(self, tombstones: dict[str, int]) -> Receipt:
        """Write the receipt, then delete the account."""
        receipt = Receipt(
            erasure_id=self.begun.erasure_id,
            subject=self.begun.subject,
            begun_at=self.begun.begun_at,
            finished_at=now(),
            tombstones=tombstones,
            counts=self.counts(),
        )
        self._receipts.mkdir(parents=True, exist_ok=True)
        written = msgspec.json.format(msgspec.json.encode(receipt), indent=1)
        replace_file(self._receipts / f"{receipt.erasure_id}.json", written)
        self._path.unlink(missing_ok=True)
        return receipt

    def _add(self, counts: dict[str, int]) -> None:
        for place, count in counts.items():
            self._notes[place] = max(count, self._notes.get(place, 0))


def unfinished(folder: Path) -> list[Begun]:
    """The erasures that were begun and not finished, oldest first.

    An account that cannot be read is one of them, with a subject that says what to do.
    """
    begun = [_begun(path) for path in (folder / "unfinished").glob("*.ndjson")]
    return sorted(begun, key=lambda each: each.begun_at)


def _begun(path: Path) -> Begun:
    try:
        return msgspec.json.decode(path.read_bytes().partition(b"\n")[0], type=Begun)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        advice = "cannot be read: erase the person again, then delete this file"
        return Begun(path.stem, f"{path} {advice}", "an unknown time")


def now() -> str:
    """The current time in the form of receipts."""
    return datetime.now(UTC).isoformat(timespec="seconds")
