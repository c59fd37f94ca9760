"""A campaign on real bars whose best trial is archived: all that a verification looks at."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import torch

from cappuccino_assets.features.arrays import build_feature_arrays, load_arrays, save_arrays
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.resampling import resample
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.market.store import BarStore
from cappuccino_assets.registry.archive import archive_trials
from cappuccino_assets.registry.judging import Jury
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.campaign import new_campaign
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.tuning.phases import plan_phase2
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.retrains import run_here
from tests.registry.campaigns import EVERYTHING, collect, record_of
from tests.tuning.small import PPO_PHASE2

SYMBOLS = ("BTC/USD", "ETH/USD")
COMBINATION = {"timeframe": "3d", "interval": "4h"}
N_DAYS = 300


@dataclass(frozen=True, kw_only=True)
class ArchivedCampaign:
    """A warehouse with one archive entry."""

    warehouse: Warehouse
    plan: StudyPlan
    vin: str


def market() -> dict[Interval, Bars]:
    source = SimulatedSource(symbols=SYMBOLS, seed=0, interval=Interval.H1, n_days=N_DAYS)
    hours = source.fetch_bars()
    return {Interval.H1: hours, Interval.H4: resample(hours, Interval.H4)}


def archived_campaign(root: Path, *, n_retrains: int = 2) -> ArchivedCampaign:
    """Three trials of a moment each, of which the best is retrained, judged and archived."""
    torch.set_num_threads(1)
    warehouse = Warehouse(WarehouseLayout(root=root))
    plan = _plan(warehouse, n_retrains)
    search = plan.search_arrays(load_arrays(plan.arrays))
    for number, rate in enumerate((1e-2, 3e-3, 3e-2)):
        params = PPO_PHASE2 | {"learning_rate": rate, "break_step": 1024, "norm_tech_exp": 2}
        run_trial(plan, params, number, search, warehouse.layout)
    collect(warehouse, [record_of(plan, warehouse, number) for number in range(3)])
    plans = {plan.study_name: plan}
    jury = Jury(warehouse=warehouse, campaign=plan.campaign, plans=plans, run=run_here)
    (entry,) = archive_trials(warehouse.layout, warehouse, plan.campaign, jury.judge, EVERYTHING)
    return ArchivedCampaign(warehouse=warehouse, plan=plan, vin=entry.vin)


def _plan(warehouse: Warehouse, n_retrains: int) -> StudyPlan:
    bars = market()
    for each in bars.values():
        BarStore(folder=warehouse.layout.bars).write(each, source="simulated")
    hours = bars[Interval.H1]
    campaign = new_campaign(
        name="small",
        profile="mini",
        seed=0,
        source="simulated",
        symbols=SYMBOLS,
        dataset_digests={interval: each.digest for interval, each in bars.items()},
        history=(hours.start.astimezone(UTC), (hours.end + timedelta(hours=1)).astimezone(UTC)),
        now=datetime(2026, 2, 14, tzinfo=UTC),
    )
    warehouse.activate_campaign(campaign.to_json())
    arrays = build_feature_arrays(grid_from_bars(bars[Interval.H4]), enhanced=True)
    path = save_arrays(warehouse.layout.features / "4h_enhanced", arrays)
    plan = plan_phase2(campaign, COMBINATION, path)[0]
    return replace(plan, profile=replace(plan.profile, n_retrains=n_retrains))
