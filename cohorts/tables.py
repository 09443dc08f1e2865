"""The cohorts as the models read them: two tables in the schema meta."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cohorts.definitions import Clause, Cohort, Condition, Literal, clauses
from warehouse import meta


def cohort_rows(cohorts: Sequence[Cohort]) -> dict[str, list[tuple[Any, ...]]]:
    """Table → its rows."""
    by_name = {cohort.name: cohort for cohort in cohorts}
    described: list[tuple[Any, ...]] = [
        (
            cohort.name,
            cohort.description,
            json.dumps(
                [each.model_dump(mode="json", exclude_none=True) for each in cohort.conditions]
            ),
        )
        for cohort in cohorts
    ]
    conditions = [
        (cohort.name, number, *_row(literal.condition), clause, literal.is_negated)
        for cohort in cohorts
        for number, (clause, literal) in enumerate(_numbered(clauses(cohort, by_name)), start=1)
    ]
    return {meta.COHORTS: described, meta.COHORT_CONDITIONS: conditions}


def _numbered(all_of: Sequence[Clause]) -> list[tuple[int, Literal]]:
    return [(number, each) for number, clause in enumerate(all_of, start=1) for each in clause]


def _row(condition: Condition) -> tuple[Any, ...]:
    seen = condition.first_seen
    least, most = condition.limits
    if seen:
        return "first_seen", None, None, None, None, seen.since, seen.until
    for kind, trait in (("trait", condition.trait), ("account_trait", condition.account_trait)):
        if trait:
            return kind, f"*[{trait}]", None, None, None, None, None
    step = condition.did or condition.did_not
    return "event", step, least, most, condition.within_days, None, None
