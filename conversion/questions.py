"""What a conversion question holds: the trial, the conversion, the ages and the features."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

from transformation.event_grammar import (
    Condition,
    EventMeant,
    quoted,
    read_name,
    read_step,
    written,
)

#: A year. Each feature has a row for every age of every trial.
MAX_DAYS: Final = 366
#: Limited because a hundred features over a year are 36,500 rows a person.
MAX_FEATURES: Final = 100


def _text(value: object) -> object:
    """A YAML scalar as the text that the models compare: true, 1, 2.5."""
    return json.dumps(value) if isinstance(value, bool | int | float) else value


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
#: A text without blanks around it: these are a typing mistake.
Text = Annotated[str, StringConstraints(pattern=r"^\S(.*\S)?$")]
#: A name or value that a product sends. In double quotes it may have blanks around it.
SentText = Annotated[Text, AfterValidator(read_name)]
Scalar = Annotated[SentText, BeforeValidator(_text, json_schema_input_type=SentText | int | float)]
Days = Annotated[int, Field(strict=True, ge=1, le=MAX_DAYS)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Event(_Strict):
    """Which events are meant: those of a name, or of them those whose property has a value.

    Written as docs/asking.md says under "Which event"; these keys are an older way.
    """

    event: SentText = Field(description="The event's name, as it is sent.")
    property_name: SentText | None = Field(
        None, alias="property", description="Only events with this property …"
    )
    property_value: Scalar | None = Field(
        None, alias="value", description="… of this value, as text: annual, true, 2.5."
    )
    _read: EventMeant | None = PrivateAttr(None)

    @classmethod
    def of(cls, meant: EventMeant) -> Event:
        """An event from what the grammar read. The keys express as much of it as they can."""
        keys = {"event": quoted(meant.event_name or "*")}
        if [each.operator for each in meant.conditions] == ["="]:
            (condition,) = meant.conditions
            keys |= {"property": quoted(condition.path), "value": quoted(condition.values[0])}
        event = cls.model_validate(keys)
        event._read = None if event.meant == meant else meant
        return event

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
        """An event is written as a name, or with the keys."""
        return {"anyOf": [{"type": "string"}, handler.resolve_ref_schema(handler(core))]}

    @property
    def meant(self) -> EventMeant:
        """The event in the form of the grammar."""
        if self._read is not None:
            return self._read
        if self.property_name is None or self.property_value is None:
            return EventMeant(self.event)
        return EventMeant(self.event, (Condition(self.property_name, "=", (self.property_value,)),))

    @model_serializer(mode="wrap")
    def _told(self, keys: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The keys, and the written form if the keys cannot express the event."""
        told: dict[str, Any] = keys(self)
        return told if self._read is None else told | {"written": written(self._read)}

    def may_be(self, other: Event) -> bool:
        """Whether one event could match both."""
        mine, theirs = self.meant, other.meant
        names = {mine.event_name, theirs.event_name} - {None}
        return len(names) < 2 and not any(
            one.excludes(another) for one in mine.conditions for another in theirs.conditions
        )


def alternatives(text: object) -> list[object]:
    """The alternatives of an event as the file writes it.

    Raises ValueError for a text that the grammar cannot read.
    """
    if not isinstance(text, str):
        return [text]
    if text != text.strip():
        return [{"event": text}]
    if not (meant := read_step(text)):
        raise ValueError("not written as an event")
    return [Event.of(each) for each in meant]


def _listed(events: object) -> object:
    some = events if isinstance(events, list) else [events]
    return [each for one in some for each in alternatives(one)]


_Several = Annotated[list[Event], Field(min_length=1)]
#: An event that matches any of these counts. A single one needs no list.
Events = Annotated[_Several, BeforeValidator(_listed, json_schema_input_type=Event | _Several)]


class Feature(_Strict):
    """Something people use, told by its events."""

    name: Name = Field(description="What answers call it.")
    event: Events = Field(description="The event, or a list of events, that is a use of it.")


class Ages(_Strict):
    """The days after the start on which a person is looked at, each from the first to the last."""

    first: Days = Field(alias="from", description="The first, 1 is 24 hours after the start.")
    last: Days = Field(alias="to", description="The last; it lies within the trial.")


class Question(_Strict):
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


class QuestionFile(_Strict):
    """The questions of a site, side by side."""

    questions: list[Question] = Field(description="One entry a question.")


def schema() -> str:
    """The JSON schema of the file, for editors."""
    return json.dumps(QuestionFile.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
