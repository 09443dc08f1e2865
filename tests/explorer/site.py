"""An explorer that serves in this process, and pages as a reader sees them."""

from __future__ import annotations

import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import uvicorn

from explorer.application import Explorer, application
from explorer.published import Published
from ingestion.settings import Settings
from transformation.manifest import manifest_path

HOSTS = ["127.0.0.1", "localhost"]


class Answered(NamedTuple):
    """What a server answered."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Site:
    """An explorer of one home."""

    def __init__(self, home: Path, address: str, explorer: Explorer) -> None:
        self.home = home
        self.address = address
        self.explorer = explorer

    @property
    def published(self) -> Path:
        return self.home / "published" / "footfall.duckdb"

    def get(self, path: str, **headers: str) -> Answered:
        return self._ask(urllib.request.Request(self.address + path, headers=headers))

    def post(self, path: str, data: dict[str, str], **headers: str) -> Answered:
        body = urllib.parse.urlencode(data).encode()
        return self._ask(urllib.request.Request(self.address + path, body, headers=headers))

    def page(self, path: str) -> Page:
        """A page that was answered with 200, read."""
        answered = self.get(path)
        assert answered.status == 200, answered.text
        return Page(answered.text)

    def _ask(self, request: urllib.request.Request) -> Answered:
        try:
            with urllib.request.urlopen(request) as answer:
                return Answered(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answered(error.code, error.headers, error.read())


@contextmanager
def serving(home: Path, *, seconds: float = 60, memory: str = "1GB") -> Iterator[Site]:
    """An explorer of the home's published file on a free port."""
    published = Published(
        home / "published" / "footfall.duckdb", threads=1, memory=memory, seconds=seconds
    )
    manifest = manifest_path(Settings(home=home))
    explorer = Explorer(published, home=home, time_zone="UTC", manifest=manifest)
    config = uvicorn.Config(application(explorer, HOSTS), port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Site(home, f"http://127.0.0.1:{port}", explorer)
    finally:
        server.should_exit = True
        thread.join()


class Page(HTMLParser):
    """The texts of a page: problems, and of each panel its statement, cells, links and figures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.problems: list[str] = []
        self.panels: dict[str, Panel] = {}
        self._panel: Panel | None = None
        self._into: list[str] | None = None
        self._link = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        classes = (given.get("class") or "").split()
        if tag == "section" and "panel" in classes:
            self._panel = self.panels[given["id"] or ""] = Panel([], [], [], [], [])
        elif tag == "p" and "problem" in classes:
            self.problems.append("")
            self._into = self.problems
        elif self._panel is not None:
            if tag == "tr":
                self._panel.rows.append([])
            elif tag == "td":
                self._panel.rows[-1].append("")
                self._into = self._panel.rows[-1]
            elif tag == "pre":
                self._panel.statements.append("")
                self._into = self._panel.statements
            elif tag == "dd":
                self._panel.figures.append("")
                self._into = self._panel.figures
            elif tag == "a":
                self._panel.links.append(given.get("href") or "")
            elif tag == "small":
                self._into = None
            if label := given.get("aria-label"):
                self._panel.marks.append(label)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "pre", "dd", "p"):
            self._into = None

    def handle_data(self, text: str) -> None:
        if self._into is not None:
            self._into[-1] += text


class Panel(NamedTuple):
    """What a panel shows."""

    statements: list[str]
    rows: list[list[str]]
    figures: list[str]
    links: list[str]
    marks: list[str]

    @property
    def cells(self) -> list[list[str]]:
        return [[cell.strip() for cell in row] for row in self.rows if row]
