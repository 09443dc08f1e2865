"""The calls by which a product reports events, one for each type of event."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Union
from uuid import UUID

from footfall.message import as_mapping, required_id, required_name, track_properties

Id = Union[str, int, UUID, None]
Moment = Union[datetime, str, float, None]
Properties = Union[Mapping[str, Any], None]


class Calls(ABC):
    """The six calls. Each returns at once; errors in it are only counted.

    All need a ``user_id``, an ``anonymous_id`` or both. ``timestamp`` is when it happened, if not
    now: a datetime (a naive one is UTC), ISO 8601 text or seconds since 1970. ``context`` says
    under which circumstances. ``event_id`` makes a repeated report count once; without it each
    call is a separate event.
    """

    def track(
        self,
        user_id: Id,
        action: str,
        value: Any = None,
        extra_info: Properties = None,
        *,
        anonymous_id: Id = None,
        timestamp: Moment = None,
        context: Properties = None,
        event_id: Id = None,
    ) -> None:
        """Report that somebody did something.

        ``value`` and ``extra_info`` together become the event's properties; a ``value`` inside
        ``extra_info`` that the explicit one displaces is kept as ``extra_info_value``. For a
        visitor who is not logged in, ``user_id`` is None and ``anonymous_id`` names the device.
        """
        self.report(
            "track",
            track_fields,
            (action, value, extra_info),
            {"userId": user_id, "anonymousId": anonymous_id},
            timestamp,
            context,
            event_id,
        )

    def identify(
        self,
        user_id: Id,
        traits: Properties = None,
        *,
        anonymous_id: Id = None,
        timestamp: Moment = None,
        context: Properties = None,
        event_id: Id = None,
    ) -> None:
        """Report what is known of a user; with ``anonymous_id``, also that it is their device."""
        self.report(
            "identify",
            _traits_fields,
            (traits,),
            {"userId": user_id, "anonymousId": anonymous_id},
            timestamp,
            context,
            event_id,
        )

    def page(
        self,
        user_id: Id,
        name: str | None = None,
        properties: Properties = None,
        *,
        anonymous_id: Id = None,
        timestamp: Moment = None,
        context: Properties = None,
        event_id: Id = None,
    ) -> None:
        """Report that somebody saw a page; ``properties`` may hold its ``path`` and ``url``."""
        self.report(
            "page",
            _view_fields,
            (name, properties),
            {"userId": user_id, "anonymousId": anonymous_id},
            timestamp,
            context,
            event_id,
        )

    def screen(
        self,
        user_id: Id,
        name: str | None = None,
        properties: Properties = None,
        *,
        anonymous_id: Id = None,
        timestamp: Moment = None,
        context: Properties = None,
        event_id: Id = None,
    ) -> None:
        """Report that somebody saw a screen of an app."""
        self.report(
            "screen",
            _view_fields,
            (name, properties),
            {"userId": user_id, "anonymousId": anonymous_id},
            timestamp,
            context,
            event_id,
        )

    def group(
        self,
        user_id: Id,
        group_id: Id,
        traits: Properties = None,
        *,
        anonymous_id: Id = None,
        timestamp: Moment = None,
        context: Properties = None,
        event_id: Id = None,
    ) -> None:
        """Report that somebody belongs to a group, such as a company, and what is known of it."""
        self.report(
            "group",
            _group_fields,
            (group_id, traits),
            {"userId": user_id, "anonymousId": anonymous_id},
            timestamp,
            context,
            event_id,
        )

    def alias(
        self,
        previous_id: Id,
        user_id: Id,
        *,
        anonymous_id: Id = None,
        timestamp: Moment = None,
        context: Properties = None,
        event_id: Id = None,
    ) -> None:
        """Report that two ids, ``previous_id`` and ``user_id``, are one person."""
        self.report(
            "alias",
            _alias_fields,
            (previous_id,),
            {"userId": user_id, "anonymousId": anonymous_id},
            timestamp,
            context,
            event_id,
        )

    @abstractmethod
    def report(
        self,
        kind: str,
        fields: Callable[..., dict[str, Any]],
        arguments: tuple[object, ...],
        ids: dict[str, object],
        timestamp: object,
        context: object,
        event_id: object,
    ) -> None:
        """Report one event; ``fields(*arguments)`` makes the fields of its type."""


def track_fields(action: str, value: object, extra_info: object) -> dict[str, Any]:
    """Write the fields of a track call as the endpoint names them."""
    return {"event": required_name(action), "properties": track_properties(value, extra_info)}


def _traits_fields(traits: object) -> dict[str, Any]:
    return {"traits": as_mapping(traits, "traits")}


def _group_fields(group_id: object, traits: object) -> dict[str, Any]:
    return {"groupId": required_id("group_id", group_id), "traits": as_mapping(traits, "traits")}


def _alias_fields(previous_id: object) -> dict[str, Any]:
    return {"previousId": required_id("previous_id", previous_id)}


def _view_fields(name: object, properties: object) -> dict[str, Any]:
    held = as_mapping(properties, "properties")
    if name is None:
        return {"properties": held}
    # Segment's own SDKs write the name in both places.
    return {"name": name, "properties": {**held, "name": name}}
