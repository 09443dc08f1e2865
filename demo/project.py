"""The dbt project with the definitions of the demo's product: its funnels, plan and question."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from ingestion.settings import Settings
from transformation.definition import WRITTEN_BY_DBT

#: A product's own definitions. A site begins without any.
DEFINITIONS: Final = Path(__file__).with_name("definitions")


def with_definitions(settings: Settings) -> Settings:
    """These settings with a project copied under their home; raises OSError.

    It is copied again each time, so it is never older than the models beside it.
    """
    project = settings.home / "demo" / "dbt_project"
    shutil.rmtree(project, ignore_errors=True)
    ignored = shutil.ignore_patterns(*WRITTEN_BY_DBT)
    shutil.copytree(settings.dbt_project, project, ignore=ignored)
    for path in DEFINITIONS.iterdir():
        shutil.copyfile(path, (project / "seeds" if path.suffix == ".csv" else project) / path.name)
    return settings.model_copy(update={"dbt_project": project})
