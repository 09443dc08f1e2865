"""How dbt gets our settings: through environment variables made from Settings."""

from __future__ import annotations

import sys
from pathlib import Path

from ingestion.settings import PREFIX, Settings
from transformation.definition import definition

#: The dbt of this virtual environment, whatever the PATH says.
DBT = str(Path(sys.executable).with_name("dbt"))


def dbt_target(settings: Settings) -> Path:
    """The folder where dbt writes compiled SQL and results."""
    return settings.home / "dbt" / "target"


def dbt_environment(settings: Settings) -> dict[str, str]:
    """The variables that profiles.yml and the macros read, all paths absolute."""
    return {
        f"{PREFIX}HOME": str(settings.home),
        f"{PREFIX}REPORTING_TIME_ZONE": settings.reporting_time_zone,
        f"{PREFIX}FRESHNESS_HOURS": str(settings.freshness_hours),
        f"{PREFIX}DEFINITION": definition(settings),
        f"{PREFIX}THREADS": str(settings.threads),
        f"{PREFIX}MEMORY_LIMIT": settings.memory_limit,
        f"{PREFIX}ENGINE": settings.engine,
        f"{PREFIX}SPARK_HOST": settings.spark_host,
        f"{PREFIX}SPARK_PORT": str(settings.spark_port),
        "DBT_PROFILES_DIR": str(settings.dbt_project),
        "DBT_PROJECT_DIR": str(settings.dbt_project),
        "DBT_TARGET_PATH": str(dbt_target(settings)),
        "DBT_LOG_PATH": str(settings.home / "dbt" / "logs"),
        # The log says what ran and how it ended. At dbt's default, debug, a nightly run takes a
        # tenth longer and logs ten megabytes of SQL, which is in the target folder anyway.
        "DBT_LOG_LEVEL_FILE": "info",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
