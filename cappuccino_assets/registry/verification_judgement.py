"""What was found out of an archive entry and decided: all of it once more, and nothing recorded."""

from collections.abc import Sequence

from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.registry.differences import require_same, require_same_rows
from cappuccino_assets.registry.evidence import campaign_evidence
from cappuccino_assets.registry.finalists import Finalist, final_test, finalist_holdout
from cappuccino_assets.registry.judging import Judgement, decision_row, weigh
from cappuccino_assets.registry.limits import GateLimits
from cappuccino_assets.registry.models import Model
from cappuccino_assets.registry.openings import (
    HoldoutRecord,
    holdout_folder,
    opening_of,
    read_holdout,
    record_of,
)
from cappuccino_assets.registry.verification import Case, Found
from cappuccino_assets.registry.verification_record import Ledger, line_of
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.retrains import retrain_tasks, run_retrains
from cappuccino_assets.tuning.tasks import Outcome, Result, Task
from cappuccino_assets.types import Json


def traded(
    case: Case, metadata: Json, model: Model, features: FeatureArrays, plan: StudyPlan
) -> Found:
    """Let the archived weights trade the hold-out again."""
    finalist = Finalist(vin=case.vin, trial=metadata, model=model)
    cut = finalist_holdout(finalist, features, plan.holdout_from)
    record = record_of(opening_of(finalist, cut), final_test(model, cut))
    n_bars = record.performances["agent"].n_bars
    return Found(value=record, text=f"{n_bars:,} bars, by the archived weights")


def retrained(case: Case, metadata: Json, plan: StudyPlan) -> Found:
    """Read what the configuration came to with other seeds."""
    tasks = retrain_tasks(plan, metadata, n_seeds=len(metadata["retrains"]))
    rows = run_retrains(tasks, case.layout, _left_nothing)
    return Found(value=rows, text=f"{len(rows)} trainings with other seeds are kept")


def judged(
    case: Case,
    metadata: Json,
    model: Model,
    record: HoldoutRecord,
    retrains: Sequence[LedgerRow],
    lines: Ledger,
) -> Found:
    """Hold everything against the gate's limits again, from ledger, trials and returns."""
    judgement = weigh(
        Finalist(vin=case.vin, trial=metadata, model=model),
        case.layout.trial(metadata["study_name"], metadata["number"]),
        record,
        campaign=campaign_evidence(case.warehouse, metadata["campaign"]),
        retrains=retrains,
        limits=GateLimits(**metadata["gate"]["limits"]),
        warehouse=case.warehouse,
    )
    n_trials = judgement.findings.campaign.n_trials
    text = f"as the best of {n_trials} trials, of {len(lines)} lines of the ledger"
    return Found(value=judgement, text=text)


def holdout(case: Case, metadata: Json, judgement: Judgement) -> Found:
    """Compare all that the agent and its rivals came to."""
    _require_same_section("holdout", metadata, judgement)
    agent = judgement.holdout.performances["agent"]
    n_rivals = len(judgement.holdout.performances) - 1
    text = f"Sharpe ratio above buy and hold {agent.excess_sharpe:+.4f}; {n_rivals} rivals"
    return Found(text=text)


def kept_holdout(case: Case, found: HoldoutRecord) -> Found:
    """Compare every return, fill and book with those that are kept."""
    kept = read_holdout(holdout_folder(case.layout, found.opening), found.opening)
    tables = {
        "returns": (kept.returns, found.returns),
        "fills": (kept.trades.fills, found.trades.fills),
        "books": (kept.trades.books, found.trades.books),
        "placebo": (kept.placebo.equity, found.placebo.equity),
    }
    for name, (stored, again) in tables.items():
        require_same_rows(name, stored, again)
    require_same("placebo", kept.placebo.rank.to_json(), found.placebo.rank.to_json())
    n_fills = kept.trades.fills.height
    return Found(text=f"{kept.returns.height:,} bars of returns and {n_fills:,} fills, bit for bit")


def costs(case: Case, metadata: Json, judgement: Judgement) -> Found:
    """Compare the agent at other costs, and its trades added up by hand."""
    _require_same_section("costs", metadata, judgement)
    return Found(text=f"{len(metadata['costs']['levels'])} levels, and the money added up by hand")


def campaign(case: Case, metadata: Json, judgement: Judgement) -> Found:
    """Compare what the search as a whole shows."""
    found = judgement.findings.campaign
    require_same("evidence.campaign", metadata["evidence"]["campaign"], found.to_json())
    pbo = "too few to tell" if found.overfitting is None else f"{found.overfitting.pbo:.3f}"
    return Found(text=f"{found.n_trials} trials, probability of overfitting {pbo}")


def trial_evidence(case: Case, metadata: Json, judgement: Judgement) -> Found:
    """Compare what the trial's test returns are worth."""
    found = judgement.findings.trial
    value = None if found is None else found.to_json()
    require_same("evidence.trial", metadata["evidence"]["trial"], value)
    text = "returns as buy and hold's" if found is None else f"deflated {found.deflated:.4f}"
    return Found(text=text)


def retrains(case: Case, metadata: Json, judgement: Judgement) -> Found:
    """Compare what the configuration came to with other seeds."""
    _require_same_section("retrains", metadata, judgement)
    return Found(text=f"{len(metadata['retrains'])} seeds")


def gate(case: Case, metadata: Json, judgement: Judgement) -> Found:
    """Compare every reason of the gate, and its word."""
    for section in ("gate", "gated", "gate_reason"):
        _require_same_section(section, metadata, judgement)
    word = "gated" if judgement.decision.gated else "not gated"
    return Found(text=f"{len(judgement.decision.reasons)} reasons; {word}")


def decisions(
    case: Case,
    metadata: Json,
    lines: Ledger,
    model: Model,
    judgement: Judgement,
    retrains: Sequence[LedgerRow],
) -> Found:
    """Compare what the ledger says of opening, retrains and decision."""
    finalist = Finalist(vin=case.vin, trial=metadata, model=model)
    opening, decision = judgement.holdout.opening.row(), decision_row(finalist, judgement)
    found = [opening, *retrains, decision]
    for row in found:
        line = line_of(lines, metadata, row.kind, row.key)
        require_same(f"line {line.line} of the ledger", line.row.to_json(), row.to_json())
    n_recorded = sum(
        kind == LedgerKind.RETRAIN and trial == finalist.trial["study_name"] and n == opening.number
        for trial, n, kind, _ in lines
    )
    require_same("n_retrains", n_recorded, len(retrains))
    return Found(text=f"opening, {len(retrains)} retrains and decision are on record")


def _require_same_section(section: str, metadata: Json, judgement: Judgement) -> None:
    require_same(section, metadata[section], judgement.to_json()[section])


def _left_nothing(tasks: Sequence[Task], layout: WarehouseLayout) -> list[Result]:
    """Say of trainings that left no folder that they failed; nothing is trained here."""
    return [Result(outcome=Outcome.FAILED, reason="It left nothing.") for _ in tasks]
