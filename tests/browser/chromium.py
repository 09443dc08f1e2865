"""A headless Chromium, driven by its DevTools protocol, and a site for it to visit."""

from __future__ import annotations

import http.server
import itertools
import json
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

#: Until a page shows what it should, on a machine that does much else. Never waited out.
PATIENCE_SECONDS = 120.0
PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # without it the user of a container may not start it
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
)


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.call("Page.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """One command of https://chromedevtools.github.io/devtools-protocol/."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE_SECONDS))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def before_each_page(self, script: str) -> None:
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def visit(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.until(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def resize(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def click(self, selector: str, text: str) -> None:
        """Wait for an element with exactly this text, and press the mouse in its middle."""
        found = (
            f"[...document.querySelectorAll({json.dumps(selector)})]"
            f".filter(each => each.innerText?.trim() === {json.dumps(text)})"
            ".filter(each => !each.disabled).pop()"
        )
        middle = (
            f"(each => {{ if (!each) return null; each.scrollIntoView({{block: 'center'}});"
            " const box = each.getBoundingClientRect();"
            f" return [box.x + box.width / 2, box.y + box.height / 2]; }})({found})"
        )
        # A page that still loads draws things anew and pushes them about: what was under the mouse
        # is elsewhere, or gone. So it has to rest where it is.
        deadline = time.monotonic() + PATIENCE_SECONDS
        before, box = None, self.run(middle)
        while box is None or box != before:
            assert time.monotonic() < deadline, f"never at rest: {text}"
            time.sleep(0.5)
            before, box = box, self.run(middle)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                **{"type": kind, "x": box[0], "y": box[1], "button": "left", "clickCount": 1},
            )

    def run(self, script: str) -> Any:
        """The value of an expression; what it throws fails the test."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, condition: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with suppress(AssertionError):  # between two pages there is nothing to ask
                if self.run(condition):
                    return
            time.sleep(0.02)
        raise AssertionError(f"never: {condition}")

    def delivered(self) -> None:
        """Wait until nothing is on its way."""
        self.until("window.footfall && footfall.stats && footfall.stats().pending === 0")


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """A browser with a profile of its own in ``folder``."""
    assert PROGRAM
    process = subprocess.Popen(
        [
            PROGRAM,
            *_OPTIONS,
            "--disable-background-networking",
            "--remote-debugging-port=0",
            f"--user-data-dir={folder}",
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = _port(folder / "DevToolsActivePort", process)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            tabs = json.load(answer)
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        with connect(address, max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


@contextmanager
def undebugged(folder: Path, url: str) -> Iterator[None]:
    """A browser that opens ``url`` by itself: DevTools would switch prerendering off."""
    assert PROGRAM
    process = subprocess.Popen(
        [PROGRAM, *_OPTIONS, f"--user-data-dir={folder}", url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _port(told: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "chromium ended"
        with suppress(OSError, ValueError, IndexError):
            return int(told.read_text().splitlines()[0])
        time.sleep(0.05)
    raise AssertionError("chromium did not start")


@contextmanager
def site(body: str, policy: str = "") -> Iterator[str]:
    """A site of another origin whose every page is ``body``; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            if policy:
                self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Shop</title>" + body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
