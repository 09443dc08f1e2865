"""The explorer on many events: its pages beside the bare statements below them, and its memory.

Run ``python -m benchmarks.explorer``. A published file is made of realistic events, unless
``--home`` names a folder that has one. Each page is asked of a process that keeps no answers, warm,
and its statements by a plain connection with the same threads; the best of the rounds counts. Then
a process as it is shipped shows when the first page is ready, and how long it takes from then on.
Memory is the resident set at rest, after the pages, and at most while ten viewers ask the overview
at once, without and with kept answers.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

import duckdb

from benchmarks.questions import prepare
from benchmarks.ways import STEPS
from explorer.pages import PAGES
from explorer.pages.page import Context
from explorer.parameters import read
from explorer.published import Published
from ingestion.settings import PREFIX, Settings

ROUNDS: Final = 3
VIEWERS: Final = 10
ASKED: Final = (
    "overview",
    "trends",
    "trends?by=country&measure=persons&period=week",
    f"funnels?{'&'.join(f'step={step}' for step in STEPS)}",
    "retention",
    "growth",
    "people",
    "catalogue",
    "trust",
)


@contextmanager
def serving(settings: Settings, **more: str) -> Iterator[tuple[str, int]]:
    """An explorer on a free port, with more settings; its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        f"{PREFIX}HOME": str(settings.home),
        f"{PREFIX}EXPLORER_PORT": str(port),
        f"{PREFIX}EXPLORER_SECONDS": "600",
        **more,
    }
    process = subprocess.Popen([sys.executable, "-m", "explorer"], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            assert process.poll() is None
            try:
                page(f"{address}/healthz")
                break
            except OSError:
                time.sleep(0.1)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


def page(url: str) -> float:
    """Seconds until a page is whole."""
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=3600) as answer:
        answer.read()
    return time.perf_counter() - began


def bare(settings: Settings, asked: str) -> float:
    """Seconds of the statements of a page, one after the other, by a plain connection."""
    name, _, query = asked.partition("?")
    published = Published(settings.published, threads=1, memory="1GB", seconds=60)
    edge = published.edge()
    published.close()
    assert edge.first_day
    assert edge.last_day
    values = read(PAGES[name].parameters, parse_qsl(query))
    panels = PAGES[name].panels(values, Context(edge.first_day, edge.last_day))
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        connection.execute(f"set threads = {settings.threads}")
        connection.execute("select count(*) from marts.fct_events").fetchall()
        began = time.perf_counter()
        for panel in panels:
            connection.execute(panel.statement).fetchall()
        return time.perf_counter() - began


def resident(process: int) -> int:
    """MiB of memory that a process has."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


def viewers_at_once(address: str, process: int) -> tuple[float, int]:
    """Seconds until VIEWERS have the overview, and the most MiB that the process had meanwhile."""
    began = time.perf_counter()
    viewers = [threading.Thread(target=page, args=(f"{address}/overview",)) for _ in range(VIEWERS)]
    for viewer in viewers:
        viewer.start()
    most = 0
    while any(viewer.is_alive() for viewer in viewers):
        most = max(most, resident(process))
        time.sleep(0.1)
    return time.perf_counter() - began, most


def measure(settings: Settings, rounds: int) -> None:
    """Print the times of each page and the memory."""
    with serving(settings, **{f"{PREFIX}EXPLORER_KEPT_ROWS": "0"}) as (address, process):
        rest = resident(process)
        for asked in ASKED:
            pages = [page(f"{address}/{asked}") for _ in range(rounds + 1)][1:]
            statements = [bare(settings, asked) for _ in range(rounds)]
            print(
                f"{asked[:44]:44}  {min(pages):6.2f} s,"
                f" {min(pages) / min(statements):5.2f} of its bare statements"
            )
        after = resident(process)
        seconds, most = viewers_at_once(address, process)
        print(
            f"resident: {rest} MiB at rest, {after} MiB after these pages,"
            f" {most} MiB at most with {VIEWERS} viewers, who waited {seconds:.1f} s"
        )
    with serving(settings) as (address, process):
        first = page(f"{address}/overview")
        again = min(page(f"{address}/overview") for _ in range(rounds))
        seconds, most = viewers_at_once(address, process)
        print(
            f"with kept answers: the first overview after {first:.2f} s, the next {again:.2f} s;"
            f" {VIEWERS} viewers waited {seconds:.1f} s, {most} MiB at most"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explorer", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--home", type=Path, help="folder to keep the published file in")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = (options.home or Path(folder)).absolute()
        if not Settings(home=home).published.exists():
            prepare(home, options.events)
        measure(Settings(home=home), options.rounds)


if __name__ == "__main__":
    main()
