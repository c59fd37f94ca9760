"""Resources: each builds one core object from the settings and what a run overrides."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS
from cappuccino_assets.settings import Settings, read_settings
from cappuccino_assets.storage.layout import WarehouseLayout, configured_layout
from cappuccino_assets.storage.processes import ProcessIdentity
from cappuccino_assets.training.compute import Compute
from cappuccino_assets.tuning.profiles import Profile, profile_named

if TYPE_CHECKING:
    from cappuccino_assets.market.sources.base import BarSource
    from cappuccino_assets.storage.warehouse import Warehouse

EVENT_LOGGER_KEY: Final = "events"
EVENT_LOGGER: Final = "cappuccino_assets.events"
PROCESS_TAG: Final = "cappuccino/process"
_DAYS_PER_MONTH: Final = 365 / 12


class WarehouseResource(dg.ConfigurableResource["WarehouseResource"]):
    """The warehouse: its paths, and its database."""

    root: str | None = None

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Record which process a run is, before its first step: all its steps run in this one."""
        if context.run is not None and context.instance is not None:
            run_id = context.run.run_id
            context.instance.add_run_tags(run_id, process_tags(run_id))

    @property
    def layout(self) -> WarehouseLayout:
        """Where everything lies."""
        return configured_layout(_settings(warehouse=self.root))

    @property
    def database(self) -> "Warehouse":
        """The database; it is opened by each query or write."""
        from cappuccino_assets.storage.warehouse import Warehouse

        return Warehouse(self.layout)


class SearchResource(dg.ConfigurableResource["SearchResource"]):
    """What to search and on which bars; what a run leaves open, the settings say."""

    profile: str | None = None
    source: str | None = None
    bars: str | None = None
    study: str | None = None
    seed: int | None = None
    route: str | None = None
    narrowed_from: str | None = None
    workers: int | None = None
    device: str | None = None

    @property
    def settings(self) -> Settings:
        """Settings, with what this run overrides."""
        return _settings(**{name: getattr(self, name) for name in SearchResource.model_fields})

    @property
    def budget(self) -> Profile:
        """Profile of the search."""
        return profile_named(self.settings.profile)

    @property
    def compute(self) -> Compute:
        """What trainings may use."""
        settings = self.settings
        return Compute(
            device=settings.device,
            may_move_to_cpu=settings.cpu_when_gpu_is_full,
            precision=settings.precision,
        )

    def bar_source(self, *, until: datetime | None = None) -> "BarSource":
        """Build the source of bars.

        Args:
            until: Where bars go on, those that close at this time or before; now where None.

        Raises:
            ConfigurationError: If the source lacks a setting.
        """
        settings = self.settings
        n_days = round(settings.history_months * _DAYS_PER_MONTH)
        if settings.source == "simulated":
            return _simulated(settings, self.budget, n_days=n_days)
        if settings.source == "files":
            return _files(settings)
        return _alpaca(settings, self.budget, n_days=n_days, until=until)


def process_tags(run_id: str | None = None) -> dict[str, str]:
    """Say by a run's tags that it is this process.

    Args:
        run_id: The run, whose tags a later try of it inherits; None while it has no id yet.
    """
    return {PROCESS_TAG: json.dumps({"run_id": run_id} | ProcessIdentity.current().to_json())}


@dg.logger(config_schema={})
def event_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    """Hand every event to the Python logger that a terminal listens to."""
    logger = logging.getLogger(EVENT_LOGGER)
    logger.setLevel(logging.DEBUG)
    return logger


def _settings(**given: Any) -> Settings:
    return read_settings(**{name: value for name, value in given.items() if value is not None})


def _symbols(settings: Settings) -> tuple[str, ...]:
    return settings.symbols or DEFAULT_SYMBOLS


def _simulated(settings: Settings, budget: Profile, *, n_days: int) -> "BarSource":
    from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource

    return SimulatedSource(
        symbols=_symbols(settings),
        regime=Regime(settings.regime),
        seed=settings.seed,
        interval=budget.intervals[0],
        n_days=n_days,
    )


def _files(settings: Settings) -> "BarSource":
    from cappuccino_assets.market.sources.files import FileSource

    if settings.bars is None:
        raise ConfigurationError("The source `files` needs a file: --bars or CAPPUCCINO_BARS.")
    return FileSource(path=settings.bars, symbols=_symbols(settings))


def _alpaca(
    settings: Settings, budget: Profile, *, n_days: int, until: datetime | None
) -> "BarSource":
    from cappuccino_assets.market.sources.alpaca import AlpacaSource

    end = until or datetime.now(UTC)
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
    keys = (settings.alpaca_api_key, settings.alpaca_secret_key)
    api_key, secret_key = (key.get_secret_value() if key else None for key in keys)
    return AlpacaSource(
        symbols=_symbols(settings),
        start=midnight - timedelta(days=n_days),
        end=end,
        interval=budget.intervals[0],
        api_key=api_key,
        secret_key=secret_key,
        url_override=settings.alpaca_url_override,
    )
