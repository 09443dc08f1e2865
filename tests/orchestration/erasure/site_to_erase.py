"""A site with a person to erase: what they sent, what others sent, and where it all ended up."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import duckdb

from ingestion.settings import Settings
from tests.ingestion.collector.live import LiveCollector, landed
from tests.prepared import settle
from tests.test_end_to_end import Marts, Site, environment
from tests.warm import run_module

#: The person: ids that need every kind of escape, and values that nobody else has.
ZOE = 'zoë "z" o\'hara/ÿ'
ZOE_BEFORE = "zoe-before-łąka"
PHONE = "phone-of-zoë"
SECRETS = (ZOE, ZOE_BEFORE, PHONE, "zoe@secret.example", "value-of-zoe", "m-zoe-1", "m-zoe-9")
#: Others whose ids hold hers, or hers theirs.
NEIGHBOUR = f"{ZOE}2"
TABLET = "tablet-of-all"
BEN = "ben"

Event = dict[str, Any]


def event(message_id: str, **fields: Any) -> Event:
    return {"type": "track", "event": "paid", "messageId": message_id} | fields


#: What she sent, and what was sent of her; the tablet's first nameless event turns out to be hers.
HERS: tuple[Event, ...] = (
    event("m-zoe-1", anonymousId=PHONE, properties={"value": "value-of-zoe"}),
    event("m-zoe-2", type="identify", anonymousId=PHONE, userId=ZOE_BEFORE,
          traits={"email": "zoe@secret.example"}),
    event("m-zoe-3", type="alias", userId=ZOE, previousId=ZOE_BEFORE),
    event("m-zoe-4", anonymousId=TABLET, timestamp="2026-03-01T10:00:00Z"),
    event("m-zoe-5", anonymousId=TABLET, userId=ZOE, timestamp="2026-03-01T10:01:00Z"),
    event("m-zoe-6", type="group", userId=ZOE, groupId="g1",
          traits={"owner": "zoe@secret.example"}),
    event("m-zoe-5", anonymousId=TABLET, userId=ZOE, event="paid_again"),
)  # fmt: skip
OTHERS: tuple[Event, ...] = (
    event("m-ben-1", anonymousId=TABLET, userId=BEN, timestamp="2026-03-01T14:00:00Z",
          context={"groupId": "g1"}),
    event("m-ben-2", anonymousId=TABLET, timestamp="2026-03-01T18:00:00Z"),
    event("m-neighbour-1", userId=NEIGHBOUR, anonymousId=f"{PHONE}2"),
    event("m-kiosk-1", anonymousId="kiosk"),
)  # fmt: skip
#: Refused events of hers: without an id of their own, not even JSON, whole requests; and Ben's.
REFUSED_HERS = (
    json.dumps({"batch": [event("m-zoe-7", user=ZOE)]}),
    '{"batch": [{"type": "track", "event": NaN, "messageId": "m-zoe-14", "userId": '
    + json.dumps(ZOE)
    + "}]}",
    json.dumps({"batch": [event("m-zoe-8", userId=ZOE)]}, ensure_ascii=False)[:-3],
)
REFUSED_OTHERS = (json.dumps({"batch": [event("m-ben-3", type="no", userId=BEN)]}),)


def imported() -> list[dict[str, Any]]:
    """Lines as another machine lands them; the last is none that can be loaded."""
    line = {"source_id": "erp", "type": "track", "event_name": "billed"}
    at = {"received_at": "2026-02-01T10:00:00+01:00"}
    return [
        line | at | {"event_id": "m-zoe-9", "user_id": ZOE},
        line | at | {"event_id": "m-ben-4", "user_id": BEN},
        line | at | {"event_id": "m-zoe-10", "userid": ZOE},
    ]


def spellings(secret: str) -> Iterator[bytes]:
    """A text as it may stand in a file."""
    for text in {secret, json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))[2:-2]}:
        yield text.encode()
        yield text.replace("/", "\\/").encode()
    yield quote_plus(secret).encode()


def places_of(home: Path, secrets: Iterable[str] = SECRETS) -> list[str]:
    """Every file under a home that holds a secret, inside gzip too; nobody else's longer ids."""
    wanted = [spelling for secret in secrets for spelling in spellings(secret)]
    found = []
    for path in sorted(home.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if data[:2] == b"\x1f\x8b":
                data = data + b"\n" + gzip.decompress(data)
            hers = [text for text in wanted if re.search(re.escape(text) + rb"(?!2)", data)]
            if hers or any(text in str(path).encode() for text in wanted):
                found.append(f"{path.relative_to(home)}: {hers}")
    return found


@dataclass
class Erasing:
    """A home, and the commands that are run on it as its people run them."""

    site: Site

    @property
    def home(self) -> Path:
        return self.site.settings.home

    def collector(self) -> LiveCollector:
        """A collector that seals nothing by age."""
        return LiveCollector(self.home, {"FOOTFALL_SEGMENT_SECONDS": "3600"}).start()

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """A command of the orchestration."""
        return run_module("orchestration", *arguments, environment=self.environment, given=given)

    def erase(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """``erase-person``."""
        return self.run("erase-person", *arguments, given=given)

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.site.settings) | {"FOOTFALL_SEGMENT_SECONDS": "3600"}

    def receipts(self) -> list[dict[str, Any]]:
        paths = (self.home / "erasures" / "receipts").glob("*.json")
        return [json.loads(path.read_bytes()) for path in paths]

    def copied(self, folder: Path) -> Erasing:
        """The same site once more, somewhere else."""
        shutil.copytree(self.home, folder / "home")
        site = Site.__new__(Site)
        site.settings = Settings(home=folder / "home", dbt_project=self.site.settings.dbt_project)
        settle(site.settings)
        return Erasing(site)

    def answers(self) -> Marts:
        """The published marts without the ledger."""
        answers = self.site.answers()
        del answers["ledger"]
        return answers

    def ledger(self) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.site.settings.published), read_only=True) as connection:
            rows = connection.sql("from marts.ledger order by all").to_arrow_table()
        found: list[dict[str, Any]] = rows.to_pylist()
        return found

    def landed(self) -> list[dict[str, Any]]:
        return landed(self.home / "landing")

    def files(self) -> dict[str, bytes]:
        """Every file under the home, but the lock of whoever wrote last."""
        return {
            str(path.relative_to(self.home)): path.read_bytes()
            for path in self.home.rglob("*")
            if path.is_file() and path.suffix != ".lock"
        }


def send(collector: LiveCollector, *events: Event) -> None:
    """Send events in one batch; all are accepted."""
    reply = collector.post("/v1/batch", {"batch": list(events)})
    assert reply.json == {"success": True, "accepted": len(events), "refused": []}


def send_refused(collector: LiveCollector, *bodies: str) -> None:
    """Send what the collector refuses, as it is or packed."""
    for number, body in enumerate(bodies):
        data = body.encode()
        reply = collector.post("/v1/batch", gzip.compress(data) if number % 2 else data)
        assert reply.status == 400 or reply.json["refused"], body
