"""What a conversion question holds: the trial, the conversion, the ages and the features."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Annotated, Final

from pydantic import Field

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


class Ages(Strict):
    """The days after the start on which a person is looked at, each from the first to the last."""

    first: Days = Field(alias="from", description="The first, 1 is 24 hours after the start.")
    last: Days = Field(alias="to", description="The last; it lies within the trial.")


class Question(Strict):
    """How likely a person in a trial converts within a horizon, asked at each of some ages."""

    name: Name = Field(description="What answers call it.")
    description: Text = Field(description="What is asked, in a sentence.")
    start: Events = Field(description="The event, or a list of events, that starts a trial.")
    conversion: Events = Field(description="The event, or a list, that is the conversion.")
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
    def fingerprint(self) -> str:
        """A checksum of the question without its description. A change makes old scores invalid."""
        asked = self.model_dump_json(by_alias=True, exclude={"description"})
        return hashlib.sha256(asked.encode()).hexdigest()[:12]

    def events(self) -> list[tuple[tuple[str | int, ...], Event]]:
        """Every event of the question, with its place in the file."""
        places: dict[tuple[str | int, ...], list[Event]] = {
            ("start",): self.start,
            ("conversion",): self.conversion,
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
