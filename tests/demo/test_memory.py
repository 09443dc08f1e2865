from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from demo.memory import MORE_WEEKS, OtherStory, Wishes, story_of

NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)


def test_a_fresh_home_gets_the_story_asked_for(tmp_path: Path) -> None:
    story, is_known = story_of(tmp_path / "demo", Wishes(seed=7, weeks=3), NOW)
    assert not is_known
    assert (story.seed, story.persons, story.weeks) == (7, 1500, 3)
    assert story.starts_on == date(2026, 11, 2)


def test_a_later_run_tells_the_same_story_from_the_same_day(tmp_path: Path) -> None:
    first, _ = story_of(tmp_path, Wishes(seed=7, persons=9, weeks=3), NOW)
    again = story_of(tmp_path, Wishes(), NOW + timedelta(days=3))
    assert again == (first, True)
    assert story_of(tmp_path, Wishes(seed=7, persons=9, weeks=3), NOW) == (first, True)


@pytest.mark.parametrize("wishes", [Wishes(seed=8), Wishes(persons=8), Wishes(weeks=8)])
def test_a_home_with_another_story_refuses_and_says_what_to_do(
    tmp_path: Path, wishes: Wishes
) -> None:
    story_of(tmp_path, Wishes(seed=7, persons=9, weeks=3), NOW)
    with pytest.raises(OtherStory, match=r"holds a demo with --\w+ \d, not 8.*FOOTFALL_HOME="):
        story_of(tmp_path, wishes, NOW)


def test_a_story_does_not_go_on_for_ever(tmp_path: Path) -> None:
    story, _ = story_of(tmp_path, Wishes(weeks=3), NOW)
    last = story.starts_at + timedelta(weeks=3 + MORE_WEEKS)
    assert story_of(tmp_path, Wishes(), last) == (story, True)
    with pytest.raises(OtherStory, match="too long ago"):
        story_of(tmp_path, Wishes(), last + timedelta(seconds=1))


def test_a_home_with_another_edition_refuses(tmp_path: Path) -> None:
    story_of(tmp_path, Wishes(), NOW)
    path = tmp_path / "story.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"edition": 0}))
    with pytest.raises(OtherStory, match="another version"):
        story_of(tmp_path, Wishes(), NOW)
