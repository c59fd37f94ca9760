"""The last look at a finalist: retrains, hold-out and statistics together, and the gate's word."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from statistics import fmean

import polars as pl

from cappuccino_assets.evaluation.confidence import ConfidenceInterval
from cappuccino_assets.features.arrays import FeatureArrays, load_arrays
from cappuccino_assets.registry.entries import RETURNS
from cappuccino_assets.registry.evidence import (
    CampaignEvidence,
    TrialEvidence,
    bootstrap_intervals,
    campaign_evidence,
    trial_evidence,
)
from cappuccino_assets.registry.finalists import Candidate, Finalist
from cappuccino_assets.registry.findings import Findings, Retrain
from cappuccino_assets.registry.gate import GateDecision, decide
from cappuccino_assets.registry.limits import DEFAULT_LIMITS, GateLimits
from cappuccino_assets.registry.on_record import decision_key
from cappuccino_assets.registry.openings import HoldoutRecord, open_holdout
from cappuccino_assets.storage.files import sha256_of_file
from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.retrains import RunTasks, retrain_tasks, run_retrains
from cappuccino_assets.types import FloatArray, Json


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """What was found out of a finalist, and decided.

    Attributes:
        findings: What was found.
        decision: What the gate says.
        holdout: The opening of the hold-out, whole.
    """

    findings: Findings
    decision: GateDecision
    holdout: HoldoutRecord

    def to_json(self) -> Json:
        """Write what an archive entry stores of it."""
        findings, holdout = self.findings, self.holdout
        trial, interval = findings.trial, findings.holdout_excess
        return {
            "gated": self.decision.gated,
            "gate_reason": self.decision.text,
            "gate": self.decision.to_json(),
            "evidence": {
                "campaign": findings.campaign.to_json(),
                "trial": None if trial is None else trial.to_json(),
            },
            "holdout": {
                "opening": asdict(holdout.opening),
                "performances": {n: p.to_json() for n, p in holdout.performances.items()},
                "excess_sharpe": None if interval is None else asdict(interval),
            },
            "costs": holdout.costs.to_json() | {"ledger": asdict(holdout.ledger)},
            "retrains": [asdict(each) for each in findings.retrains],
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Jury:
    """Judges the finalists of one campaign.

    Args:
        warehouse: Holds trials and ledger.
        campaign: Whose finalists.
        plans: The studies of phase 2, by name.
        run: How trainings with other seeds are run.
        limits: Of the gate.
    """

    warehouse: Warehouse
    campaign: str
    plans: Mapping[str, StudyPlan]
    run: RunTasks
    limits: GateLimits = DEFAULT_LIMITS

    def judge(self, finalists: Sequence[Finalist]) -> Iterator[Json]:
        """Judge finalists, in order: what their archive entries store, each when it is known.

        Raises:
            IntegrityError: If ledger, trials or hold-outs are damaged.
            WorkerError: If a worker that trains anew dies.
        """
        return (each.to_json() for each in self.judgements(finalists))

    def judgements(self, finalists: Sequence[Finalist]) -> Iterator[Judgement]:
        """Judge finalists, in order; all are trained anew before the first one is judged."""
        layout = self.warehouse.layout
        campaign = campaign_evidence(self.warehouse, self.campaign)
        retrains = self._retrained(finalists)
        for finalist in finalists:
            plan = self.plans[finalist.trial["study_name"]]
            yield judge_finalist(
                finalist,
                layout.trial(plan.study_name, finalist.trial["number"]),
                load_arrays(plan.arrays),
                holdout_from=plan.holdout_from,
                campaign=campaign,
                retrains=retrains[finalist.vin],
                limits=self.limits,
                warehouse=self.warehouse,
            )

    def _retrained(self, finalists: Sequence[Finalist]) -> dict[str, list[LedgerRow]]:
        tasks = {
            each.vin: retrain_tasks(plan, each.trial, n_seeds=plan.profile.n_retrains)
            for each in finalists
            for plan in [self.plans[each.trial["study_name"]]]
        }
        flat = [task for each in tasks.values() for task in each]
        rows = iter(run_retrains(flat, self.warehouse.layout, self.run))
        return {vin: list(islice(rows, len(each))) for vin, each in tasks.items()}


def judge_finalist(
    finalist: Finalist,
    folder: Path,
    arrays: FeatureArrays,
    *,
    holdout_from: datetime,
    campaign: CampaignEvidence,
    retrains: Sequence[LedgerRow],
    limits: GateLimits,
    warehouse: Warehouse,
) -> Judgement:
    """Open the hold-out for a finalist, hold all that is known of it against the gate, record it.

    Args:
        finalist: Whom to judge.
        folder: What its trial left.
        arrays: All rows of the data set that its campaign searched.
        holdout_from: From which on the campaign saw nothing, UTC.
        campaign: What the search as a whole shows.
        retrains: Its configuration with other seeds.
        limits: Of the gate.
        warehouse: Holds the ledger, to which opening and decision are added.

    Raises:
        ContractMismatchError: If the arrays are not what it was trained on.
        IntegrityError: If they were made from other bars, or ledger or files are damaged.
        HistoryTooShortError: If the hold-out has no row.
        TrialFailedError: If no bar of the hold-out could be traded through.
    """
    judgement = weigh(
        finalist,
        folder,
        open_holdout(finalist, arrays, holdout_from, warehouse),
        campaign=campaign,
        retrains=retrains,
        limits=limits,
        warehouse=warehouse,
    )
    TrialLedger(warehouse).append([*retrains, decision_row(finalist, judgement)])
    return judgement


def weigh(
    finalist: Candidate,
    folder: Path,
    record: HoldoutRecord,
    *,
    campaign: CampaignEvidence,
    retrains: Sequence[LedgerRow],
    limits: GateLimits,
    warehouse: Warehouse,
) -> Judgement:
    """Hold all that is known of a finalist against the gate; nothing is recorded.

    Args:
        finalist: Whom to judge.
        folder: What its trial left.
        record: What it did on the hold-out.
        campaign: What the search as a whole shows.
        retrains: Its configuration with other seeds.
        limits: Of the gate.
        warehouse: Holds the ledger, which has the digests of the trial's files.
    """
    splits = finalist.trial["splits"]
    findings = Findings(
        campaign=campaign,
        trial=_trial_evidence(folder, campaign),
        turnover=fmean(split["turnover"] for split in splits),
        exposure=fmean(split["exposure"] for split in splits),
        holdout=record.performances["agent"],
        holdout_excess=_holdout_excess(record, campaign.bars_per_year),
        at_higher_costs=record.costs.level(limits.cost_multiple).performance,
        retrains=tuple(_retrain(row) for row in retrains),
        faults=_faults(finalist, folder, record, warehouse),
    )
    return Judgement(findings=findings, decision=decide(findings, limits), holdout=record)


def decision_row(finalist: Candidate, judgement: Judgement) -> LedgerRow:
    """Write a decision as a row of the trial ledger.

    It belongs to the number of trials that were known when it was made. One that is made anew, by
    other limits or another version after a crash, stands beside the first.
    """
    campaign, decision = judgement.findings.campaign, judgement.decision.to_json()
    return LedgerRow(
        kind=LedgerKind.GATE_DECISION,
        campaign=campaign.campaign,
        study_name=finalist.trial["study_name"],
        number=finalist.trial["number"],
        key=decision_key(finalist.vin, campaign.n_trials, decision),
        outcome=decision,
    )


def _trial_evidence(folder: Path, campaign: CampaignEvidence) -> TrialEvidence | None:
    returns = pl.read_parquet(folder / RETURNS)
    if (returns["bot_return"] == returns["hodl_return"]).all():
        return None
    return trial_evidence(returns, campaign)


def _holdout_excess(record: HoldoutRecord, bars_per_year: float) -> ConfidenceInterval | None:
    bot, hodl = (_column(record.returns, name) for name in ("agent", "hodl"))
    intervals = bootstrap_intervals(bot, hodl, bars_per_year=bars_per_year)
    return None if intervals is None else intervals["excess_sharpe_ratio"]


def _column(frame: pl.DataFrame, name: str) -> FloatArray:
    values: FloatArray = frame[name].to_numpy()
    return values


def _retrain(row: LedgerRow) -> Retrain:
    outcome = row.outcome
    results = ("score", "sharpe_bot", "sharpe_hodl", "exposure")
    found = {name: outcome.get(name) for name in results}
    return Retrain(seed=outcome["seed"], no_trades=outcome.get("no_trades", False), **found)


def _faults(
    finalist: Candidate, folder: Path, record: HoldoutRecord, warehouse: Warehouse
) -> tuple[str, ...]:
    """What does not fit; a damaged model or contract was refused before."""
    faults = []
    if not record.ledger.agrees:
        faults.append(f"money does not add up: {record.ledger.first_fault}")
    identity = (finalist.trial["study_name"], finalist.trial["number"], LedgerKind.TRIAL, "")
    lines = TrialLedger(warehouse).copied_lines()
    files = next((x.row.outcome["files"] for x in lines if x.row.identity == identity), None)
    if files is None:
        return (*faults, "the trial is not in the ledger")
    for name, digest in files.items():
        if sha256_of_file(folder / name) != digest:
            faults.append(f"{name} is not what the ledger says")
    return tuple(faults)
