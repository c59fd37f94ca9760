"""Deployment settings: the only place that reads the environment."""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY_ROOT = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    """What a deployment may change without touching code.

    Every field is read from the environment variable of its name with the prefix
    `CAPPUCCINO_`, for example `CAPPUCCINO_WAREHOUSE`.
    """

    model_config = SettingsConfigDict(env_prefix="CAPPUCCINO_", frozen=True)

    warehouse: Path = Field(
        default=REPOSITORY_ROOT / "warehouse",
        description="Folder of everything that is written, but for Dagster's own history.",
    )
    source: Literal["simulated", "files", "alpaca"] = "simulated"
    bars: Path | None = Field(default=None, description="File of bars, for the source `files`.")
    profile: Literal["mini", "full"] = "mini"
    study: str | None = Field(default=None, description="Campaign to start or to continue.")
    seed: int = Field(default=0, ge=0)
    workers: int = Field(default=1, ge=1, le=256)
    regime: Literal["null", "planted", "realistic"] = "realistic"
    history_months: int = Field(default=12, ge=1, le=120)
    alpaca_api_key: SecretStr | None = None
    alpaca_secret_key: SecretStr | None = None
    alpaca_url_override: str | None = Field(default=None, min_length=1)
    schedule_enabled: bool = False
    schedule_timezone: str = "UTC"
    top_trials_sensor_enabled: bool = False
    top_trials_sensor_interval_s: int = Field(default=30, ge=1)

    @field_validator("warehouse", "bars")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        """Read paths from the working directory of now, whatever it is later."""
        return None if path is None else path.expanduser().resolve()


@cache
def current_settings() -> Settings:
    """Read the settings once per process."""
    return Settings()
