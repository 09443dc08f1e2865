"""The dbt resource that Dagster's steps use."""

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version

from dagster_dbt import DbtCliResource
from packaging.version import Version


class InstalledDbt(DbtCliResource):
    """The dbt of this environment, of the version that is installed in it.

    The resource of dagster-dbt runs ``dbt --version`` before the first command of a run. That takes
    seconds of imports, and asks PyPI for a later version.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:  # type: ignore[override]
        """Open no connection from Dagster itself to the warehouse.

        Dagster would use it for `fetch_column_metadata`, which nobody calls, and load the project.
        """
