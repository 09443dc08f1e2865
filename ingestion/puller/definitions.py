"""What a site pulls: the file pulls.yml of its home.

pulls.yml           - name: app
                      from: amplitude
                      since: 2026-01-01
                      lookback_hours: 24
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ingestion.facts.home_files import content, first_mistake
from ingestion.puller.vendors import VENDORS, Vendor, options_of
from ingestion.senders import SOURCE, SOURCE_FORM

FILE: Final = "pulls.yml"


class Pull(BaseModel):
    """One source that is pulled: from which tool, and since when.

    ``lookback_hours`` is how far back windows are asked again for what the tool received late.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    from_: Annotated[str, Field(alias="from")]
    since: date
    source: str = ""
    url: str = ""
    lookback_hours: Annotated[int, Field(ge=0, le=24 * 366)] = 24
    site: str = ""
    project: str = ""
    time_zone: str = ""

    @property
    def vendor(self) -> Vendor:
        """The tool."""
        return VENDORS[self.from_]

    @property
    def begin(self) -> datetime:
        """The first moment that is pulled."""
        return datetime.combine(self.since, time(), UTC)

    @property
    def lookback(self) -> timedelta:
        """How far back windows are asked again."""
        return timedelta(hours=self.lookback_hours)

    @property
    def options(self) -> dict[str, str]:
        """The options of the tool that are given."""
        given = {name: getattr(self, name) for name in options_of(self.vendor)}
        return {name: value for name, value in given.items() if value}

    @field_validator("site", "project", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("name", "source")
    @classmethod
    def _source(cls, value: str) -> str:
        if value and not SOURCE.fullmatch(value):
            raise ValueError(f"it must be {SOURCE_FORM}")
        return value

    @field_validator("from_")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in VENDORS:
            raise ValueError(f"{value} is none of {', '.join(VENDORS)}")
        return value

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("write an address that begins with https://")
        return value.rstrip("/")

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value} is no time zone; write a name as Europe/Berlin") from None
        return value

    @model_validator(mode="after")
    def _options_of_vendor(self) -> Pull:
        options = options_of(self.vendor)
        missing = [name for name, needed in options.items() if needed and not getattr(self, name)]
        if missing:
            raise ValueError(f"{self.from_} needs {' and '.join(missing)}")
        odd = [
            name
            for name in ("site", "project", "time_zone")
            if getattr(self, name) and name not in options
        ]
        if odd:
            raise ValueError(f"{self.from_} has no {' and no '.join(odd)}")
        return self


_KEYS: Final = [field.alias or name for name, field in Pull.model_fields.items()]


def read_pulls(home: Path) -> tuple[list[Pull], list[str]]:
    """The pulls of a home, and what is wrong with those that are left out."""
    path = home / FILE
    listed, unreadable = content(path)
    if listed is None:
        return [], unreadable
    if not isinstance(listed, list):
        return [], [f"{path}: write a list, each with name, from and since"]
    pulls: list[Pull] = []
    problems: list[str] = []
    for place, each in enumerate(listed, start=1):
        name = each.get("name", place) if isinstance(each, dict) else place
        try:
            pull = Pull.model_validate(each)
        except ValidationError as error:
            reason = first_mistake(error, _KEYS, "its name, from and since")
            problems.append(f"{path}: pull {name} is left out: {reason}")
            continue
        if pull.name in (other.name for other in pulls):
            problems.append(f"{path}: pull {name} is left out: its name is that of another")
        else:
            pulls.append(pull)
    return pulls, problems
