"""Keeps what dbt compiled for later runs of the same definition.

dbt compiles a model or a test to the same SQL in every run of a definition. It spends most of its
time on compiling it again: contexts, Jinja, log events and catalog queries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ingestion.facts.disk import replace_file
from ingestion.settings import Settings
from transformation.current import judges
from transformation.definition import definition

#: Jinja that reads the warehouse, the clock or the environment while it compiles. It may read
#: something else in the next run. The two variables excepted here are part of the definition.
ASKS: Final = re.compile(
    r"adapter\.(?!dispatch\b)|\b(run_query|statement|load_result|graph|run_started_at)\b"
    r"|modules\.(?!re\b)|env_var\((?!'FOOTFALL_(REPORTING_TIME_ZONE|DEFINITION)')"
)


def read_compiled(settings: Settings, kind: str) -> list[dict[str, Any]]:
    """What was kept of this kind; nothing if it is damaged, or of another definition or code."""
    try:
        kept = json.loads(_path(settings, kind).read_bytes())
        return list(kept["compiled"]) if kept["of"] == _of(settings) else []
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []


def keep_compiled(settings: Settings, kind: str, compiled: Sequence[Mapping[str, Any]]) -> None:
    """Keep these. They replace what was kept of this kind."""
    _path(settings, kind).parent.mkdir(parents=True, exist_ok=True)
    kept = json.dumps({"of": _of(settings), "compiled": compiled})
    replace_file(_path(settings, kind), kept.encode())


def may_change(
    node: Mapping[str, Any], manifest: Mapping[str, Any], known: Collection[str] = ()
) -> bool:
    """Whether a node's Jinja, or a macro that it calls, may compile to other SQL tomorrow.

    ``known`` are macros whose results the caller has checked.
    """
    macros = manifest["macros"]
    seen = set(known)
    code = [node["raw_code"]]
    wanted = list(node["depends_on"]["macros"])
    while wanted:
        name = wanted.pop()
        if name in macros and name not in seen:
            seen.add(name)
            code.append(macros[name]["macro_sql"])
            wanted += macros[name]["depends_on"]["macros"]
    return any(ASKS.search(each) for each in code)


def _of(settings: Settings) -> str:
    return f"{definition(settings)} {judges(settings)}"


def _path(settings: Settings, kind: str) -> Path:
    return settings.home / "dbt" / f"{kind}.json"
