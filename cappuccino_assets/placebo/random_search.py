"""A whole campaign of agents that trade at random, judged like any other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Final

from cappuccino_assets.features.arrays import build_feature_arrays
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.placebo.random_agents import RandomTraders, judged_splits, matched_traders
from cappuccino_assets.placebo.search import NAME, begin
from cappuccino_assets.registry.evidence import CampaignEvidence, campaign_evidence
from cappuccino_assets.registry.judging import decision_row, weigh
from cappuccino_assets.registry.limits import DEFAULT_LIMITS, GateLimits
from cappuccino_assets.registry.openings import HoldoutOpening, HoldoutRecord, record_of
from cappuccino_assets.registry.selection import rule_of
from cappuccino_assets.storage.files import new_folder, sha256_of, write_json, write_parquet
from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow
from cappuccino_assets.storage.trial_files import read_trial, trial_rows
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.code_version import code_version
from cappuccino_assets.tuning.judgement import returns_frame, summary
from cappuccino_assets.tuning.ledger_entries import ledger_rows
from cappuccino_assets.tuning.phases import plan_phase2
from cappuccino_assets.types import Json

_ALGORITHM: Final = "random"
_STUDY: Final = ("study_name", "campaign", "phase", "timeframe", "interval", "dataset_digest")


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomFinalist:
    """One of them that reached the archive's rule.

    Attributes:
        vin: A name; it has no weights that a code could be made of.
        trial: Its trial.json.
    """

    vin: str
    trial: Json


def trade_and_judge(
    source: SimulatedSource,
    warehouse: Warehouse,
    turnovers: Sequence[float],
    limits: GateLimits = DEFAULT_LIMITS,
) -> list[Json]:
    """Let agents trade a market at random, choose by the archive's rule, and judge by the gate.

    What a jury does with trained agents is done with these: ledger, statistics, other seeds, one
    look at the hold-out, other costs, decision. They are not trained, so nothing is archived.

    Args:
        source: The market.
        warehouse: An empty one.
        turnovers: Of the agents that these are matched to, per day, in multiples of equity.
        limits: Of the gate.

    Returns:
        Of each finalist its vin, its score and what the gate says, best first.
    """
    bars = source.fetch_bars()
    campaign = begin(source, bars, warehouse)
    timeframe, interval = campaign.budget.combinations[0]
    winner = {"timeframe": timeframe, "interval": interval}
    plan = plan_phase2(campaign, winner, arrays=Path("nowhere"))[0]
    plan = replace(plan, study_name=campaign.phase2_study(_ALGORITHM))
    arrays = build_feature_arrays(grid_from_bars(bars), enhanced=True)
    traders = matched_traders(plan, arrays, turnovers)
    _record_trials(traders, warehouse)
    candidates = warehouse.query("archive_candidates", {"campaign": NAME}).to_dicts()
    chosen = rule_of(campaign.profile).select(candidates)
    if not chosen:
        return []
    evidence = campaign_evidence(warehouse, NAME)
    n_seeds = campaign.budget.n_retrains
    return [
        _judged(traders, trial["number"], evidence, n_seeds, limits, warehouse) for trial in chosen
    ]


def _judged(
    traders: RandomTraders,
    number: int,
    evidence: CampaignEvidence,
    n_seeds: int,
    limits: GateLimits,
    warehouse: Warehouse,
) -> Json:
    name = traders.plan.study_name
    folder = warehouse.layout.trial(name, number)
    trial = read_trial(folder, study_name=name, number=number)
    finalist = RandomFinalist(vin=f"RANDOM-{traders.plan.seed_of(number):016x}", trial=trial)
    retrains = [_retrain(traders, number, seed) for seed in range(1, n_seeds + 1)]
    judgement = weigh(
        finalist,
        folder,
        _open(traders, finalist, warehouse),
        campaign=evidence,
        retrains=retrains,
        limits=limits,
        warehouse=warehouse,
    )
    TrialLedger(warehouse).append([*retrains, decision_row(finalist, judgement)])
    return judgement.to_json() | {"vin": finalist.vin, "score": trial["score"]}


def _open(traders: RandomTraders, finalist: RandomFinalist, warehouse: Warehouse) -> HoldoutRecord:
    test = traders.final_test(finalist.trial["number"])
    opening = HoldoutOpening(
        campaign=NAME,
        study_name=traders.plan.study_name,
        number=finalist.trial["number"],
        vin=finalist.vin,
        model_sha256=finalist.trial["model_sha256"],
        dataset_digest=traders.plan.dataset_digest,
        interval=traders.plan.interval.value,
        begins_at=test.holdout.begins_at.isoformat(),
        ends_at=test.holdout.ends_at.isoformat(),
    )
    TrialLedger(warehouse).append([opening.row()])
    return record_of(opening, test)


def _retrain(traders: RandomTraders, number: int, seed: int) -> LedgerRow:
    (splits,) = traders.judged([number], f"seed_{seed}")
    outcome = summary(splits, n_splits=len(splits))
    found = {name: outcome[name] for name in ("score", "sharpe_bot", "sharpe_hodl")}
    found["exposure"] = fmean(split.exposure for split in splits)
    found["no_trades"] = any(split.no_trades for split in splits)
    plan = traders.plan
    return LedgerRow(
        kind=LedgerKind.RETRAIN,
        campaign=plan.campaign,
        study_name=plan.study_name,
        number=number,
        key=f"seed_{seed}",
        outcome={"seed": plan.seed_of(number, f"seed_{seed}"), "state": "COMPLETE", **found},
    )


def _record_trials(traders: RandomTraders, warehouse: Warehouse) -> None:
    """Leave a folder of each agent, as a trial does, and bring it into ledger and database."""
    began, plan, layout = datetime.now(UTC), traders.plan, warehouse.layout
    splits, tests, holders = traders.tests(range(len(traders.rates)))
    records = []
    for number, results in enumerate(tests):
        judged = judged_splits(splits, results, holders, plan)
        trial = summary(judged, n_splits=len(splits)) | _record(traders, number, began)
        with new_folder(layout.trial(plan.study_name, number)) as folder:
            write_parquet(folder / "returns.parquet", returns_frame(splits, results))
            write_json(folder / "trial.json", trial)
        records.append(trial | {"state": "COMPLETE", "value": trial["score"]})
    rows = trial_rows(records, layout)
    TrialLedger(warehouse).append(ledger_rows(rows, layout), rows)


def _record(traders: RandomTraders, number: int, began: datetime) -> Json:
    plan, seed = traders.plan, traders.plan.seed_of(number)
    return {name: getattr(plan, name) for name in _STUDY} | {
        "algorithm": _ALGORITHM,
        "number": number,
        "seed": seed,
        "params": {"rate": traders.rates[number]},
        "n_steps": 0,
        "model_sha256": sha256_of(f"random {seed}".encode()),
        "contract_hash": traders.arrays.contract.hash,
        "code_version": code_version(),
        "started_at": began.isoformat(),
        "completed_at": began.isoformat(),
        "duration_s": 0.0,
        "training_s": 0.0,
        "evaluation_s": 0.0,
    }
