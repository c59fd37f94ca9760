"""The results of a campaign's trials: brought into ledger and database, and read from there."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from cappuccino_assets.storage.artifacts import pull_folder
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_files import read_trial, trial_rows
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.ledger_entries import ledger_rows
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.records import trial_records
from cappuccino_assets.tuning.studies import study_storage
from cappuccino_assets.types import Json

_WITH_RESULTS: Final = ("COMPLETE", "PRUNED")


def records_of(warehouse: Warehouse, plans: Sequence[StudyPlan]) -> list[Json]:
    """Read the search's own record of some studies, one row per trial."""
    with study_storage(warehouse.layout) as storage:
        return trial_records(plans, storage)


def collect(warehouse: Warehouse, plans: Sequence[StudyPlan]) -> list[Json]:
    """Bring the finished trials of some studies into ledger and database; twice changes nothing.

    What they left on other machines comes into this warehouse first.

    Returns:
        Their rows of the table `trials`.

    Raises:
        IntegrityError: If a trial left no whole record or is in the ledger with another outcome, or
            the ledger is not whole.
        InfrastructureError: If the place that the machines share refuses.
    """
    records = records_of(warehouse, plans)
    _fetch(records, warehouse.layout)
    rows = trial_rows(records, warehouse.layout)
    TrialLedger(warehouse).append(ledger_rows(rows, warehouse.layout), rows)
    return rows.trials


def _fetch(records: Iterable[Json], layout: WarehouseLayout) -> None:
    """Bring here what trials left on other machines."""
    for record in records:
        folder = layout.trial(record["study_name"], record["number"])
        if record["state"] in _WITH_RESULTS and not _has_result(folder, record):
            pull_folder(layout, folder)


def _has_result(folder: Path, record: Json) -> bool:
    """Whether the result of a trial is here, and not that of a try whose result was dropped."""
    if record["state"] != "COMPLETE" or not folder.is_dir():
        return folder.is_dir()
    path = folder / "trial.json"
    return path.is_file() and read_json(path)["score"] == record["value"]


def complete_trials(warehouse: Warehouse, campaign: str, phase: int) -> list[Json]:
    """Read trial.json of every complete trial of a phase."""
    params = {"campaign": campaign, "phase": phase}
    identities = warehouse.query("complete_trials", params).iter_rows()
    layout = warehouse.layout
    return [
        read_trial(layout.trial(study_name, number), study_name=study_name, number=number)
        for study_name, number in identities
    ]


def n_done_by_study(warehouse: Warehouse, campaign: str) -> dict[str, int]:
    """Count the complete and pruned trials of each study of a campaign."""
    return dict(warehouse.query("n_done_by_study", {"campaign": campaign}).iter_rows())
