"""The report of a campaign: a page for people, and the same as JSON."""

from dataclasses import asdict, dataclass
from pathlib import Path

from cappuccino_assets.evaluation.holdout import AGENT
from cappuccino_assets.reports.campaign_record import (
    CampaignRecord,
    Candidate,
    Finding,
    read_campaign,
)
from cappuccino_assets.reports.equity import EquityPath, equity_sketch, markdown_image
from cappuccino_assets.reports.page import page
from cappuccino_assets.reports.report_words import headline, what_is_not_shown, what_is_shown
from cappuccino_assets.storage.files import write_bytes, write_json
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReport:
    """What came of a campaign, in short.

    Attributes:
        campaign: Its definition.
        verdict: In one sentence, what came out; then what is shown, and what is not.
        phases: Outcome of each phase, and the counts of its studies; None before there is one.
        trials: How many ended, by state.
        evidence: What the search as a whole shows, without its logits; None if nothing is known.
        finalists: Each archived model that was looked at closely, with the gate's every point.
        n_archived: Archived models, those not looked at closely included.
        n_gated: How many of them passed the gate.
        analysis: What the best trials have in common, in words; None where it was not made.
        sketch: A small picture of the best one's equity beside that of buy and hold, in Markdown:
            on the hold-out, or where none was opened on one path of the cross-validation; None
            where there is neither. It is no part of the JSON.
        page: Where the page lies.
    """

    campaign: Json
    verdict: tuple[str, ...]
    phases: Json
    trials: dict[str, int]
    evidence: Json | None
    finalists: tuple[Json, ...]
    n_archived: int
    n_gated: int
    analysis: str | None
    sketch: str | None
    page: Path

    def to_json(self) -> Json:
        """Write as JSON values."""
        values = asdict(self) | {"page": str(self.page), "verdict": list(self.verdict)}
        del values["sketch"]
        return values


def write_training_report(
    warehouse: Warehouse, campaign: str | None = None, *, output: Path | None = None
) -> TrainingReport:
    """Read what a campaign's run left, and write its page with the JSON file beside it.

    Args:
        warehouse: Holds the campaign.
        campaign: Its name; the active one where None.
        output: Where the page goes; among the warehouse's reports where None.

    Raises:
        WarehouseError: If there is no such campaign.
        IntegrityError: If something that would be shown is damaged.
    """
    record = read_campaign(warehouse, campaign)
    path = output or warehouse.layout.training_report
    report = summary(record, path)
    write_bytes(path, page(record).encode())
    write_json(path.with_suffix(".json"), report.to_json())
    return report


def summary(record: CampaignRecord, path: Path) -> TrainingReport:
    """Put a campaign's record in short.

    Args:
        record: What its run left.
        path: Where its page lies.
    """
    standing, archive = record.standing, record.standing["archive"]
    states = record.trials["state"].value_counts(sort=True)
    evidence = record.evidence.to_json() if record.evidence else None
    if evidence and evidence["overfitting"]:
        del evidence["overfitting"]["logits"]
    phases = ("phase1_winner", "phase2_comparison", "studies")
    return TrainingReport(
        campaign=standing["campaign"],
        verdict=(headline(record), what_is_shown(record), *what_is_not_shown(record)),
        phases={name: standing[name] for name in phases},
        trials={state: int(n) for state, n in states.iter_rows()},
        evidence=evidence,
        finalists=tuple(map(_finalist, record.findings)),
        n_archived=len(archive),
        n_gated=sum(row["gated"] for row in archive),
        analysis=record.analysis["text"] if record.analysis else None,
        sketch=_sketch(record.candidates[0]) if record.candidates else None,
        page=path,
    )


def _sketch(best: Candidate) -> str:
    if best.finding is None:
        return markdown_image(equity_sketch(best.paths), text="equity on the test bars")
    returns = best.finding.holdout.returns
    bot, hodl = ((1 + returns[name]).cum_prod().to_numpy() for name in (AGENT, "hodl"))
    time = returns["open_time"].dt.epoch("s").to_numpy()
    path = EquityPath(open_time=time, bot=bot, hodl=hodl)
    return markdown_image(equity_sketch([path]), text="equity on the hold-out")


def _finalist(finding: Finding) -> Json:
    holdout = finding.holdout
    return {
        "vin": finding.vin,
        "grade": finding.grade,
        "below_threshold": finding.below_threshold,
        "study_name": holdout.opening.study_name,
        "number": holdout.opening.number,
        "gate": finding.gate.to_json(),
        "holdout": {
            "begins_at": holdout.opening.begins_at,
            "ends_at": holdout.opening.ends_at,
            "performances": {n: each.to_json() for n, each in holdout.performances.items()},
            "placebo": holdout.placebo.rank.to_json(),
        },
        "costs": holdout.costs.to_json() | {"ledger": asdict(holdout.ledger)},
        "evidence": finding.evidence.to_json() if finding.evidence else None,
        "retrains": [asdict(each) for each in finding.retrains],
    }
