"""Requests of real SDKs as they were recorded, read where they lie, never copied."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ingestion.protocols.batch_json import Batch, inflate
from ingestion.protocols.forms import form_data
from ingestion.protocols.protocol import Outside
from ingestion.protocols.routes import Route, route_of

FOLDER = Path(__file__).parents[3].parent / "shared" / "clients"
#: Those of our own runs of the programs in sdks/, with three steps each.
OWN_FOLDER = Path(__file__).parent / "recorded"
#: The write keys the SDKs were given.
KEYS = ("WRITEKEY", "phc_KEY", "shop")


@dataclass(frozen=True)
class Recording:
    """One request."""

    path: Path

    @cached_property
    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return told

    @property
    def method(self) -> str:
        return str(self._told["method"])

    @property
    def target(self) -> str:
        return str(self._told["path"])

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._told["headers"]]

    @property
    def body(self) -> bytes:
        return base64.b64decode(self._told["body_base64"])

    def header(self, name: str) -> str | None:
        return next((value for each, value in self.headers if each.lower() == name), None)

    @cached_property
    def sent(self) -> list[dict[str, Any]]:
        """The events it carries, as the SDK wrote them."""
        body = self._told["body_json"]
        if body is None:
            query = dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))
            return [query] if "e" in query else []
        events = body.get("batch", body.get("data"))
        return list(events) if events is not None else [body]


def recordings(name: str, folder: Path = FOLDER) -> list[Recording]:
    """The requests of one run, in the order they came."""
    return [Recording(path) for path in sorted((folder / name).glob("*.json"))]


def runs(folder: Path = FOLDER) -> list[str]:
    """Every run there is."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def opened(recording: Recording) -> tuple[Route, Batch]:
    """The events of a request of our own, as the collector reads them."""
    parts = urlsplit(recording.target)
    route = route_of(parts.path)
    assert route, recording.path
    query = parts.query.encode()
    if recording.method == "GET":
        assert route.query
        return route, route.open(route.query(query))
    form = text = inflate(recording.body)
    if route.takes_forms:
        text = form_data(text) or text
    if route.rewrite:
        headers = {name.lower().encode(): value.encode() for name, value in recording.headers}
        text = route.rewrite(text, Outside(query, form, headers))
    return route, route.open(text)


def leaves(value: Any) -> Iterator[Any]:
    """Every number and non-empty text in a value; JSON inside of text is looked into."""
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str) and value[:1] in "{[":
        try:
            yield from leaves(json.loads(value))
        except ValueError:
            yield value
    elif value not in (None, "", True, False):
        yield value
