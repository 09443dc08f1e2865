"""What Spark has to be told for our models."""

from __future__ import annotations

from typing import Final

from cluster.catalog import CATALOG

#: What every session of Spark has to be told wherever it runs (docs/scale.md).
SESSION: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    # Double quotes around names, as the models write them.
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    # A backslash in a text is a backslash: patterns are written as for DuckDB.
    "spark.sql.parser.escapedStringLiterals": "true",
    # A key that a JSON object has twice is no error.
    "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
    "spark.sql.variant.allowDuplicateKeys": "true",
    "spark.sql.defaultCatalog": CATALOG,
    # dlt, pyiceberg and other sessions write too.
    f"spark.sql.catalog.{CATALOG}.cache-enabled": "false",
}
#: What else it has to be told where it starts.
STARTED_WITH: Final = {
    **SESSION,
    # Each session would open its own connections to the catalog, and keep them.
    "spark.sql.hive.thriftServer.singleSession": "true",
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    f"spark.sql.catalog.{CATALOG}": "org.apache.iceberg.spark.SparkCatalog",
    f"spark.sql.catalog.{CATALOG}.type": "jdbc",
    f"spark.sql.catalog.{CATALOG}.jdbc.schema-version": "V1",
}
