"""Landed files lose the erased lines and nothing else, after a crash at any step too."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest

from ingestion.landing.rewriting import LandedFiles
from ingestion.landing.store import Landing
from ingestion.landing.tombstones import Entry, Tombstones, hexes
from ingestion.settings import Settings
from tests.ingestion.loading.site import Site, event, ndjson, refused

SEGMENT = "events/date=2026-03-01/hour=10/01KJM000000000000000000000-host-1-ab.ndjson.gz"
MANIFEST = "manifest/date=2026-03-01/01KJM000000000000000000000-host-1-ab.json"
WHO = "user-who-goes"


def tombstones(*users: str, devices: tuple[str, ...] = ()) -> Tombstones:
    salted = Tombstones(b"s" * 32)
    entry = Entry(
        erasure_id="e",
        subject="user:x",
        begun_at="",
        users=hexes(map(salted.digest, users)),
        devices=hexes(map(salted.digest, devices)),
    )
    return salted.with_entry(entry)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "home")


def sealed(site: Site, lines: list[dict[str, Any]], name: str = SEGMENT) -> Path:
    """A segment as the collector seals it, with its manifest in its place."""
    path = site.land(name, lines)
    site.vouch(name, len(lines)).rename(site.landing / MANIFEST)
    return path


def erase(site: Site, stones: Tombstones, **options: Any) -> dict[str, int]:
    files = LandedFiles(site.settings)
    erased, unread = files.erase(files.landing.files(), stones, **options)
    assert not unread
    return erased


def manifest(site: Site, name: str = MANIFEST) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((site.landing / name).read_bytes())
    return found


def packed(*events: dict[str, Any]) -> bytes:
    """The same bytes each time, for they name a test's case."""
    return gzip.compress(ndjson(events), mtime=0)


def lines_in(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).split(b"\n")


def test_erased_lines_are_blank_and_all_others_are_what_and_where_they_were(site: Site) -> None:
    kept = ndjson([event("e2", user_id="u2", properties={"name": "Zoë"})])
    path = sealed(site, [event("e1", user_id=WHO), event("e2"), event("e3", user_id=WHO)])
    path.write_bytes(
        gzip.compress(
            ndjson([event("e1", user_id=WHO)]) + kept + ndjson([event("e3", user_id=WHO)])
        )
    )

    assert erase(site, tombstones(WHO)) == {SEGMENT: 2}

    assert lines_in(path) == [b"", kept.rstrip(), b"", b""]
    assert not list((site.landing / "open").iterdir())


def test_the_manifest_tells_of_the_file_as_it_is_and_of_what_was_erased(site: Site) -> None:
    path = sealed(site, [event("e1", user_id=WHO), event("e2"), event("e3")])

    erase(site, tombstones(WHO))

    packed = path.read_bytes()
    told = manifest(site)
    assert (told["lines"], told["bytes"]) == (2, len(packed))
    assert told["sha256"] == hashlib.sha256(packed).hexdigest()
    assert told["received"] == {"web": {"2026-03-01": 2}}
    assert told["erased"] == {"web": {"2026-03-01": 1}}
    assert told["blank_lines"] == 1


def test_erasing_again_changes_no_byte_and_another_person_adds_up(site: Site) -> None:
    path = sealed(site, [event("e1", user_id=WHO), event("e2"), event("e3", user_id="u3")])
    erase(site, tombstones(WHO))
    before = path.read_bytes(), manifest(site)

    assert erase(site, tombstones(WHO)) == {}
    assert (path.read_bytes(), manifest(site)) == before

    assert erase(site, tombstones(WHO, "u3")) == {SEGMENT: 1}
    assert manifest(site)["erased"] == {"web": {"2026-03-01": 2}}
    assert manifest(site)["received"] == {"web": {"2026-03-01": 1}}
    assert manifest(site)["blank_lines"] == 2


def test_files_of_others_are_not_touched(site: Site) -> None:
    mine = sealed(site, [event("e1", user_id=WHO)])
    others = site.land("events/a.ndjson", [event("e2", user_id=f"{WHO}0"), event("e3")])
    before = others.stat()

    assert erase(site, tombstones(WHO)) == {SEGMENT: 1}

    assert others.stat() == before
    assert lines_in(mine) == [b"", b""]


def test_a_file_nobody_sealed_gets_a_manifest_of_what_was_in_it(site: Site) -> None:
    lines = [
        event("e1", user_id=WHO, received_at="2026-03-01T23:00:00-02:00"),
        event("e2", source_id="app"),
        event("", user_id=WHO),
    ]
    site.land("events/import.ndjson", ndjson(lines) + b"no json\n")

    erase(site, tombstones(WHO))

    (own,) = (site.landing / "manifest" / "erased").iterdir()
    told = manifest(site, f"manifest/erased/{own.name}")
    assert told["segment"] == "events/import.ndjson"
    assert told["received"] == {"app": {"2026-03-01": 1}, "web": {"2026-03-02": 0}}
    assert told["erased"] == {"web": {"2026-03-02": 1}}


def test_a_manifest_is_found_under_whatever_name_its_importer_gave_it(site: Site) -> None:
    site.land("events/a.ndjson", [event("e1", user_id=WHO), event("e2")])
    given = site.vouch("events/a.ndjson", 2)

    erase(site, tombstones(WHO))

    assert manifest(site, str(given.relative_to(site.landing)))["lines"] == 1
    assert not (site.landing / "manifest" / "erased").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + ndjson([event("e1", user_id=WHO)]),
        ndjson([event("e1", user_id=WHO)]).rstrip(b"\n"),
        ndjson([event("e1", user_id=WHO)]).replace(b"\n", b"\r\n"),
        b"\n\n" + ndjson([event("e1", user_id=WHO)]) + b"\n",
        json.dumps({"userid": WHO, "anonymous_id": "d1"}).encode() + b"\n",
        b'{"user_id": "' + WHO.encode() + b'", "half',
        json.dumps(event("e1", user_id=WHO)).replace("-", "\\u002d").encode(),
        packed(event("e1", user_id=WHO)) + packed(event("e2")),
        packed(*[event("e1", user_id=WHO)] * 3)[:-12],
    ],
)
def test_files_in_any_state_lose_their_erased_lines(site: Site, content: bytes) -> None:
    site.landing.joinpath("events").mkdir(parents=True)
    path = site.landing / "events" / "odd.ndjson"
    path.write_bytes(content)

    assert erase(site, tombstones(WHO))

    assert not any(WHO.encode() in line or b"u002d" in line for line in lines_in(path))
    assert erase(site, tombstones(WHO)) == {}


def test_refused_events_go_by_what_they_say_and_by_what_was_replayed_of_them(site: Site) -> None:
    name = "quarantine/date=2026-03-01/q.ndjson.gz"
    path = site.land(
        name,
        [
            refused("r1", body=json.dumps({"user": WHO})),
            refused("r2", body=f'{{"user": "{WHO}", '),
            refused("r3", body=json.dumps({"userId": "u2", "invited": WHO})),
            refused("r4", body="{", request={"batch": {"userId": WHO}}),
            refused("r5", body="nothing of anybody"),
            refused("r6", body=json.dumps({"user": f"{WHO}0"})),
        ],
    )
    replayed = event(
        "e5", user_id=WHO, request={"replay": {"file": name, "line": 5, "event": 0, "reason": ""}}
    )
    site.land("events/date=2026-03-01/hour=10/q.replay-1.ndjson.gz", [replayed])
    files = LandedFiles(site.settings)
    (segment,) = (file for file in files.landing.files() if "replay" in file.name)
    found = files.find(segment, tombstones(WHO))
    assert found is not None

    erase(site, tombstones(WHO), also={name: {line for _, line in found.origins}})

    left = [json.loads(line)["refused_id"] for line in lines_in(path) if line]
    assert left == ["r3", "r6"]


class Killed(BaseException):
    """What a kill is to the code it falls on."""


@pytest.mark.parametrize("step", range(2))
@pytest.mark.parametrize("is_import", [False, True])
def test_a_crash_between_manifest_and_file_is_made_good_with_more_tombstones_even(
    site: Site, monkeypatch: pytest.MonkeyPatch, step: int, is_import: bool
) -> None:
    lines = [event("e1", user_id=WHO), event("e2"), event("e3", user_id="u3")]
    name = "events/a.ndjson" if is_import else SEGMENT
    path = site.land(name, lines) if is_import else sealed(site, lines)
    erase(site, tombstones("nobody"))
    put = Landing.put
    steps: list[Callable[..., None]] = [put] * step

    def killed(self: Landing, finished: Path, relative: str) -> None:
        if not steps:
            raise Killed
        steps.pop()(self, finished, relative)

    monkeypatch.setattr(Landing, "put", killed)
    with pytest.raises(Killed):
        erase(site, tombstones(WHO))
    monkeypatch.undo()

    assert erase(site, tombstones(WHO, "u3")) == {name: 2}

    there = LandedFiles(site.settings).manifest_of(name)[0]
    told = manifest(site, there)
    assert told["received"] == {"web": {"2026-03-01": 1}}
    assert told["erased"] == {"web": {"2026-03-01": 2}}
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not list((site.landing / "open").glob("*.erasing"))


def test_a_line_that_vanished_otherwise_is_still_missed(site: Site) -> None:
    path = sealed(site, [event("e1", user_id=WHO), event("e2"), event("e3")])
    path.write_bytes(gzip.compress(ndjson([event("e1", user_id=WHO), event("e2")])))

    erase(site, tombstones(WHO))

    assert manifest(site)["received"] == {"web": {"2026-03-01": 2}}


def test_a_landing_behind_a_url_is_rewritten_too(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    home = tmp_path / "home"
    settings = Settings(home=home, landing_url="memory://erasing")
    memory.pipe(
        f"/erasing/{SEGMENT}", gzip.compress(ndjson([event("e1", user_id=WHO), event("e2")]))
    )

    files = LandedFiles(settings)
    assert files.erase(files.landing.files(), tombstones(WHO)) == ({SEGMENT: 1}, set())

    assert [
        WHO.encode() in gzip.decompress(memory.cat(path)) for path in memory.find("/erasing/events")
    ] == [False]
    (there,) = memory.find("/erasing/manifest")
    assert json.loads(memory.cat(there))["erased"] == {"web": {"2026-03-01": 1}}
    memory.rm("/erasing", recursive=True)


def test_a_file_that_cannot_be_read_is_told_apart(site: Site) -> None:
    path = site.land("events/a.ndjson", [event("e1", user_id=WHO)])
    path.unlink()
    path.mkdir()
    (path / "b.ndjson").symlink_to(path / "nowhere.ndjson")
    files = LandedFiles(site.settings)

    erased, unread = files.erase(files.landing.files(), tombstones(WHO))

    assert (erased, unread) == ({}, {"events/a.ndjson/b.ndjson"})
