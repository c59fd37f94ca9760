"""The code location: everything that Dagster shows and runs."""

import dagster as dg

from cappuccino_assets.assets import evidence, features, live, market, registry, reports, search
from cappuccino_assets.checks import market as market_checks
from cappuccino_assets.checks import registry as registry_checks
from cappuccino_assets.checks import search as search_checks
from cappuccino_assets.jobs import placebo, sync_campaign, sync_ensemble, two_phase_training
from cappuccino_assets.resources import (
    EVENT_LOGGER_KEY,
    SearchResource,
    WarehouseResource,
    event_logger,
)
from cappuccino_assets.schedules import monthly_placebo, weekly_training
from cappuccino_assets.sensors import new_top_trials

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(
        [market, features, search, evidence, registry, reports, live], include_specs=True
    ),
    asset_checks=dg.load_asset_checks_from_modules([market_checks, search_checks, registry_checks]),
    jobs=[two_phase_training, sync_ensemble, sync_campaign, placebo],
    schedules=[weekly_training, monthly_placebo],
    sensors=[new_top_trials],
    resources={"search": SearchResource(), "warehouse": WarehouseResource()},
    executor=dg.in_process_executor,
    loggers={"console": dg.colored_console_logger, EVENT_LOGGER_KEY: event_logger},
)
