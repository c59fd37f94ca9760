"""Everything that a report shows of a campaign, read from what its run left."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.store import BarStore
from cappuccino_assets.registry.entries import RETURNS, ArchiveEntry, verify_entry
from cappuccino_assets.registry.evidence import (
    CampaignEvidence,
    TrialEvidence,
    campaign_evidence,
)
from cappuccino_assets.registry.findings import Retrain
from cappuccino_assets.registry.gate import GateDecision
from cappuccino_assets.registry.openings import (
    HoldoutOpening,
    HoldoutRecord,
    holdout_folder,
    read_holdout,
)
from cappuccino_assets.reports.equity import EquityPath, equity_paths
from cappuccino_assets.reports.standing import campaign_standing
from cappuccino_assets.storage.files import read_object
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_files import read_trial
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json

N_SHOWN: Final = 3
_BITCOIN: Final = "BTC/USD"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finding:
    """What the last look at an archived model found.

    Attributes:
        vin: Its code.
        grade: Of its score.
        below_threshold: Whether it was kept although its score is below the archive's threshold.
        gate: What the gate says of it.
        holdout: What it did on bars that no search had seen.
        evidence: What its test returns are worth; None where they are those of buy and hold.
        retrains: Its configuration with other seeds.
    """

    vin: str
    grade: str
    below_threshold: bool
    gate: GateDecision
    holdout: HoldoutRecord
    evidence: TrialEvidence | None
    retrains: tuple[Retrain, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A trial that the report looks at closely.

    Attributes:
        trial: Its trial.json.
        paths: Equity on the test bars of the cross-validation, and buy and hold's.
        bitcoin: open_time and the price as a multiple of that at the first test bar; None where the
            warehouse has other bars than those that were searched, or no bitcoin.
        finding: None where the trial is not archived, so that nobody has looked further.
    """

    trial: Json
    paths: list[EquityPath]
    bitcoin: pl.DataFrame | None
    finding: Finding | None

    @property
    def name(self) -> str:
        """Its VIN, or its trial where it has none."""
        if self.finding:
            return self.finding.vin
        study = self.trial["study_name"].partition("/")[2]
        return f"trial {self.trial['number']} of {study}"

    @property
    def short_name(self) -> str:
        """The end of its VIN, which tells it from others; its trial where it has none."""
        return self.name.rpartition("-")[2]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CampaignRecord:
    """What a campaign's run left.

    Attributes:
        standing: Its definition, studies, outcomes and archive (`campaign_standing`).
        trials: One row per trial in the ledger, in its order: study_name, number, state, score,
            sharpe_excess, no_trades.
        candidates: The archived models, or the best trial of each algorithm where there is none;
            best first, and only as many as are shown.
        evidence: What the search as a whole shows; None before a trial of phase 2 is complete.
        analysis: What the best trials have in common; None where it was not made.
        ledger_rows: Lines of the campaign in the ledger, by kind.
        path: Where reports of it go.
    """

    standing: Json
    trials: pl.DataFrame
    candidates: tuple[Candidate, ...]
    evidence: CampaignEvidence | None
    analysis: Json | None
    ledger_rows: dict[str, int]
    path: Path

    @property
    def name(self) -> str:
        """The campaign's."""
        name: str = self.standing["campaign"]["name"]
        return name

    @property
    def findings(self) -> list[Finding]:
        """Of the candidates that are archived, best first."""
        return [each.finding for each in self.candidates if each.finding]


def read_campaign(warehouse: Warehouse, campaign: str | None = None) -> CampaignRecord:
    """Read what a report shows of a campaign.

    Args:
        warehouse: Holds it.
        campaign: Its name; the active one where None.

    Raises:
        WarehouseError: If there is none.
        IntegrityError: If an archive entry, a hold-out or a trial is damaged.
    """
    layout = warehouse.layout
    standing = campaign_standing(warehouse, campaign)
    name = standing["campaign"]["name"]
    said = pl.col("outcome").str
    excess = said.json_path_match("$.sharpe_excess").cast(pl.Float64).alias("sharpe_excess")
    idle = (said.json_path_match("$.no_trades") == "true").fill_null(value=False).alias("no_trades")
    trials = warehouse.query("campaign_ledger_trials", {"campaign": name}).select(
        "study_name", "number", "state", "score", excess, idle
    )
    counts = warehouse.query("ledger_counts").filter(campaign=name)
    by_kind = counts.group_by("kind", maintain_order=True).agg(pl.sum("n_rows"))
    entries = [verify_entry(layout.archive / row["vin"]) for row in standing["archive"]]
    chosen = _archived(layout, entries) or _best(layout, standing["phase2_comparison"])
    return CampaignRecord(
        standing=standing,
        trials=trials,
        candidates=tuple(chosen),
        evidence=_evidence(warehouse, name, entries),
        analysis=_analysis(layout, name),
        ledger_rows={kind: int(n) for kind, n in by_kind.iter_rows()},
        path=layout.reports,
    )


def _archived(layout: WarehouseLayout, entries: Sequence[ArchiveEntry]) -> list[Candidate]:
    return [
        _candidate(layout, entry.metadata, entry.path / RETURNS, _finding(layout, entry))
        for entry in entries[:N_SHOWN]
    ]


def _best(layout: WarehouseLayout, comparison: Json | None) -> list[Candidate]:
    if comparison is None:
        return []
    found = []
    for result in comparison["results"].values():
        study_name, number = result["study_name"], result["best_trial_number"]
        folder = layout.trial(study_name, number)
        trial = read_trial(folder, study_name=study_name, number=number)
        found.append(_candidate(layout, trial, folder / RETURNS, None))
    return sorted(found, key=lambda each: -each.trial["score"])


def _candidate(
    layout: WarehouseLayout, trial: Json, returns: Path, finding: Finding | None
) -> Candidate:
    paths = equity_paths(pl.read_parquet(returns))
    bitcoin = _bitcoin(layout, trial, paths[0])
    return Candidate(trial=trial, paths=paths, bitcoin=bitcoin, finding=finding)


def _finding(layout: WarehouseLayout, entry: ArchiveEntry) -> Finding:
    metadata = entry.metadata
    opening = HoldoutOpening(**metadata["holdout"]["opening"])
    evidence = metadata["evidence"]["trial"]
    return Finding(
        vin=entry.vin,
        grade=metadata["grade"],
        below_threshold=metadata["below_threshold"],
        gate=GateDecision.from_json(metadata["gate"]),
        holdout=read_holdout(holdout_folder(layout, opening), opening),
        evidence=None if evidence is None else TrialEvidence.from_json(evidence),
        retrains=tuple(Retrain(**each) for each in metadata["retrains"]),
    )


def _evidence(
    warehouse: Warehouse, campaign: str, entries: Sequence[ArchiveEntry]
) -> CampaignEvidence | None:
    """As it was when the best one was judged; where none was, as it is."""
    if entries:
        return CampaignEvidence.from_json(entries[0].metadata["evidence"]["campaign"])
    if warehouse.query("archive_candidates", {"campaign": campaign}).is_empty():
        return None
    return campaign_evidence(warehouse, campaign)


def _analysis(layout: WarehouseLayout, campaign: str) -> Json | None:
    if not layout.hyperparameter_analysis.is_file():
        return None
    analysis = read_object(layout.hyperparameter_analysis)
    return analysis if analysis["campaign"] == campaign else None


def _bitcoin(layout: WarehouseLayout, trial: Json, path: EquityPath) -> pl.DataFrame | None:
    store, interval = BarStore(folder=layout.bars), Interval(trial["interval"])
    try:
        description = store.description(interval)
    except WarehouseError:
        return None
    if description["digest"] != trial["dataset_digest"]:
        return None
    first, last = int(path.open_time[0]), int(path.open_time[-1])
    time = pl.col("timestamp").dt.epoch("s")
    prices = (
        pl.scan_parquet(store.path(interval))
        .filter(pl.col("symbol") == _BITCOIN, time.is_between(first, last))
        .select(time.alias("open_time"), "close")
        .sort("open_time")
        .collect()
    )
    if prices.is_empty():
        return None
    return prices.select("open_time", pl.col("close") / pl.col("close").first())
