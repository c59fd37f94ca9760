"""How a campaign stands: its outcome, and what it is worth, in plain words."""

from datetime import datetime
from pathlib import Path

import polars as pl

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.registry.in_force import ensemble_in_force, why_it_stays
from cappuccino_assets.reports.advice import campaign_advice
from cappuccino_assets.reports.search_record import study_counts, top_set
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_rows import LedgerKind
from cappuccino_assets.storage.member_sets import member_set_digest
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json


def campaign_standing(warehouse: Warehouse, name: str | None = None) -> Json:
    """Collect what a campaign has reached so far; what is not there yet is None.

    Args:
        warehouse: Holds the campaigns.
        name: Which one; the active one where None.

    Raises:
        WarehouseError: If there is none.
    """
    layout = warehouse.layout
    row = warehouse.active_campaign() if name is None else warehouse.campaign(name)
    if row is None:
        raise WarehouseError(f"No campaign was begun in {layout.root}: `cappuccino run` does.")
    name = row["campaign"]
    studies = study_counts(layout, name)
    winner = _of_campaign(layout.phase1_winner, name)
    comparison = _of_campaign(layout.phase2_comparison, name)
    archive = warehouse.query("campaign_archive", {"campaign": name}).to_dicts()
    _mark_idle(warehouse, name, [winner or {}, *(comparison or {}).get("results", {}).values()])
    return {
        "campaign": row["definition"] | {"completed_at": _iso(row["completed_at"])},
        "studies": studies,
        "phase1_winner": winner,
        "phase2_comparison": comparison,
        "archive": archive,
        "ensemble": _of_campaign(layout.manifest, name),
        "ensemble_remark": why_other_members(warehouse, name),
        "verdict": verdict(comparison, archive, n_trials=TrialLedger(warehouse).n_trials(name)),
        **_lineage(warehouse, name),
        "advice": campaign_advice(warehouse, name, row["definition"]["profile"]),
        "files": _files(layout),
    }


def _lineage(warehouse: Warehouse, name: str) -> Json:
    """Count a campaign's own trials, and those of each that it was narrowed from."""
    _, *ancestors = TrialLedger(warehouse).lineage(name)
    counts = warehouse.query("ledger_counts").filter(kind=LedgerKind.TRIAL.value)
    n_trials = dict(counts.group_by("campaign").agg(pl.sum("n_rows")).iter_rows())
    return {
        "n_own_trials": int(n_trials.get(name, 0)),
        "lineage": [
            {"campaign": each, "n_trials": int(n_trials.get(each, 0))} for each in ancestors
        ],
    }


def verdict(comparison: Json | None, archive: list[Json], *, n_trials: int) -> str:
    """Say what a search has shown, and what not.

    Args:
        comparison: Outcome of phase 2; None before there is one.
        archive: The campaign's entries, best first.
        n_trials: All trials of the campaign, pruned and failed ones included, and of those that it
            was narrowed from.
    """
    if comparison is None:
        return "The search is not finished: nothing can be said yet."
    best = comparison["results"][comparison["winner"]]
    idle = (
        "The best score belongs to a trial that did not trade in some split. "
        if best["no_trades"]
        else ""
    )
    if not archive:
        return f"{idle}No trial was worth archiving: no edge was found."
    entry = archive[0]
    result = (
        f"The best model that was archived, of {n_trials} trials, scores {entry['score']:+.3f}: "
        f"Sharpe {entry['sharpe_bot']:+.2f} against {entry['sharpe_hodl']:+.2f} of buying and "
        "holding."
    )
    if entry["below_threshold"]:
        return f"{idle}{result} That is no edge; it was kept so that there is something to look at."
    losing = " It lost money, only less than holding did." if entry["sharpe_bot"] <= 0 else ""
    shown = (
        " It was kept so that there is something to look at."
        if entry["admitted_as"] == "kept_for_show"
        else ""
    )
    return f"{idle}{result}{losing} {gate_verdict(archive)}{shown}"


def gate_verdict(archive: list[Json]) -> str:
    """Say which archived models passed the gate, and what the best one failed if none did."""
    passed = [entry["vin"] for entry in archive if entry["gated"]]
    if passed:
        return (
            f"{len(passed)} of {len(archive)} archived models passed every point of the gate: "
            f"{', '.join(passed)}. That is evidence about the past, no promise."
        )
    best = archive[0]
    points = ", ".join(name.replace("_", " ") for name in best["failed_points"])
    return (
        "That proves nothing: the best of many trials scores well on a market without any edge "
        f"too, and no model passed the gate. The best one failed {len(best['failed_points'])} of "
        f"{best['n_points']} points: {points}."
    )


def campaign_in(path: Path) -> str | None:
    """Read whose outcome or manifest a file holds; None where there is no file."""
    if not path.is_file():
        return None
    value: Json = read_json(path)
    named: str = value.get("study_name") or next(iter(value["results"].values()))["study_name"]
    return named.partition("/")[0]


def why_other_members(warehouse: Warehouse, campaign: str) -> str | None:
    """Say why the ensemble in force is not a campaign's best trials; None where nobody has said.

    Raises:
        IntegrityError: If a complete trial left no whole record, or a comparison is damaged.
        ManifestError: If the manifest is damaged.
    """
    in_force = ensemble_in_force(warehouse.layout)
    best = top_set(warehouse.layout, campaign)
    if in_force is None or tuple(best) in ((), in_force.members):
        return None
    return why_it_stays(warehouse, campaign, member_set_digest(best), in_force)


def _mark_idle(warehouse: Warehouse, campaign: str, results: list[Json]) -> None:
    idle = set(warehouse.query("idle_trials", {"campaign": campaign}).iter_rows())
    for result in results:
        if result:
            result["no_trades"] = (result["study_name"], result["best_trial_number"]) in idle


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _of_campaign(path: Path, campaign: str) -> Json | None:
    return read_json(path) if campaign_in(path) == campaign else None


def _files(layout: WarehouseLayout) -> Json:
    return {
        "warehouse": str(layout.root),
        "database": str(layout.database),
        "archive": str(layout.archive),
        "manifest": str(layout.manifest),
        "pictures": str(layout.reports),
        "report": str(layout.training_report),
    }
