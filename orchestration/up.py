"""The collector and Dagster's UI side by side, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from ingestion.settings import PREFIX, Settings
from orchestration.prepare import prepare
from orchestration.serving import CHECKOUT, dagster_environment

#: A collector seals its segments and Dagster ends its processes in this time, in seconds.
GRACE_SECONDS = 20
#: The key of a fresh checkout, so that the first event needs no configuration. Loopback only.
TRY_OUT_KEYS = "try-out=try-out-key"


def _try_out_key(settings: Settings) -> str:
    """Fill the page's key in where it is the well-known one; no other is ever printed."""
    is_configured = settings.write_keys or settings.write_keys_file
    return "" if is_configured else f"?writeKey={TRY_OUT_KEYS.partition('=')[2]}"


def serve(settings: Settings) -> int:
    """Run both until one ends or a signal comes; returns 0 after Ctrl-C.

    Without a configured write key the collector takes a well-known one, and says so.
    """
    prepare(settings)
    environment = {
        **os.environ,
        **dagster_environment(settings),
        f"{PREFIX}DEMO_PAGE": "true",
    }
    if not settings.write_keys and not settings.write_keys_file:
        environment[f"{PREFIX}WRITE_KEYS"] = TRY_OUT_KEYS
        sys.stdout.write(
            "No write keys are set: the collector takes the key 'try-out-key' as source "
            "'try-out'. Set FOOTFALL_WRITE_KEYS before anybody else can reach it.\n"
        )
    commands = {
        "collector": [sys.executable, "-m", "ingestion.collector"],
        "Dagster": [
            *(sys.executable, "-m", "dagster", "dev", "--workspace", "workspace.yaml"),
            *("--host", settings.ui_host, "--port", str(settings.ui_port)),
            *("--log-level", "warning"),
        ],
    }
    # Set before the children start: one that is started with SIGINT ignored would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Each in a session of its own: Ctrl-C reaches us alone, and we end them in order.
    children = {
        name: subprocess.Popen(command, cwd=CHECKOUT, env=environment, start_new_session=True)
        for name, command in commands.items()
    }
    sys.stdout.write(
        f"collector  http://{settings.host}:{settings.port}\n"
        f"try it     http://{settings.host}:{settings.port}/demo{_try_out_key(settings)}\n"
        f"Dagster    http://{settings.ui_host}:{settings.ui_port}\n"
        f"published  {settings.published}\n"
        "Ctrl-C ends both.\n"
    )
    sys.stdout.flush()
    try:
        while all(child.poll() is None for child in children.values()):
            time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    else:
        ended = next(name for name, child in children.items() if child.poll() is not None)
        sys.stderr.write(f"{ended} has ended with {children[ended].returncode}; stopping.\n")
        return 1
    finally:
        for child in children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        deadline = time.monotonic() + GRACE_SECONDS
        for child in children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
