"""Which story a home already holds, so that a second run repeats and continues it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from demo.facts import EDITION, Story

DEFAULT_SEED: Final = 1
#: With the default weeks some 45,000 events: enough for rates to settle, quick enough to wait for.
DEFAULT_PERSONS: Final = 1500
DEFAULT_WEEKS: Final = 6

MAX_WEEKS: Final = 26
#: How long a story goes on after its first weeks. Each run sends it again from the start, which
#: would take too long for a much longer story.
MORE_WEEKS: Final = 20


class OtherStory(Exception):
    """The home holds a story that is not the one asked for; the message says what to do."""


@dataclass(frozen=True)
class Wishes:
    """What the command line asked for; None leaves it to the home's story, or the default."""

    seed: int | None = None
    persons: int | None = None
    weeks: int | None = None


def story_of(folder: Path, wishes: Wishes, now: datetime) -> tuple[Story, bool]:
    """Return the story to simulate, and whether this home already has it; saves a new one.

    Raises OtherStory if the home holds another one: two stories in one warehouse would share
    ids, and no answer would be right. Raises OSError if ``folder`` cannot be written.
    """
    path = folder / "story.json"
    if path.exists():
        told = json.loads(path.read_text(encoding="utf-8"))
        story = Story(**{**told, "starts_on": date.fromisoformat(told["starts_on"])})
        _check(story, wishes, now, folder)
        return story, True
    weeks = wishes.weeks or DEFAULT_WEEKS
    story = Story(
        seed=DEFAULT_SEED if wishes.seed is None else wishes.seed,
        persons=wishes.persons or DEFAULT_PERSONS,
        weeks=weeks,
        starts_on=now.date() - timedelta(weeks=weeks),
    )
    folder.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    told = {
        "seed": story.seed,
        "persons": story.persons,
        "weeks": story.weeks,
        "starts_on": story.starts_on.isoformat(),
        "edition": story.edition,
    }
    fresh.write_text(json.dumps(told) + "\n", encoding="utf-8")
    fresh.replace(path)
    return story, False


def _check(story: Story, wishes: Wishes, now: datetime, folder: Path) -> None:
    advice = f"Name another home to start a new one: FOOTFALL_HOME={folder.parent}-2 make demo"
    if story.edition != EDITION:
        raise OtherStory(f"{folder.parent} holds a demo of another version of Footfall. {advice}")
    for name in ("seed", "persons", "weeks"):
        wish, told = getattr(wishes, name), getattr(story, name)
        if wish is not None and wish != told:
            raise OtherStory(
                f"{folder.parent} holds a demo with --{name} {told}, not {wish}. {advice}"
            )
    if now - story.starts_at > timedelta(weeks=story.weeks + MORE_WEEKS):
        raise OtherStory(
            f"The demo in {folder.parent} began on {story.starts_on}, too long ago to go on. "
            f"{advice}"
        )
