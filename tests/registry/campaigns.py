"""A campaign of real trials, small enough to be run in a test."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cappuccino_assets.features.arrays import load_arrays, save_arrays
from cappuccino_assets.registry.archive import archive_trials
from cappuccino_assets.registry.entries import ArchiveEntry
from cappuccino_assets.registry.grading import Grade
from cappuccino_assets.registry.judging import Jury
from cappuccino_assets.registry.selection import ArchiveRule
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.storage.trial_files import trial_rows
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.ledger_entries import ledger_rows
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.retrains import run_here
from cappuccino_assets.types import Json
from tests.tuning.small import PPO_PHASE2, SMALL, small_arrays, small_plan

EVERYTHING = ArchiveRule(top_percent=40, minimum_score=-100, grades=tuple(Grade))
LEARNING_RATES = (1e-2, 5e-3, 3e-3)


@dataclass(frozen=True, kw_only=True)
class SmallCampaign:
    """Three trials of phase 2 in ledger and database, and a jury for the best of them."""

    warehouse: Warehouse
    plan: StudyPlan
    jury: Jury

    def archive(self) -> list[ArchiveEntry]:
        return archive_trials(
            self.warehouse.layout, self.warehouse, "small", self.jury.judge, EVERYTHING
        )


def small_campaign(warehouse: Warehouse, *, n_retrains: int = 2) -> SmallCampaign:
    arrays = small_arrays(enhanced=True, drift=0.005)
    profile = replace(SMALL, n_retrains=n_retrains)
    path = save_arrays(warehouse.layout.features, arrays)
    plan = replace(small_plan(arrays, phase=2, profile=profile), arrays=path)
    search = plan.search_arrays(load_arrays(path))
    for number, rate in enumerate(LEARNING_RATES):
        params = PPO_PHASE2 | {"learning_rate": rate}
        run_trial(plan, params, number, search, warehouse.layout)
    collect(warehouse, [record_of(plan, warehouse, n) for n in range(len(LEARNING_RATES))])
    jury = Jury(warehouse=warehouse, campaign="small", plans={plan.study_name: plan}, run=run_here)
    return SmallCampaign(warehouse=warehouse, plan=plan, jury=jury)


def collect(warehouse: Warehouse, records: list[Json]) -> None:
    rows = trial_rows(records, warehouse.layout)
    TrialLedger(warehouse).append(ledger_rows(rows, warehouse.layout), rows)


def record_of(
    plan: StudyPlan, warehouse: Warehouse, number: int, *, state: str = "COMPLETE"
) -> Json:
    """What the study says of a trial; one that failed left nothing else."""
    study = ("study_name", "campaign", "phase", "algorithm", "dataset_digest")
    record = {name: getattr(plan, name) for name in study} | {
        "timeframe": plan.timeframe.value,
        "interval": plan.interval.value,
        "number": number,
        "state": state,
        "params": {},
        "value": None,
        "started_at": datetime.now(UTC),
        "completed_at": datetime.now(UTC),
    }
    if state == "COMPLETE":
        trial = read_json(warehouse.layout.trial(plan.study_name, number) / "trial.json")
        record |= {"params": trial["params"], "value": trial["score"]}
    return record
