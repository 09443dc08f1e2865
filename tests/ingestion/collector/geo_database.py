"""A small database of places, in the format of those that sites download."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]  # the library has no type hints


def write_geo_database(path: Path, places: Mapping[str, Mapping[str, Any]]) -> None:
    """Write network → record. It appears under its name at once, as a download should."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-City")
    for network, record in places.items():
        writer.insert_network(IPSet([network]), dict(record))
    part = path.with_suffix(".part")
    writer.to_db_file(str(part))
    part.rename(path)
