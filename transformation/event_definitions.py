"""Events in the site's YAML files of definitions, written as docs/asking.md says."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, Any

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

from transformation.definition_rules import BUILT_IN, what_to_send
from transformation.event_grammar import (
    Condition,
    EventMeant,
    quoted,
    read_name,
    read_step,
    written,
)
from transformation.yaml_files import Place


def _text(value: object) -> object:
    """A YAML scalar as the text that the models compare: true, 1, 2.5."""
    return json.dumps(value) if isinstance(value, bool | int | float) else value


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
#: A text without blanks around it: these are a typing mistake.
Text = Annotated[str, StringConstraints(pattern=r"^\S(.*\S)?$")]
#: A name or value that a product sends. In double quotes it may have blanks around it.
SentText = Annotated[Text, AfterValidator(read_name)]
Scalar = Annotated[SentText, BeforeValidator(_text, json_schema_input_type=SentText | int | float)]


class Strict(BaseModel):
    """A definition that has no other keys than these."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Event(Strict):
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


def unknown_events(
    events: Iterable[tuple[Place, Event]], known: Collection[str]
) -> Iterator[tuple[Place, str]]:
    """Events that are neither planned nor sent, each with its place and what to write instead."""
    for place, event in events:
        name = event.meant.event_name
        if name is not None and name not in known and name not in BUILT_IN:
            yield place, what_to_send(name, known)


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
