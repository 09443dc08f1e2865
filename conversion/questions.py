"""What a conversion question holds: the trial, the conversion, the ages and the features."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag

from transformation.event_definitions import Event, Events, Name, Strict, Text

#: A year. Each feature has a row for every age of every trial.
MAX_DAYS: Final = 366
#: Limited because a hundred features over a year are 36,500 rows a person.
MAX_FEATURES: Final = 100


Days = Annotated[int, Field(strict=True, ge=1, le=MAX_DAYS)]


class Feature(Strict):
    """Something people use, told by its events."""

    name: Name = Field(description="What answers call it.")
    event: Events = Field(description="The event, or a list of events, that is a use of it.")


#: How long the units of an age are.
SECONDS: Final = {"days": 86_400, "hours": 3_600, "minutes": 60}


class Ages(Strict):
    """The ages of a trial at which a person is looked at, each from the first to the last."""

    first: Days = Field(alias="from", description="The first, 1 is 24 hours after the start.")
    last: Days = Field(alias="to", description="The last; it lies within the trial.")
    unit: Literal["days", "hours", "minutes"] = Field(
        "days", description="What both are counted in: days of 24 hours, hours or minutes."
    )

    @property
    def seconds(self) -> int:
        """The length of one age."""
        return SECONDS[self.unit]


class Absence(Strict):
    """A conversion by what does not happen: paid is who did not cancel within 30 days."""

    without: Events = Field(description="The event, or a list, that must not happen.")
    within_days: Days = Field(description="… in so many days of 24 hours after the start.")


def _kind(conversion: Any) -> str:
    is_absence = isinstance(conversion, Absence) or (
        isinstance(conversion, dict) and not conversion.keys().isdisjoint(Absence.model_fields)
    )
    return "absence" if is_absence else "conversion"


Conversion = Annotated[
    Annotated[Events, Tag("conversion")] | Annotated[Absence, Tag("absence")],
    Discriminator(_kind),
]


class Question(Strict):
    """How likely a person in a trial converts within a horizon, asked at each of some ages."""

    name: Name = Field(description="What answers call it.")
    description: Text = Field(description="What is asked, in a sentence.")
    actor: Literal["person", "account"] = Field(
        "person", description="Whose trial it is: of a person, or of an account with its members."
    )
    start: Events = Field(description="The event, or a list of events, that starts a trial.")
    conversion: Conversion = Field(
        description="The event, or a list, that is the conversion, or {without: …, within_days: …}."
    )
    end: Events | None = Field(
        None, description="The event, or a list, that ends a trial before its time."
    )
    trial_days: Days = Field(description="Days of 24 hours that a trial lasts.")
    ages: Ages = Field(description="The ages of the trial at which a person is looked at.")
    horizon_days: Days = Field(description="Days of 24 hours within which the conversion counts.")
    features: list[Feature] = Field(
        min_length=1, max_length=MAX_FEATURES, description="What may have to do with it."
    )

    @property
    def conversion_events(self) -> list[Event]:
        """The events that are the conversion, or whose absence is."""
        given = self.conversion
        return given.without if isinstance(given, Absence) else given

    @property
    def absence_days(self) -> int | None:
        """Days without such an event after which a trial has converted; None if events convert."""
        return self.conversion.within_days if isinstance(self.conversion, Absence) else None

    @property
    def is_repeat(self) -> bool:
        """Whether the start, when it happens again, is the conversion."""
        same = {each.meant for each in self.start} == {
            each.meant for each in self.conversion_events
        }
        return same and self.absence_days is None

    @property
    def fingerprint(self) -> str:
        """A checksum of the question without its description. A change makes old scores invalid."""
        # Days and persons were once all there was: what was asked of them is the same question.
        left_out: dict[str, Any] = {"description": True}
        if self.actor == "person":
            left_out["actor"] = True
        if self.ages.unit == "days":
            left_out["ages"] = {"unit"}
        asked = self.model_dump_json(by_alias=True, exclude=left_out)
        return hashlib.sha256(asked.encode()).hexdigest()[:12]

    def events(self) -> list[tuple[tuple[str | int, ...], Event]]:
        """Every event of the question, with its place in the file."""
        places: dict[tuple[str | int, ...], list[Event]] = {
            ("start",): self.start,
            ("conversion",) if self.absence_days is None else ("conversion", "without"): (
                self.conversion_events
            ),
            ("end",): self.end or [],
            **{
                ("features", place, "event"): feature.event
                for place, feature in enumerate(self.features)
            },
        }
        return [
            ((*place, number), event)
            for place, events in places.items()
            for number, event in enumerate(events)
        ]


class QuestionFile(Strict):
    """The questions of a site, side by side."""

    questions: list[Question] = Field(description="One entry a question.")


def schema() -> str:
    """The JSON schema of the file, for editors."""
    return json.dumps(QuestionFile.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
