"""`python -m explorer` serves the explorer at FOOTFALL_EXPLORER_HOST and _PORT."""

from __future__ import annotations

import signal

import uvicorn

from explorer.application import Explorer, application
from explorer.published import Published
from ingestion.settings import get_settings
from transformation.manifest import manifest_path


def main() -> None:
    """Serve until SIGINT or SIGTERM, and end well after both."""
    settings = get_settings()
    published = Published(
        settings.published,
        threads=settings.threads,
        memory=settings.explorer_memory,
        seconds=settings.explorer_seconds,
        kept_rows=settings.explorer_kept_rows,
    )
    explorer = Explorer(
        published,
        home=settings.home,
        time_zone=settings.reporting_time_zone,
        manifest=manifest_path(settings),
    )
    # uvicorn ends by the signal that it caught, unless somebody takes it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    uvicorn.run(
        application(
            explorer, list(settings.explorer_names), keeps_ready=settings.explorer_kept_rows > 0
        ),
        host=settings.explorer_host,
        port=settings.explorer_port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
