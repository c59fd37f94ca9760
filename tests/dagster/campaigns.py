"""Whole campaigns: searched to their end, with the outcome of both phases and the bars of both."""

from cappuccino_assets.features.arrays import save_arrays
from cappuccino_assets.storage.files import read_json, write_json
from cappuccino_assets.storage.trial_ledger import TrialLedger
from tests.live.campaigns import bars, searched
from tests.registry.trials import ingest, leave_trial
from tests.storage.ledgers import trial_row


def leave_phase1_trial(warehouse, name, score=0.2):
    """Leave the files of a complete trial of phase 1, and bring it into the database."""
    layout = warehouse.layout
    record = leave_trial(layout, 99, score, campaign=name)
    source = layout.trial(record["study_name"], 99)
    study = {"study_name": f"{name}/phase1_7d_1h", "number": 0, "phase": 1}
    target = layout.trial(study["study_name"], 0)
    write_json(target / "trial.json", read_json(source / "trial.json") | study)
    ingest(warehouse, [record | study])


def whole_campaign(warehouse, name, symbols):
    """Leave a campaign whose best trial of phase 2 holds some symbols, and make it the active."""
    layout = warehouse.layout
    searched(warehouse, name, [symbols])
    leave_phase1_trial(warehouse, name)
    TrialLedger(warehouse).append([trial_row(0, study_name=f"{name}/phase2_ppo")])
    folder = layout.features / "1h_enhanced"
    if not folder.exists():
        save_arrays(folder, bars())
