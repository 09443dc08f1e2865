"""What it costs to find who is connected by aliases: chains, stars and trees of them.

Run ``python -m benchmarks.aliases``. It prints the processor seconds of int_users_connected on
one thread, by shape and number of links. A product that gives everybody a new id (for instance a
UUIDv7) at each visit makes a chain in the order of its ids.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Final

import duckdb
import jinja2

MACROS: Final = Path(__file__).parents[1] / "dbt_project/macros"
SIZES: Final = (1_000, 10_000, 50_000)
#: Shape → the ids that an alias joins, as SQL over its number i.
SHAPES: Final = {
    "chain": ("i", "i + 1"),
    "star": ("0", "i + 1"),
    "binary tree": ("(i + 1) // 2", "i + 1"),
    "pairs": ("2 * i", "2 * i + 1"),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aliases", description=__doc__)
    parser.add_argument("--macros", type=Path, default=MACROS, help="another version of the macros")
    parser.add_argument("--links", type=int, nargs="+", default=SIZES)
    options = parser.parse_args()
    text = "".join((options.macros / name).read_text() for name in ("aliases.sql", "engine.sql"))
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    sql = environment.from_string(text).module.duckdb__components_of("int_users_aliased")  # type: ignore[attr-defined]
    for shape, (previous, user) in SHAPES.items():
        for links in options.links:
            with duckdb.connect(config={"threads": 1}) as connection:
                connection.execute(
                    "create table int_users_aliased as select"
                    f" printf('u%09d', {previous}) as previous_id,"
                    f" printf('u%09d', {user}) as user_id from range({links}) as t(i)"
                )
                began = time.process_time()
                found = connection.execute(
                    f"select count(*), count(distinct component_id) from ({sql})"
                ).fetchone()
                seconds = time.process_time() - began
            assert found is not None
            users, persons = found
            sys.stdout.write(
                f"{shape:<12}{links:>7,} links: {users:,} user ids are {persons:,} persons, "
                f"{seconds:.2f} s\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
