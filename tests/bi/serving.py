"""A Superset that serves a home, asked through its REST API and through its pages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from bi.superset.start import HOME_FOLDER, PASSWORD
from demo.processes import free_port
from ingestion.settings import PREFIX
from tests.browser.chromium import Page

CHECKOUT = Path(__file__).parents[2]
#: Superset migrates its database of 300 versions before it serves; never waited out.
START_SECONDS = 300.0
ACCOUNT = "admin"
Json = dict[str, Any]

#: Keeps what a page asks for its charts, and how that was answered.
RECORDER = """
    window.asked = [];
    window.refused = [];
    document.addEventListener(
        'securitypolicyviolation', event => window.refused.push(event.blockedURI));
    const plainly = window.fetch;
    window.fetch = async function (resource, options) {
        const answer = await plainly.apply(this, arguments);
        if (String(resource.url || resource).includes('/api/v1/chart/data'))
            window.asked.push({body: JSON.parse(options.body), status: answer.status});
        return answer;
    };
"""
#: What a page has from elsewhere; what its browser refused to fetch is none of it.
ELSEWHERE = """
    performance.getEntriesByType('resource').map(each => each.name)
        .filter(name => !name.startsWith(location.origin) && !window.refused.includes(name))
"""


class Superset:
    """One that serves, and whom its account asks."""

    def __init__(self, address: str, password: str, process: int) -> None:
        self.address = address
        self.process = process
        self._password = password
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._headers: dict[str, str] = {"Content-Type": "application/json", "Referer": address}
        account = {"username": ACCOUNT, "password": password, "provider": "db"}
        token = self.post("/api/v1/security/login", account)["access_token"]
        self._headers["Authorization"] = f"Bearer {token}"
        self._headers["X-CSRFToken"] = self.get("/api/v1/security/csrf_token/")["result"]

    def get(self, path: str) -> Json:
        return self._ask(urllib.request.Request(self.address + path, headers=self._headers))

    def post(self, path: str, body: Json) -> Json:
        return self._ask(
            urllib.request.Request(self.address + path, json.dumps(body).encode(), self._headers)
        )

    def put(self, path: str, body: Json) -> Json:
        text = json.dumps(body).encode()
        return self._ask(
            urllib.request.Request(self.address + path, text, self._headers, method="PUT")
        )

    def listed(self, kind: str) -> list[Json]:
        """All of a kind: chart, dashboard, dataset or database."""
        found: list[Json] = self.get(f"/api/v1/{kind}/?q=(page_size:100)")["result"]
        return found

    def sign_in(self, page: Page) -> None:
        """Give a browser the cookie of the account, as the form of /login/ does."""
        cookies = CookieJar()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
        with opener.open(f"{self.address}/login/") as answer:
            token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', answer.read().decode())
        assert token
        form = {"username": ACCOUNT, "password": self._password, "csrf_token": token[1]}
        opener.open(f"{self.address}/login/", urllib.parse.urlencode(form).encode()).close()
        for cookie in cookies:
            page.call("Network.setCookie", name=cookie.name, value=cookie.value, url=self.address)
        page.before_each_page(RECORDER)

    def asked_by(self, page: Page, dashboard: str, charts: int) -> list[Json]:
        """What the page of a dashboard asks for its charts, once it has asked for so many."""
        # Only charts in view are asked for.
        page.resize(1400, 4000)
        page.call("Page.navigate", url=f"{self.address}/superset/dashboard/footfall-{dashboard}/")
        different = "new Set(asked.map(each => each.body.form_data?.slice_id).filter(Boolean)).size"
        page.until(f"window.asked && {different} === {charts}")
        assert page.run(ELSEWHERE) == []
        asked: list[Json] = page.run("window.asked")
        return asked

    def _ask(self, request: urllib.request.Request) -> Json:
        try:
            with self._opener.open(request) as answer:
                found: Json = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{request.full_url}: {error.read().decode()}") from None


@contextmanager
def serving(home: Path) -> Iterator[Superset]:
    """`make superset` on a free port, and what it says in the home's superset.log."""
    port = free_port()
    log = home / "superset.log"
    environment = {**os.environ, f"{PREFIX}HOME": str(home), f"{PREFIX}SUPERSET_PORT": str(port)}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bi.superset.start"],
            cwd=CHECKOUT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_SECONDS
        while not is_healthy(address):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        yield Superset(address, (home / HOME_FOLDER / PASSWORD).read_text(), process.pid)
    finally:
        process.terminate()
        process.wait()


def is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
