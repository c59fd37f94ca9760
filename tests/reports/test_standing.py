"""How a campaign stands, told from the warehouse."""

from datetime import UTC, datetime
from pathlib import Path

from cappuccino_assets.reports.standing import campaign_standing
from cappuccino_assets.storage.files import write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json
from tests.storage.ledgers import trial_row

NOW = datetime(2026, 2, 14, tzinfo=UTC)
STUDY = "c/phase2_ppo"
CAMPAIGN = {
    "name": "c",
    "profile": "mini",
    "seed": 0,
    "source": "simulated",
    "started_at": NOW.isoformat(),
}


def archive_row() -> Json:
    names = ("algorithm", "timeframe", "interval", "gate_reason", "dataset_digest")
    digests = {"model_sha256": "m", "contract_hash": "h"}
    results = {"score": 0.9, "sharpe_bot": 1.4, "sharpe_hodl": 0.5, "grade": "S"}
    return {
        "vin": "a",
        "campaign": "c",
        "study_name": STUDY,
        "number": 0,
        "below_threshold": False,
        "admitted_as": "rule",
        "gated": False,
        "completed_at": NOW,
        "archived_at": NOW,
        **dict.fromkeys(names, "x"),
        **digests,
        **results,
    }


def test_the_best_is_the_best_of_all_that_the_ledger_holds(tmp_path: Path) -> None:
    warehouse = Warehouse(WarehouseLayout(root=tmp_path))
    warehouse.activate_campaign(CAMPAIGN)
    states = ["COMPLETE", "PRUNED", "FAIL"]
    rows = [trial_row(number, state=state) for number, state in enumerate(states)]
    earlier = trial_row(0, study_name="c/phase1_7d_1h")
    TrialLedger(warehouse).append([earlier, *rows, trial_row(0, study_name="b/phase2_ppo")])
    warehouse.merge({"archive_entries": [archive_row()]})
    best = {"study_name": STUDY, "best_trial_number": 0}
    write_json(warehouse.layout.phase2_comparison, {"winner": "ppo", "results": {"ppo": best}})
    assert (
        "that was archived, of 4 trials, scores +0.900" in campaign_standing(warehouse)["verdict"]
    )
