"""A campaign of real trials as a report finds it: in its warehouse, with its outcomes."""

from datetime import UTC, datetime

from cappuccino_assets.storage.files import read_json, write_json
from cappuccino_assets.storage.warehouse import Warehouse
from tests.registry.campaigns import SmallCampaign, small_campaign


def reported_campaign(warehouse: Warehouse) -> SmallCampaign:
    """Leave three trials, and what phase 2 came to; nothing is archived yet."""
    campaign = small_campaign(warehouse)
    begin(warehouse)
    folder = warehouse.layout.trial("small/phase2_ppo", 0)
    trial = read_json(folder / "trial.json")
    result = {
        "study_name": "small/phase2_ppo",
        "best_trial_number": 0,
        "best_value": trial["score"],
        "best_params": trial["params"],
        "best_sharpe_bot": trial["sharpe_bot"],
        "best_sharpe_hodl": trial["sharpe_hodl"],
        "n_trials": 3,
    }
    write_json(warehouse.layout.phase2_comparison, {"winner": "ppo", "results": {"ppo": result}})
    return campaign


def begin(warehouse: Warehouse, *, source: str = "simulated <null>") -> None:
    """Begin the campaign, and make it the active one."""
    warehouse.activate_campaign(
        {
            "name": "small",
            "profile": "mini",
            "seed": 0,
            "source": source,
            "started_at": datetime(2026, 2, 14, tzinfo=UTC).isoformat(),
            "symbols": ["AAVE/USD", "AVAX/USD", "BTC/USD"],
            "dataset_digests": {"1h": "1" * 64, "4h": "0" * 64},
            "history_from": "1969-11-20T00:00:00+00:00",
            "holdout_from": "1970-07-20T00:00:00+00:00",
        }
    )
