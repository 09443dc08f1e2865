"""The Iceberg catalog that Spark shares: tables of Footfall's schemas, in a SQL database."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table
from sqlalchemy.exc import SQLAlchemyError

from ingestion.settings import Settings

#: The catalog's name in Spark's configuration (spark.sql.catalog.footfall) and in the database.
CATALOG: Final = "footfall"
#: Spark's Thrift server opens this namespace when anybody connects.
DEFAULT_NAMESPACE: Final = "default"


class CatalogUnusable(RuntimeError):
    """The catalog's database cannot be opened. The message says what to do."""


def open_catalog(settings: Settings) -> SqlCatalog:
    """The catalog, with the namespaces that dbt and Spark expect. Raises CatalogUnusable."""
    try:
        catalog = SqlCatalog(
            CATALOG,
            uri=settings.iceberg_catalog.get_secret_value(),
            warehouse=settings.iceberg_warehouse,
        )
        catalog.create_namespace_if_not_exists(DEFAULT_NAMESPACE)
    except SQLAlchemyError as error:
        # Its message may hold the password of the address.
        raise CatalogUnusable(
            f"the database of the Iceberg catalog cannot be used ({type(error).__name__}): look at "
            "FOOTFALL_ICEBERG_CATALOG and whether its server runs. Nothing was changed, and the "
            "next run goes on from here."
        ) from None
    return catalog


def table_of(catalog: SqlCatalog, schema: str, name: str, columns: pa.Schema) -> Table:
    """The table, which is made if it is missing and gets the columns that it lacks."""
    catalog.create_namespace_if_not_exists(schema)
    try:
        table = catalog.load_table((schema, name))
    except NoSuchTableError:
        return catalog.create_table((schema, name), columns)
    if set(columns.names) - set(table.schema().column_names):
        with table.update_schema() as update:
            update.union_by_name(columns)
    return table
