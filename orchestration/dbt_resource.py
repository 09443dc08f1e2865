"""dbt as Dagster's steps are given it."""

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version

from dagster_dbt import DbtCliResource
from packaging.version import Version


class InstalledDbt(DbtCliResource):
    """The dbt of this environment, of the version that is installed in it.

    The resource of dagster-dbt runs ``dbt --version`` before the first command of a run: that is
    seconds of imports, and a question to PyPI whether there is a later one.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:  # type: ignore[override]
        """No connection of Dagster's own to the warehouse.

        It reads columns for `fetch_column_metadata`, which nobody calls, and loads the project.
        """
