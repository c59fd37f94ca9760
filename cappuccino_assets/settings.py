"""Deployment settings: the only place that reads the environment."""

import json
import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cappuccino_assets.errors import ConfigurationError

REPOSITORY_ROOT = Path(__file__).resolve().parents[1]
_PREFIX: Final = "CAPPUCCINO_"
_SYMBOL: Final = re.compile(r"[A-Z0-9]+/[A-Z0-9]+")


class Settings(BaseSettings):
    """What a deployment may change without touching code.

    Every field is read from the environment variable of its name with the prefix
    `CAPPUCCINO_`, for example `CAPPUCCINO_WAREHOUSE`.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True)

    warehouse: Path = Field(
        default=REPOSITORY_ROOT / "warehouse",
        description="Folder of everything that is written, but for Dagster's own history.",
    )
    studies_url: SecretStr | None = Field(
        default=None,
        description="Database of the studies, for example postgresql+psycopg2://user@host/name; "
        "a SQLite file in the warehouse where None.",
    )
    artifacts_url: str | None = Field(
        default=None,
        min_length=1,
        description="Place through which several machines share their results, as fsspec names "
        "it, for example file:///mnt/shared/cappuccino.",
    )
    trials_ahead: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Trials of a study that may run at the same time; the profile's where None.",
    )
    engine: Literal["local", "ray"] = Field(
        default="local", description="Who runs the workers: this machine, or a Ray cluster."
    )
    ray_address: str = Field(
        default="localhost:6379",
        pattern=r"^[^:]+:\d+$",
        description="Head of the Ray cluster, HOST:PORT.",
    )
    ray_gpus_per_worker: float = Field(
        default=0.0, ge=0.0, description="GPUs of the Ray cluster for each worker; 0.25 is a part."
    )
    source: Literal["simulated", "files", "alpaca"] = "simulated"
    bars: Path | None = Field(default=None, description="File of bars, for the source `files`.")
    symbols: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        default=None, description="Traded pairs, in order; the seven of the market where None."
    )
    profile: Literal["mini", "medium", "medium_5m", "full"] = "mini"
    study: str | None = Field(default=None, description="Campaign to start or to continue.")
    seed: int = Field(default=0, ge=0)
    route: Literal["broad", "exploit"] = Field(
        default="broad",
        description="All of the profile's search, or what an earlier campaign speaks for.",
    )
    narrowed_from: str | None = Field(
        default=None,
        description="Campaign that the route `exploit` narrows from; the last finished one of the "
        "same market and profile where None.",
    )
    advisor: str = Field(
        default="analysis",
        description="Who proposes configurations: `analysis`, `off`, or package.module:Factory.",
    )
    workers: int = Field(default=1, ge=1, le=256)
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where agents are trained; `auto` is a GPU if there is one."
    )
    cpu_when_gpu_is_full: bool = Field(
        default=False,
        description="Whether a training for which the GPU is too small moves to the CPU.",
    )
    precision: Literal["float32", "reduced"] = Field(
        default="float32", description="Of the products of matrices while agents are trained."
    )
    replace_incomparable: bool = Field(
        default=False,
        description="Whether an ensemble that cannot be compared with the one of another campaign "
        "replaces it, as one of another interval.",
    )
    regime: Literal["null", "planted", "realistic"] = "realistic"
    history_months: int = Field(default=12, ge=1, le=120)
    alpaca_api_key: SecretStr | None = None
    alpaca_secret_key: SecretStr | None = None
    alpaca_url_override: str | None = Field(default=None, min_length=1)
    schedule_enabled: bool = False
    placebo_schedule_enabled: bool = False
    schedule_timezone: str = "UTC"
    top_trials_sensor_enabled: bool = False
    top_trials_sensor_interval_s: int = Field(default=30, ge=1)

    @field_validator("warehouse", "bars")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        """Read paths from the working directory of now, whatever it is later."""
        return None if path is None else path.expanduser().resolve()

    @field_validator("studies_url")
    @classmethod
    def _of_a_server(cls, url: SecretStr | None) -> SecretStr | None:
        """Only PostgreSQL has the locks that several machines need; its driver must be named."""
        if url is not None and not url.get_secret_value().startswith("postgresql+psycopg2://"):
            raise ValueError("The database of the studies begins with postgresql+psycopg2://")
        return url

    @field_validator("symbols", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """Read a list from JSON, or from text with commas."""
        if not isinstance(value, str):
            return value
        return json.loads(value) if value.startswith("[") else re.split(r"\s*,\s*", value.strip())

    @field_validator("symbols")
    @classmethod
    def _distinct(cls, symbols: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if symbols is None:
            return None
        if not symbols or len(set(symbols)) != len(symbols):
            raise ValueError("Symbols must be distinct, and at least one")
        if wrong := [each for each in symbols if not _SYMBOL.fullmatch(each)]:
            raise ValueError(f"A symbol looks like BTC/USD, {wrong[0]!r} does not")
        return symbols

    @field_validator("schedule_timezone")
    @classmethod
    def _known(cls, timezone: str) -> str:
        if timezone not in available_timezones():
            raise ValueError("No time zone has this name; one looks like Europe/Berlin")
        return timezone


def read_settings(**given: Any) -> Settings:
    """Read the settings, but for those that are given.

    Raises:
        ConfigurationError: Names each setting that cannot be used, one a line.
    """
    _refuse_unknown(os.environ)
    try:
        return Settings(**given)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        raise ConfigurationError("\n".join(_fault(each, given) for each in faults)) from error


@cache
def current_settings() -> Settings:
    """Read the settings once per process."""
    return read_settings()


def _refuse_unknown(variables: Iterable[str]) -> None:
    known = [_PREFIX + name.upper() for name in Settings.model_fields]
    for name in sorted(variables):
        if name.upper().startswith(_PREFIX) and name.upper() not in known:
            nearest = get_close_matches(name.upper(), known, n=1, cutoff=0)
            raise ConfigurationError(f"{name}: No setting has this name. Is it {nearest[0]}?")


def _fault(error: Any, given: dict[str, Any]) -> str:
    name = str(error["loc"][0])
    rule = error["msg"].removeprefix("Value error, ")
    variable = name if name in given else _PREFIX + name.upper()
    if SecretStr in get_args(Settings.model_fields[name].annotation):
        return f"{variable}: {rule}; what it is set to is secret, and not shown."
    return f"{variable}: {rule}, but got {error['input']!r}."
