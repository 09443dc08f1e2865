"""The models are one text for both engines: DuckDB here, and Spark on a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.settings import Settings

PROJECT = Settings().dbt_project
#: Macros that are written for an engine, or run on one before any model does.
OF_AN_ENGINE = {"engine.sql", "engine_spark.sql", "materializations_spark.sql", "builds.sql"}
#: Functions of both engines that mean the same in both, and keywords before a parenthesis.
FUNCTIONS = {
    *("abs", "ceil", "floor", "greatest", "least", "ln", "power", "round", "sqrt"),
    *("count", "max", "max_by", "median", "min", "min_by", "sum"),
    *("first_value", "lag", "lead", "row_number"),
    *("chr", "concat_ws", "instr", "left", "length", "lower", "md5", "regexp_extract", "replace"),
    *("trim", "upper"),
    *("cast", "coalesce", "date_trunc", "decimal", "nullif", "try_cast"),
}
KEYWORDS = {*("and", "as", "both", "from", "in", "join", "not", "or", "over", "where")}
#: Pattern → what to write instead, in SQL without its Jinja and its texts.
REFUSED = {
    r"::": "cast(a as type)",
    r"\bqualify\b": "row_number() in a CTE, and a condition on it in the next",
    r"\bvarchar\b": "string",
    r"\bwith recursive\b": "a macro of engine.sql, as links_followed(): Spark 4.0 has no recursion",
    r"\[": "a macro of engine.sql: the engines write and number lists in other ways",
    r"\bignore nulls\b": "last_known(column)",
    r"\b(min|max)_by\(case\b": "max_by(a, case … then b end): Spark keeps rows whose a is null",
    # Not in a list of arguments: greatest(x, 0.0) is a double in both.
    r"(?<![\w.])(?<!, )\d+\.\d+(?![\de])": "1e6 for 1000000.0: Spark divides decimals as decimals",
}
#: The same in calls of macros, to which SQL is passed.
REFUSED_IN_CALLS = {r"[-+*/] *\d+\.\d+(?![\de])": "1e6 for 1000000.0, also as part of an argument"}
#: The same in the texts of SQL, with their quotes.
REFUSED_IN_TEXTS = {
    r"(?s)'.*''.*'": "chr(39), or \\x27 in a pattern: Spark 4.0 reads 'a''b' as ab",
    r"\\'$": "another last character: Spark may take \\' for a quote. `escape '!'` is one way",
}
TEXT = r"'(?:[^']|'')*'"


def sql_of(text: str) -> str:
    """SQL without its comments, and with a column in place of each call of a macro."""
    text = re.sub(r"(?s)\{#.*?#\}|\{%.*?%\}", ";", text)
    return re.sub(r"--.*", "", re.sub(r"(?s)\{\{.*?\}\}", "x", text))


def calls(sql: str) -> Iterator[tuple[str, str]]:
    """The name of each function or keyword before a parenthesis, and what is in it."""
    call = re.compile(r"(?:\b([a-z]\w*)\s*)?\(([^()]*)\)")
    while found := call.search(sql):
        if found[1]:
            yield found[1], found[2]
        sql = f"{sql[: found.start()]} x {sql[found.end() :]}"
    # Branches of Jinja may leave a parenthesis open.
    yield from ((name, "") for name in re.findall(r"\b([a-z]\w*)\s*\(", sql))


def mistakes(text: str) -> list[str]:
    """What one of the engines does not understand, or understands differently."""
    sql = sql_of(text)
    plain = re.sub(TEXT, "x", sql)
    found = [
        f"{place[0]}: write {instead}"
        for rules, parts in (
            (REFUSED, [plain]),
            (REFUSED_IN_CALLS, re.findall(r"(?s)\{\{.*?\}\}", text)),
            (REFUSED_IN_TEXTS, re.findall(TEXT, sql)),
        )
        for pattern, instead in rules.items()
        for part in parts
        for place in re.finditer(pattern, part)
    ]
    of_a_cte = set(re.findall(r"\b(\w+)\s*\([\w\s,]*\)\s+as\s*\(", plain))
    for name, arguments in calls(plain):
        if name not in FUNCTIONS | KEYWORDS | of_a_cte:
            found.append(f"{name}(): write a macro of engine.sql, with a form for each engine")
        elif name == "trim" and "," in arguments:
            found.append("trim(a, b): write trim(both b from a), because Spark swaps them")
    return found


def models() -> list[Path]:
    """Everything that dbt renders for both engines."""
    folders = ("staging", "intermediate", "marts", "tests", "macros")
    found = [path for folder in folders for path in (PROJECT / folder).rglob("*.sql")]
    return sorted(path for path in found if path.name not in OF_AN_ENGINE)


def test_every_model_is_sql_that_both_engines_understand() -> None:
    assert len(models()) > 100
    found = {
        str(path.relative_to(PROJECT)): wrong
        for path in models()
        if (wrong := mistakes(path.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("select a::date", "cast(a as type)"),
        ("select a from b qualify row_number() over (order by a) = 1", "row_number() in a CTE"),
        ("select cast(null as varchar)", "string"),
        ("with recursive a as (select 1)", "no recursion"),
        ("select [1, 2]", "number lists"),
        ("select last_value(a ignore nulls) over b", "last_known"),
        ("select max_by(case when a then b end, c)", "max_by(a, case"),
        ("select a / 1000000.0", "1e6"),
        ("select {{ hours_after('a', 'b / 3600.0') }}", "part of an argument"),
        ("select 'it''s'", "chr(39)"),
        ("select a like b escape '\\'", "escape '!'"),
        ("select rtrim(a, '.')", "rtrim()"),
        ("select trim(lower(replace(a, 'b', '')), '.')", "trim(both b from a)"),
        ("select {{ utc('a') }}, list_sort(a)", "list_sort()"),
        ("{% if a %}list_sum({% else %}sum({% endif %}a)", "list_sum()"),
    ],
)
def test_a_model_that_is_not_is_told_what_to_write(text: str, instead: str) -> None:
    assert any(instead in wrong for wrong in mistakes(text))


@pytest.mark.parametrize(
    "text",
    [
        "select {{ hours_after('a', '1') }} -- it's list_sort(a)",
        "select coalesce(a, '') || ')' || '::', greatest(a, 0.0), 1.5e0",
        "select trim(trailing '.' from a), cast(a as decimal(20, 8))",
        "with a (b, c) as (select 1, 2) select * from a",
    ],
)
def test_what_both_understand_is_no_mistake(text: str) -> None:
    assert mistakes(text) == []


def test_a_macro_that_differs_by_engine_is_written_for_both() -> None:
    text = "".join(path.read_text() for path in (PROJECT / "macros").glob("*.sql"))
    written = dict(re.findall(r"\{% macro (\w+)(\([^)]*\))", text))
    dispatched = set(re.findall(r"adapter\.dispatch\('(\w+)'\)", text))
    assert len(dispatched) > 40
    for name in dispatched:
        for engine in ("duckdb", "spark"):
            assert written.get(f"{engine}__{name}") == written[name], f"{engine}__{name}"
