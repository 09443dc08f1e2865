"""Every path and setting of Footfall, read from FOOTFALL_… variables, here and nowhere else.

A bad value stops the program at start and names the variable.
"""

from __future__ import annotations

import ipaddress
import re
import sys
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ingestion.senders import parse_origins, parse_write_keys

PREFIX = "FOOTFALL_"

#: DuckDB reads some of these as patterns, quotes or partitions, and the URLs of SQLite and Alembic
#: read others as codes and fragments. The rest are not needed in the name of a folder.
_UNUSUAL: Final = re.compile(r"""[%#*?\[\\'"=]|[\x00-\x1f\x7f-\x9f\ud800-\udfff]""")

_MEMORY: Final = r"^\d+(\.\d+)?\s?(KB|MB|GB|TB|KiB|MiB|GiB|TiB)$"

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class Settings(BaseSettings):
    """What a site may change, with the defaults of one laptop.

    Field ``x`` is read from the variable ``FOOTFALL_X``; ``.env.example`` lists them all.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    home: Path = Field(
        default=Path("data"),
        description="Folder of all state; made absolute. Its path has none of % # * ? [ \\ ' \" = "
        "in it.",
    )
    landing_url: SecretStr = Field(
        default=SecretStr(""),
        description="fsspec URL of the landing (s3://…, gs://…, az://…); empty: home/landing.",
    )

    host: str = Field(default="127.0.0.1", description="Address the collector listens on.")
    port: int = Field(default=8080, ge=1, le=65535, description="Port of the collector.")
    write_keys: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description="source=key pairs, comma-separated: who may send, and under which name. "
        "A key may be given as sha256:<its digest>; a source may have several.",
    )
    write_keys_file: Path | None = Field(
        default=None,
        description="File of source=key lines, in place of FOOTFALL_WRITE_KEYS; "
        "read anew when it changes, and on SIGHUP.",
    )
    pull_keys: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict,
        description="name=key pairs, comma-separated: the key of each pull of pulls.yml "
        "(docs/import.md).",
    )
    allowed_origins: Annotated[dict[str, tuple[str, ...]], NoDecode] = Field(
        default={},
        description="source=origin pairs, comma-separated, such as web=https://*.shop.example: "
        "the pages that may send as this source. A source without one takes any page's events.",
    )
    demo_page: bool = Field(
        default=False,
        description="Whether the collector serves /demo, a page to try /footfall.js on; "
        "`make up` does.",
    )
    rate_limit: float = Field(
        default=0.0,
        ge=0,
        le=1_000_000,
        description="Events a second that one write key may send in the long run; 0: no limit.",
    )
    rate_limit_burst: int = Field(
        default=10_000,
        ge=1,
        le=100_000_000,
        description="Events that one write key may send at once, under FOOTFALL_RATE_LIMIT.",
    )

    client_ip: Literal["truncate", "drop", "keep"] = Field(
        default="truncate",
        description="What is kept of a sender's address: truncate (to /24 or /48), drop or keep.",
    )
    geo_database: Path | None = Field(
        default=None,
        description="MMDB file that says in which country, region and city an address is, such as "
        "GeoLite2-City.mmdb; read anew when it changes. It is asked before the address is "
        "shortened or dropped.",
    )
    trusted_proxies: Annotated[tuple[IpNetwork, ...], NoDecode] = Field(
        default=(),
        description="Networks, comma-separated, whose word on a sender's address is believed, "
        "such as 127.0.0.1,10.0.0.0/8.",
    )
    proxy_header: Literal["x-forwarded-for", "forwarded"] = Field(
        default="x-forwarded-for",
        description="The header these proxies write: x-forwarded-for, or forwarded (RFC 7239).",
    )
    collector_processes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes of the collector that share its port; about one for each core.",
    )
    connections: int = Field(
        default=8192,
        ge=16,
        le=1_000_000,
        description="Connections held at once, idle ones too; as many more wait to be accepted.",
    )
    segment_seconds: float = Field(
        default=60.0,
        ge=0.05,
        le=3600,
        description="Age in seconds at which a segment is sealed, and so seen by the loader.",
    )
    segment_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024,
        le=1024 * 1024 * 1024,
        description="Size in bytes at which a segment is sealed before its time.",
    )
    pending_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024 * 1024,
        le=16 * 1024 * 1024 * 1024,
        description="Bytes that may wait to be written; past it the collector answers 503.",
    )
    reserve_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=0,
        description="Free bytes of disk below which the collector answers 503.",
    )
    body_seconds: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds a request's body may take to arrive.",
    )
    idle_seconds: int = Field(
        default=75,
        ge=1,
        le=3600,
        description="Seconds a request's head may take to arrive, and a connection may rest: "
        "longer than the 60 s after which SDKs and proxies drop one, so that they do it first.",
    )

    ui_host: str = Field(
        default="127.0.0.1",
        description="Address Dagster's UI listens on. It asks nobody who they are: leave it here, "
        "behind a proxy that does.",
    )
    ui_port: int = Field(default=3000, ge=1, le=65535, description="Port of Dagster's UI.")
    explorer_host: str = Field(
        default="127.0.0.1",
        description="Address the explorer listens on. It asks nobody who they are: leave it here, "
        "behind a proxy that does.",
    )
    explorer_port: int = Field(default=3001, ge=1, le=65535, description="Port of the explorer.")
    explorer_names: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("localhost", "127.0.0.1", "[::1]"),
        description="Names, comma-separated, under which browsers reach the explorer, such as "
        "footfall.example.com; requests for others are refused.",
    )
    explorer_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds that one question may take."
    )
    explorer_memory: str = Field(
        default="2GB",
        pattern=_MEMORY,
        description="Memory that the explorer's questions may use together before they spill.",
    )
    explorer_kept_rows: int = Field(
        default=50_000,
        ge=0,
        le=10_000_000,
        description="Rows of answers that the explorer keeps for whoever asks the same of the same "
        "published file; 0 asks the file each time.",
    )
    superset_host: str = Field(
        default="127.0.0.1", description="Address that `make superset` serves Superset on."
    )
    superset_port: int = Field(default=8088, ge=1, le=65535, description="Port of Superset.")
    agents_see_people: bool = Field(
        default=False,
        description="Whether agents (python -m explorer.agents) see events, properties, persons "
        "and their ids, and not figures alone.",
    )
    reporting_time_zone: str = Field(
        default="UTC", description="IANA time zone whose midnight starts a reporting day."
    )
    nightly_cron: str = Field(default="15 2 * * *", description="When the nightly job runs.")
    nightly_time_zone: str = Field(
        default="UTC", description="IANA time zone of FOOTFALL_NIGHTLY_CRON."
    )
    run_on_arrival: bool = Field(
        default=True,
        description="Whether landing_sensor runs the nightly job as events arrive; false: at "
        "FOOTFALL_NIGHTLY_CRON alone.",
    )
    quiet_seconds: float = Field(
        default=10.0,
        ge=0,
        description="Seconds without anything new after which landing_sensor starts a run; three "
        "times as long where something new never ceases to come.",
    )
    first_day: date = Field(
        default=date(2026, 1, 1),
        description="First received day that Dagster's UI lists; set it before the oldest import.",
    )
    freshness_hours: float = Field(
        default=26.0,
        gt=0,
        description="Age in hours at which data is called late: a day and two hours of grace.",
    )
    pull_cron: str = Field(
        default="10 * * * *",
        description="When other tools are asked for what pulls.yml names (docs/import.md).",
    )
    watch_cron: str = Field(
        default="45 * * * *",
        description="When the job that only looks (`watch`) runs, in FOOTFALL_NIGHTLY_TIME_ZONE.",
    )
    sweep_cron: str = Field(
        default="30 5 * * 0",
        description="When the job `sweep` takes leftovers and old runs, in "
        "FOOTFALL_NIGHTLY_TIME_ZONE.",
    )
    run_days: int = Field(
        default=90, ge=1, description="Days that what Dagster's runs said is kept."
    )
    parquet_versions: int = Field(
        default=0,
        ge=0,
        description="Published versions that are kept as Parquet files too; 0: none is written.",
    )
    alert_urls: SecretStr = Field(
        default=SecretStr(""),
        description="Where alerts go: Apprise URLs, separated by spaces, such as "
        "mailtos://user:password@mail.example. Empty: a line in the log.",
    )
    ui_url: str = Field(
        default="",
        pattern="^(https?://.*)?$",
        description="Where people reach Dagster's UI, for the links in alerts; empty: at "
        "FOOTFALL_UI_HOST and FOOTFALL_UI_PORT.",
    )
    owner: str = Field(
        default="team:analytics",
        pattern=r"^(team:[A-Za-z0-9_-]+|[^@\s]+@[^@\s]+\.[^@\s]+)$",
        description="Whom Dagster's UI names as owner of the assets: team:<name> or an address.",
    )
    threads: int = Field(default=2, ge=1, le=256, description="Threads the warehouse may use.")
    memory_limit: str = Field(
        default="4GB",
        pattern=_MEMORY,
        description="Memory DuckDB may use before it spills to disk.",
    )
    engine: Literal["duckdb", "spark"] = Field(
        default="duckdb",
        description="Where the models are built: duckdb is this machine, spark a cluster of Apache "
        "Spark with Iceberg (docs/scale.md).",
    )
    spark_host: str = Field(
        default="127.0.0.1", description="Host of Spark's Thrift server, if the engine is spark."
    )
    spark_port: int = Field(
        default=10000, ge=1, le=65535, description="Port of Spark's Thrift server."
    )
    iceberg_catalog: SecretStr = Field(
        default=SecretStr(""),
        description="SQLAlchemy URL of the database with the Iceberg catalog, such as "
        "postgresql+pg8000://user:password@host/iceberg, if the engine is spark.",
    )
    iceberg_warehouse: str = Field(
        default="",
        description="URL of the folder with the Iceberg tables, such as s3://bucket/warehouse or "
        "file:///shared/warehouse, if the engine is spark.",
    )
    dbt_project: Path = Field(
        default=Path(__file__).parents[1] / "dbt_project",
        description="Folder of the dbt project; a copy may be a site's own, with its own seeds.",
    )

    @field_validator("home", "dbt_project", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if isinstance(value, str) and not value.strip():
            raise ValueError("it is empty: name a folder, or leave the variable out")
        return value

    @field_validator("landing_url")
    @classmethod
    def _names_a_place(cls, value: SecretStr) -> SecretStr:
        # The message must not contain the value: it may contain a password.
        if re.fullmatch(r"[a-z0-9+.:-]*:/*", value.get_secret_value()):
            raise ValueError("it names no bucket or host: write one, such as s3://bucket/landing")
        return value

    @field_validator("home", "dbt_project")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("home")
    @classmethod
    def _usable(cls, value: Path) -> Path:
        if unusual := sorted(set(_UNUSUAL.findall(str(value)))):
            raise ValueError(
                f"{str(value)!r} holds {' '.join(map(ascii, unusual))}, which the databases in it "
                "would read as patterns, codes or quotes: name a folder without them"
            )
        return value

    @field_validator("write_keys", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if isinstance(value, str):
            return parse_write_keys(value.replace(",", "\n"))
        return value

    @field_validator("pull_keys", mode="before")
    @classmethod
    def _pull_keys(cls, value: object) -> object:
        if isinstance(value, str):
            pairs = [each.partition("=") for each in value.split(",") if each.strip()]
            # The message must not contain the value: it may contain a key.
            if not all(name.strip() and key.strip() for name, _, key in pairs):
                raise ValueError("each must be name=key")
            return {name.strip(): key.strip() for name, _, key in pairs}
        return value

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        return parse_origins(value) if isinstance(value, str) else value

    @field_validator("trusted_proxies", "explorer_names", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return [each.strip() for each in value.split(",") if each.strip()]
        return value

    @field_validator("alert_urls")
    @classmethod
    def _urls(cls, value: SecretStr) -> SecretStr:
        # The message must not contain the value: it may contain a password.
        if not all("://" in url for url in value.get_secret_value().split()):
            raise ValueError("each must be an Apprise URL, such as slack://…, without spaces")
        return value

    @field_validator("ui_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _ui_url_of_its_port(self) -> Settings:
        if not self.ui_url:
            # The settings are frozen, but the URL of the UI follows from its host and port.
            object.__setattr__(self, "ui_url", f"http://{reachable(self.ui_host)}:{self.ui_port}")
        return self

    @field_validator("reporting_time_zone", "nightly_time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Vienna") from error
        return value

    @model_validator(mode="after")
    def _one_source_of_keys(self) -> Settings:
        if self.write_keys and self.write_keys_file:
            raise ValueError("set FOOTFALL_WRITE_KEYS or FOOTFALL_WRITE_KEYS_FILE, not both")
        return self

    @model_validator(mode="after")
    def _cluster_is_named(self) -> Settings:
        if self.engine == "spark" and not (
            self.iceberg_catalog.get_secret_value() and self.iceberg_warehouse
        ):
            raise ValueError(
                "FOOTFALL_ENGINE is spark: name FOOTFALL_ICEBERG_CATALOG and "
                "FOOTFALL_ICEBERG_WAREHOUSE too (docs/scale.md)"
            )
        return self

    @cached_property
    def explorer_url(self) -> str:
        """Where people on this machine reach the explorer."""
        return f"http://{reachable(self.explorer_host)}:{self.explorer_port}"

    @cached_property
    def landing(self) -> str:
        """The place of sealed segments: the configured URL, else the folder under home."""
        return self.landing_url.get_secret_value().rstrip("/") or str(self.home / "landing")

    @cached_property
    def open_segments(self) -> Path:
        """The folder of segments that are not sealed yet; always on the local disk."""
        return self.home / "landing" / "open"

    @cached_property
    def warehouse(self) -> Path:
        """The DuckDB file of the warehouse, with one writer at a time."""
        return self.home / "warehouse" / "footfall.duckdb"

    @cached_property
    def load_scratch(self) -> Path:
        """The folder of temporary files of a load; each load starts with it empty."""
        return self.home / "dlt"

    @cached_property
    def published(self) -> Path:
        """The DuckDB file that BI reads."""
        return self.home / "published" / "footfall.duckdb"

    @cached_property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME: Dagster's own records."""
        return self.home / "dagster"


def reachable(host: str) -> str:
    """The host in a link on this machine, for an address that a program listens on."""
    if host in ("", "0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process; for a bad value, it names the variable and exits with 2."""
    try:
        return Settings()
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            name = PREFIX + str(problem["loc"][0]).upper() if problem["loc"] else "FOOTFALL_…"
            sys.stderr.write(f"{name}: {problem['msg']}\n")
        raise SystemExit(2) from None
