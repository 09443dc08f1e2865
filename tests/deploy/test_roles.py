"""What units and compose file start: run here as they say, asked as they ask, and stopped."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from ingestion.settings import PREFIX, Settings
from tests.deploy.roles import ROLES, server


def test_the_roles_come_up_work_together_and_stop() -> None:
    with server() as site:
        assert [role for role in ROLES if site.is_healthy(role)] == []

        site.start()
        site.come_up()

        # From the UI's process to the daemon's queue, to a run of the process with the definitions.
        assert site.over(site.launch("sweep")) == "SUCCESS", site.logs()

        event = urllib.request.Request(
            f"http://127.0.0.1:{site.ports[f'{PREFIX}PORT']}/v1/track",
            json.dumps({"userId": "u1", "event": "plan_chosen", "writeKey": "a-key"}).encode(),
            {"X-Forwarded-For": "203.0.113.77"},
        )
        with urllib.request.urlopen(event) as answer:
            assert json.load(answer)["success"] is True

        assert site.stop() == dict.fromkeys(ROLES, 0), site.logs()
        landing = Path(Settings(home=site.home).landing)
        assert len(list((landing / "events").rglob("*.ndjson.gz"))) == 1
        assert list((landing / "open").iterdir()) == []
