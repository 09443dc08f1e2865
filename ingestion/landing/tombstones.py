"""Tombstones: keyed hashes of erased ids, by which erased events are recognised if sent again.

``erasures/tombstones.ndjson`` has one line per erasure. ``erasures/salt`` is the key; without it a
hash tells nothing. The file is only replaced by a longer one, in one rename.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from ingestion.facts.compression import unpacked
from ingestion.facts.disk import replace_file
from ingestion.facts.file_state import file_state
from ingestion.landing.ids_in_text import names_in, users_named

#: As long as the hash's own state: nobody can guess it.
SALT_BYTES: Final = 32
#: Two ids of about 2^64 would have the same hash.
DIGEST_BYTES: Final = 16

Digest = bytes


class TombstonesUnusable(OSError):
    """The tombstones cannot be read; nothing may be landed or loaded until they can."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One erasure: its subject, and the hashes of all ids that it covers, in hex."""

    erasure_id: str
    subject: str
    begun_at: str
    users: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tombstones:
    """All erasures of a home and their salt; without entries they cover nothing."""

    salt: bytes = b""
    entries: tuple[Entry, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.entries)

    @cached_property
    def users(self) -> frozenset[Digest]:
        """Every user id of the erased people."""
        return frozenset(bytes.fromhex(text) for entry in self.entries for text in entry.users)

    @cached_property
    def devices(self) -> frozenset[Digest]:
        """Devices that only erased people used."""
        return frozenset(bytes.fromhex(text) for entry in self.entries for text in entry.devices)

    @cached_property
    def events(self) -> frozenset[Digest]:
        """Events that neither these users nor these devices cover."""
        return frozenset(bytes.fromhex(text) for entry in self.entries for text in entry.events)

    @cached_property
    def _all(self) -> frozenset[Digest]:
        return self.users | self.devices | self.events

    @cached_property
    def _keyed(self) -> hashlib.blake2b:
        return hashlib.blake2b(key=self.salt, digest_size=DIGEST_BYTES, person=b"footfall")

    def digest(self, name: str) -> Digest:
        """The keyed hash that stands for an id."""
        hashed = self._keyed.copy()
        hashed.update(name.encode("utf-8", "surrogatepass"))
        return hashed.digest()

    def covers_event(
        self,
        event_id: str | None,
        user_id: str | None,
        anonymous_id: str | None,
        previous_id: str | None = None,
    ) -> bool:
        """Whether an event is erased: by its user, by its device, or by its own id.

        The device counts only if the event names no user: an event of another user on an erased
        person's device belongs to that other user.
        """
        if user_id:
            if self.digest(user_id) in self.users:
                return True
        elif anonymous_id and self.digest(anonymous_id) in self.devices:
            return True
        if previous_id and self.digest(previous_id) in self.users:
            return True
        return bool(self.events and event_id and self.digest(event_id) in self.events)

    def covers_text(self, text: bytes, beside: bytes = b"", event_id: str | None = None) -> bool:
        """Whether a refused event, or a line that cannot be parsed, is erased.

        It is erased if it contains an erased id, unless it names another user. ``beside`` is the
        JSON of the fields that it inherits from its batch.
        """
        if event_id and self.digest(event_id) in self.events:
            return True
        text = unpacked(text)
        users = users_named(text) | users_named(beside)
        if users:
            return any(self.digest(user) in self.users for user in users)
        names = chain(names_in(text), names_in(beside))
        return any(self.digest(name) in self._all for name in names)

    def entry_of(self, subject: str) -> Entry | None:
        """The last erasure of this subject, or that covers it."""
        kind, _, digest = subject.partition(":")
        for entry in reversed(self.entries):
            covered = entry.users if kind == "user" else entry.devices
            if subject == entry.subject or digest in covered:
                return entry
        return None

    def with_entry(self, entry: Entry) -> Tombstones:
        """These and one more erasure."""
        return Tombstones(self.salt, (*self.entries, entry))


#: Before the first erasure.
NOTHING_ERASED: Final = Tombstones()


class TombstoneFile:
    """The tombstones of a home, read again when they change; threads may share one."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "erasures"
        self._path = self._folder / "tombstones.ndjson"
        self._salt = self._folder / "salt"
        self._held: tuple[tuple[int, ...] | None, Tombstones] = (None, NOTHING_ERASED)

    @property
    def held(self) -> Tombstones:
        """The tombstones that were read last."""
        return self._held[1]

    def read(self) -> Tombstones:
        """The tombstones as they are now; raises TombstonesUnusable."""
        state = self._state()
        if state != self._held[0]:
            self._held = (state, self._parsed())
        return self._held[1]

    def salted(self) -> Tombstones:
        """The tombstones, with a new salt if there is none; it is not saved."""
        found = self.read()
        if found.salt:
            return found
        try:
            return Tombstones(self._salt.read_bytes())
        except FileNotFoundError:
            return Tombstones(secrets.token_bytes(SALT_BYTES))

    def keep_salt(self, tombstones: Tombstones) -> None:
        """Save the salt, durably, if there is none; raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._salt.exists():
            replace_file(self._salt, tombstones.salt)

    def write(self, tombstones: Tombstones) -> None:
        """Replace the old tombstones by these, durably, salt first; raises OSError.

        Every collector of this home then seals, even if the tombstones did not change.
        """
        self.keep_salt(tombstones)
        lines = b"".join(msgspec.json.encode(entry) + b"\n" for entry in tombstones.entries)
        replace_file(self._path, lines)

    def _parsed(self) -> Tombstones:
        try:
            lines = self._path.read_bytes().splitlines()
            entries = tuple(msgspec.json.decode(line, type=Entry) for line in lines)
            salt = self._salt.read_bytes()
            if len(salt) != SALT_BYTES:
                raise ValueError("the salt beside it is not whole")
            return Tombstones(salt, entries)
        except FileNotFoundError as error:
            if error.filename == str(self._path):
                return NOTHING_ERASED
            problem = "the salt beside it is gone"
        except OSError as error:
            problem = error.strerror or type(error).__name__
        except (ValueError, UnicodeDecodeError) as error:
            problem = str(error)
        raise TombstonesUnusable(
            f"FOOTFALL_HOME: cannot use {self._path}: {problem}; put it back from a backup, "
            "with the file salt"
        )

    def _state(self) -> tuple[int, ...] | None:
        try:
            return file_state(self._path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TombstonesUnusable(
                f"FOOTFALL_HOME: cannot use {self._path}: {error.strerror}"
            ) from error


def hexes(digests: Iterable[Digest]) -> tuple[str, ...]:
    """Digests as an entry stores them, in an order that reveals nothing."""
    return tuple(sorted(digest.hex() for digest in digests))
