"""dbt's documentation of the tables, columns and metrics, as one page.

It is what `dbt docs generate --static` writes. That command compiles the project against the
warehouse, which may be busy. This takes what `prepare` parsed, so it costs no run anything.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from explorer.published import NoAnswer

#: The page of dbt has its scripts, fonts and pictures inside, and needs no network. In a sandbox
#: its scripts cannot read the explorer's pages.
POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
#: Where dbt's page takes its data, and where the page is.
MANIFEST, CATALOG = '"MANIFEST.JSON INLINE DATA"', '"CATALOG.JSON INLINE DATA"'
PAGE: Final = "dbt/task/docs/index.html"


def definitions(parsed: Path) -> str:
    """The page of a home's `parsed_manifest`, as HTML of some four megabytes.

    Raises NoAnswer, which says what to do.
    """
    try:
        manifest = json.loads(parsed.read_bytes().partition(b"\n")[2])
        page = Path(str(distribution("dbt-core").locate_file(PAGE))).read_text()
    except (FileNotFoundError, ValueError):
        raise NoAnswer(
            "The definitions are not read yet. `make nightly`, `make up` or `python -m "
            "orchestration prepare` reads them."
        ) from None
    except PackageNotFoundError:
        raise NoAnswer("dbt is not installed here, and this is a page of dbt.") from None
    return page.replace(MANIFEST, _script(manifest)).replace(CATALOG, _script(_catalog(manifest)))


def _catalog(manifest: dict[str, Any]) -> dict[str, Any]:
    """The types of columns as dbt's page reads them: those of the contracts."""
    nodes = {
        name: {
            "metadata": {"type": node["config"]["materialized"], "schema": node["schema"]},
            "columns": {
                column["name"]: {
                    "name": column["name"],
                    "index": place,
                    "type": column["data_type"],
                }
                for place, column in enumerate(node["columns"].values())
            },
            "stats": {},
        }
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
    }
    return {"nodes": nodes, "sources": {}}


def _script(data: object) -> str:
    """JSON that does not end the script it is in."""
    return json.dumps(data).replace("</", "<\\/")
