"""Who is connected by aliases, against a union-find on graphs that histories are too small for."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pyarrow as pa

from tests.models_in_memory import CompiledModels, MemoryWarehouse

GRAPHS = 60
Edge = tuple[str, str]


def connected(edges: list[Edge]) -> dict[str, str]:
    """Each id with the first of its component."""
    first: dict[str, str] = {}

    def root(member: str) -> str:
        while first.setdefault(member, member) != member:
            member = first[member]
        return member

    for one, other in edges:
        lower, higher = sorted((root(one), root(other)))
        first[higher] = lower
    return {member: root(member) for member in first}


def graphs() -> list[list[Edge]]:
    """Chains in any order, stars around any of their ids, and edges between whoever."""
    random = Random(11)
    made: list[list[Edge]] = [[], [("u", "u")]]
    for number in range(GRAPHS):
        names = [f"u{each}" for each in range(random.choice((4, 12, 40)))]
        random.shuffle(names)
        chain = [edge for edge in pairwise(names) if random.random() < 0.9]
        star = [(random.choice(names[:2]), name) for name in names]
        anyhow = [(random.choice(names), random.choice(names)) for _ in names]
        made.append((chain, star, anyhow, chain + anyhow[:3])[number % 4])
    return made


def test_aliases_connect_whoever_reaches_each_other_however_many_they_are(
    compiled: CompiledModels,
) -> None:
    """A star of thousands took minutes once, and so did a chain in the order of its ids."""
    model = next(model for model in compiled.models if model.name == "int_users_connected")
    connection = MemoryWarehouse(compiled).connection
    names = [f"user-{number:05}" for number in range(20_001)]
    hub = [("hub", name) for name in names]
    chain = list(pairwise(names))
    cycle = [*chain, (names[-1], names[0])]
    tree = [(names[(number - 1) // 3], names[number]) for number in range(1, len(names))]
    alone = [(name, name) for name in names[:2000]]
    for edges in (*graphs(), hub, chain, cycle, tree, [*alone, *chain[:500]]):
        # As a table: values bound one by one cost forty times what the model does.
        previous, user = ([edge[side] for edge in edges] for side in (0, 1))
        arrived = {"previous_id": pa.array(previous, "string"), "user_id": pa.array(user, "string")}
        connection.register("arrived", pa.table(arrived))
        connection.execute(
            "create or replace table intermediate.int_users_aliased as"
            " select previous_id, user_id from arrived"
        )
        assert dict(connection.execute(model.full).fetchall()) == connected(edges)
