"""The lists of libraries, as tables that the models read."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from publicsuffixlist import PublicSuffixList

from enrichment import enrich as module
from enrichment.enrich import LISTS, enrich
from enrichment.public_suffixes import public_suffixes
from enrichment.time_zones import countries, time_zones


@pytest.fixture(scope="module")
def enriched() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        enrich(connection)
        yield connection


@pytest.mark.parametrize("table", LISTS)
def test_a_list_has_each_row_once(enriched: duckdb.DuckDBPyConnection, table: str) -> None:
    rows = enriched.execute(f"from enrichment.{table}").fetchall()
    assert rows
    assert len(set(rows)) == len(rows)


def test_the_same_rules_are_written_once_and_new_rules_replace_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with duckdb.connect() as connection:
        enrich(connection)
        connection.execute("insert into enrichment.countries values ('XX', 'of another edition')")
        enrich(connection)
        assert count(connection, "country_code = 'XX'") == 1
        monkeypatch.setattr(module, "rules", lambda: "another edition")
        enrich(connection)
        assert count(connection, "country_code = 'XX'") == 0
        assert connection.execute("from enrichment.rules").fetchall() == [("another edition",)]


def test_a_list_that_fails_leaves_the_edition_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> list[tuple[str, ...]]:
        raise OSError("no such file")

    with duckdb.connect() as connection:
        enrich(connection)
        before = connection.execute("from enrichment.rules").fetchall()
        monkeypatch.setattr(module, "rules", lambda: "another edition")
        monkeypatch.setitem(LISTS, "countries", (("country_code", "country_name"), fails))
        with pytest.raises(OSError, match="no such file"):
            enrich(connection)
        assert connection.execute("from enrichment.rules").fetchall() == before
        assert count(connection, "country_code = 'AT'") == 1


def test_the_suffixes_are_those_that_the_library_applies() -> None:
    library = PublicSuffixList()
    kinds: dict[str, set[str]] = {}
    for domain, kind in public_suffixes():
        kinds.setdefault(domain, set()).add(kind)
    for domain, found in kinds.items():
        if "exception" in found:
            assert library.privatesuffix(domain) == domain
        if "suffix" in found:
            assert library.publicsuffix(domain) == domain
        if "wildcard" in found:
            assert library.publicsuffix(f"somebody.{domain}") == f"somebody.{domain}"


def test_a_zone_has_the_country_that_it_lies_in_and_an_old_name_that_of_the_new_one() -> None:
    zones = dict(time_zones())
    assert zones["Europe/Vienna"] == "AT"
    assert zones["America/Argentina/Ushuaia"] == "AR"
    assert zones["Europe/Amsterdam"] == "NL"
    assert zones["Asia/Calcutta"] == zones["Asia/Kolkata"] == "IN"
    assert not {"UTC", "Etc/UTC", "CET", "Etc/GMT+5"} & zones.keys()
    assert set(zones.values()) <= dict(countries()).keys()


def count(connection: duckdb.DuckDBPyConnection, condition: str) -> int:
    (found,) = connection.execute(
        f"select count(*) from enrichment.countries where {condition}"
    ).fetchone() or (0,)
    return int(found)
