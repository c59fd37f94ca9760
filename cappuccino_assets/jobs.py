"""What can be started as one."""

from typing import Final

import dagster as dg

from cappuccino_assets.ops.placebo import run_placebo_studies
from cappuccino_assets.ops.sync import move_to_campaign

SYMBOLIC_ASSETS: Final = dg.AssetSelection.assets("phase1_combinations")

two_phase_training = dg.define_asset_job(
    name="two_phase_training",
    selection=dg.AssetSelection.all() - SYMBOLIC_ASSETS,
    description="From bars to the ensemble manifest; continues an unfinished campaign.",
)
sync_ensemble = dg.define_asset_job(
    name="sync_ensemble",
    selection=dg.AssetSelection.assets("trial_metrics", "ensemble_manifest"),
    description="Records the trials finished so far and publishes a manifest of the best.",
)


@dg.job
def sync_campaign() -> None:
    """Makes a finished campaign the active one, with its ensemble, outcomes and reports."""
    move_to_campaign()


@dg.job
def placebo() -> None:
    """Whole small searches where nothing can be found: how often the gate lets something pass."""
    run_placebo_studies()
