from __future__ import annotations

import json
from typing import Any

import pytest

from footfall.answer import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MAX_RETRY_AFTER_SECONDS,
    Again,
    Answer,
    Delivered,
    Rejected,
    TooBig,
    judge,
    pause_seconds,
    retry_after_seconds,
)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Delivered()),
        (202, Delivered()),
        (204, Delivered()),
        (301, Again(fault=True)),
        (400, Rejected("http_400")),
        (401, Rejected("http_401")),
        (404, Rejected("http_404")),
        (408, Again()),
        (413, TooBig()),
        (415, Rejected("http_415")),
        (429, Again()),
        (500, Again(fault=True)),
        (501, Again(fault=True)),
        (502, Again()),
        (503, Again()),
        (504, Again()),
    ],
)
def test_a_status_decides_what_becomes_of_a_batch(status: int, verdict: object) -> None:
    assert judge(Answer(status), 100) == verdict


def test_a_single_event_that_is_too_big_cannot_be_split() -> None:
    assert judge(Answer(413), 1) == Rejected("too_large")


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"success": True, "accepted": 98, "refused": [{"index": 3}, {"index": 4}]}, 2),
        ({"success": True, "refused": [{"index": 3}]}, 1),
        ({"success": True, "accepted": 97, "refused": [{"index": 3}]}, 3),
        ({"success": True}, 0),
        ({"accepted": 101}, 0),
        ({"accepted": -1}, 0),
        ({"accepted": True}, 0),
        ({"accepted": "all", "refused": "none"}, 0),
        ({"refused": [{}] * 200}, 100),
        ([], 0),
        (None, 0),
    ],
)
def test_the_refused_events_of_an_answer_are_counted(body: Any, refused: int) -> None:
    assert judge(Answer(200, body=json.dumps(body).encode()), 100) == Delivered(refused)


@pytest.mark.parametrize("body", [b"", b"OK", b"\xff", b"[" * 100_000])
def test_an_unreadable_answer_refuses_nothing(body: bytes) -> None:
    assert judge(Answer(200, body=body), 100) == Delivered(0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("86400", MAX_RETRY_AFTER_SECONDS),
        ("inf", MAX_RETRY_AFTER_SECONDS),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Sun, 01 Nov 2026 10:00:09 GMT", 9.0),
        ("Sun, 01 Nov 2026 09:00:00 GMT", 0.0),
        ("Sun, 99 Nov 2026 09:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_within_bounds(header: str | None, seconds: float | None) -> None:
    ten_o_clock = 1_793_527_200.0
    assert retry_after_seconds(header, ten_o_clock) == seconds
    assert judge(Answer(429, header), 1, now=ten_o_clock) == Again(seconds)


def test_pauses_double_up_to_the_longest_and_vary() -> None:
    for failures in range(1, 200):
        nominal = min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS)
        pauses = {pause_seconds(failures) for _ in range(20)}
        assert min(pauses) >= nominal / 2
        assert max(pauses) <= nominal
        assert len(pauses) > 1
