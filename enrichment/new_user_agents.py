"""Reads each user agent once: those that loads bring which were not looked through before."""

from __future__ import annotations

from typing import Final

import duckdb
import pyarrow as pa

from enrichment.user_agents import UserAgent, parse
from warehouse.sql import has_table

#: One row per user agent.
USER_AGENTS: Final = "enrichment.user_agents"
#: The loads whose user agents are all there.
LOADS: Final = "enrichment.user_agent_loads"
#: User agents in memory at once; one may be as long as an event, 32 KiB.
BATCH: Final = 1_000


def read_new_user_agents(connection: duckdb.DuckDBPyConnection) -> None:
    """Parse the user agents of completed loads that were not read yet; else nothing is written.

    A kill on the way leaves the load unread. Reading it again adds only what is missing.
    """
    columns = ", ".join(
        f"{name} {'boolean' if name == 'is_bot' else 'varchar'}" for name in UserAgent._fields
    )
    connection.execute(
        f"create table if not exists {USER_AGENTS} ({columns});"
        f"create table if not exists {LOADS} (load_id varchar)"
    )
    if not has_table(connection, "raw._dlt_loads") or not has_table(connection, "raw.events"):
        return
    loads = connection.execute(
        f"select load_id from raw._dlt_loads where status = 0 and load_id not in (from {LOADS})"
    ).fetchall()
    if not loads:
        return
    load_ids = [load_id for (load_id,) in loads]
    connection.execute(
        f"""
        create or replace temp table agents_arrived as
        select user_agent, row_number() over () as number
        from (
            select json_extract_string(context, '$.userAgent') as user_agent
            from raw.events
            where _dlt_load_id in (select unnest(?)) and user_agent is not null
            except
            select user_agent from {USER_AGENTS}
        )
        """,
        [load_ids],
    )
    last = 0
    while batch := connection.execute(
        "select user_agent from agents_arrived where number > ? and number <= ?",
        [last, last + BATCH],
    ).fetchall():
        read = zip(*(parse(user_agent) for (user_agent,) in batch), strict=True)
        table = pa.table([list(values) for values in read], names=UserAgent._fields)
        connection.register("agents_read", table)
        connection.execute(f"insert into {USER_AGENTS} from agents_read")
        connection.unregister("agents_read")
        last += BATCH
    connection.execute("drop table agents_arrived")
    connection.execute(f"insert into {LOADS} select unnest(?)", [load_ids])
