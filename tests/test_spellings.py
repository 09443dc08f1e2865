"""Names and ids that look alike are pointed out, and stay what they are."""

from __future__ import annotations

import pytest

from tests.lines import line
from tests.models_in_memory import CompiledModels, loaded
from tests.oracle.events import File

#: Texts that differ in what nobody sees; then texts that anybody tells apart.
ALIKE = [
    ("Signup", "signup", "SIGNUP", "Signup ", " signup", "\tsignup\n", "\u3000signup\xa0"),
    ("signup", "sign\u200bup", "\ufeffsignup", "\u202asignup", "sign\xadup", "signup\ufe0f"),
    ("Café", "Cafe\u0301", "CAFÉ", "cafe\u200d\u0301"),
    ("sign up", "Sign  up", "sign\xa0up", "sign \t up "),
    ("ΟΔΟΣ", "οδος", "οδοσ"),
    ("ada@x.example", "Ada@X.example", "ada@x.example\x7f", "\u2800ada@x.example"),
]
APART = ("signup", "sign up", "sign_up", "sign-up", "signups", "café", "cafe", "1", "01")


@pytest.mark.parametrize("texts", ALIKE)
def test_texts_that_only_look_alike_are_findings(
    compiled: CompiledModels, texts: tuple[str, ...]
) -> None:
    lines = []
    for number, text in enumerate(texts):
        ids = {"user_id": text, "anonymous_id": None}
        lines.append(line(f"user {number}", type="track", event_name=text, **ids))
        lines.append(line(f"device {number}", anonymous_id=text))
    warehouse = loaded(compiled, [[File("a.ndjson", lines)]])

    names = warehouse.rows("from marts.catalog_findings where finding = 'several_spellings'")
    assert {row["event_name"] for row in names} == set(texts)
    assert all(row["is_current"] for row in names)
    found = warehouse.rows("from marts.identity_findings where contains(finding, 'spellings')")
    assert sorted((row["finding"], row["subject"], row["found_count"]) for row in found) == sorted(
        (f"{kind}_of_several_spellings", text, len(texts))
        for kind in ("user", "device")
        for text in texts
    )
    # They stop nothing, and are still what they were sent as.
    assert warehouse.failed_tests() == []
    persons = warehouse.rows("select count(*) as persons from marts.dim_persons")
    assert persons == [{"persons": len(texts)}]


def test_texts_that_anybody_tells_apart_are_none(compiled: CompiledModels) -> None:
    lines = [
        line(str(number), type="track", event_name=text, user_id=text)
        for number, text in enumerate(APART)
    ]
    warehouse = loaded(compiled, [[File("a.ndjson", lines)]])
    assert warehouse.rows("from intermediate.int_spellings_compared") == []


def test_a_text_in_thousands_of_spellings_shows_five_of_them(compiled: CompiledModels) -> None:
    texts = [
        "".join(c.upper() if number >> place & 1 else c for place, c in enumerate("abcdefghijkl"))
        for number in range(4096)
    ]
    lines = [line(str(number), user_id=text) for number, text in enumerate(texts)]
    rows = loaded(compiled, [[File("a.ndjson", lines)]]).rows(
        "select found_count, max(length(advice)) as longest, count(*) as findings"
        " from marts.identity_findings where finding = 'user_of_several_spellings' group by 1"
    )
    assert [(row["found_count"], row["findings"]) for row in rows] == [(4096, 4096)]
    assert rows[0]["longest"] < 200
