"""The Iceberg catalog that Spark shares: tables of Footfall's schemas, in a SQL database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
from pyiceberg.table import Table
from sqlalchemy.exc import SQLAlchemyError

from cluster.unusable import ClusterUnusable
from ingestion.settings import Settings

#: The catalog's name in Spark's configuration (spark.sql.catalog.footfall) and in the database.
CATALOG: Final = "footfall"
#: Spark's Thrift server opens this namespace when anybody connects.
DEFAULT_NAMESPACE: Final = "default"
#: Else pyiceberg would add rows again to what another writer committed meanwhile.
NO_RETRY: Final = {"commit.retry.num-retries": "0"}


def open_catalog(settings: Settings) -> SqlCatalog:
    """The catalog, with the namespaces that dbt and Spark expect. Raises ClusterUnusable."""
    with mended_by_people():
        catalog = SqlCatalog(
            CATALOG,
            uri=settings.iceberg_catalog.get_secret_value(),
            warehouse=settings.iceberg_warehouse,
        )
        catalog.create_namespace_if_not_exists(DEFAULT_NAMESPACE)
    return catalog


@contextmanager
def mended_by_people() -> Iterator[None]:
    """Raise ClusterUnusable where the database, the folder or another writer is in the way."""
    try:
        yield
    except SQLAlchemyError as error:
        # Its message may hold the password of the address.
        raise ClusterUnusable(
            f"the database of the Iceberg catalog cannot be used ({type(error).__name__}): look at "
            "FOOTFALL_ICEBERG_CATALOG and whether its server runs. Readers keep the last good "
            "file, and the next run goes on from here"
        ) from None
    except CommitFailedException:
        raise ClusterUnusable(
            "another program wrote to the same Iceberg table at the same time, so this run wrote "
            "nothing to it: stop that program. The next run goes on from here"
        ) from None
    except OSError as error:
        # Of the object store's message, which may hold keys, only what the system says.
        raise ClusterUnusable(
            "the folder of the Iceberg tables cannot be read or written "
            f"({error.strerror or type(error).__name__}): look at FOOTFALL_ICEBERG_WAREHOUSE, its "
            "permissions and its space. Readers keep the last good file, and the next run goes on "
            "from here"
        ) from None


def table_of(catalog: SqlCatalog, schema: str, name: str, columns: pa.Schema) -> Table:
    """The table, which is made if it is missing and gets the columns that it lacks."""
    catalog.create_namespace_if_not_exists(schema)
    try:
        table = catalog.load_table((schema, name))
    except NoSuchTableError:
        return catalog.create_table((schema, name), columns, properties=NO_RETRY)
    if set(columns.names) - set(table.schema().column_names):
        with table.update_schema() as update:
            update.union_by_name(columns)
    return table
