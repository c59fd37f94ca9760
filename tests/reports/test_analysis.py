"""What the best trials have in common: only what stands out from chance is said to matter."""

from pathlib import Path

import numpy as np
import pytest

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.reports.analysis import hyperparameter_analysis
from cappuccino_assets.storage.files import canonical_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_rows import LedgerRow
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from tests.storage.ledgers import trial_row

STUDY = "c/phase2_ppo"


def searched(
    n_trials: int, *, study_name: str = STUDY, edge: float = 0.0, n_idle: int = 0, seed: int = 0
) -> list[LedgerRow]:
    """Complete trials whose score rises with `strength` by the edge, and else is luck."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(n_trials):
        params = {f"idle_{i}": float(random.random()) for i in range(n_idle)}
        params |= {"strength": int(random.integers(0, 20)), "fixed": "adam"}
        score = edge * params["strength"] + float(random.normal())
        row = trial_row(
            number, study_name=study_name, score=score, params=params, no_trades=False, phase=2
        )
        rows.append(row)
    return rows


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(WarehouseLayout(root=tmp_path))


def test_what_matters_is_named_and_what_never_varied_is_set_aside(warehouse: Warehouse) -> None:
    TrialLedger(warehouse).append(searched(60, edge=1.0, n_idle=5))
    (study,) = hyperparameter_analysis(warehouse, "c")["studies"]
    best, *rest = study["parameters"]
    assert (best["parameter"], best["impact"]) == ("strength", "high")
    assert best["effect_low"] > 0.3
    assert best["importance"] > best["importance_by_chance"]
    assert best["as_close_by_chance"] < 0.1
    assert [row["parameter"] for row in rest if row["holm_p_value"] < 0.05] == []
    assert study["constant"] == {"fixed": "adam"}
    assert study["text"].endswith("there remain: strength.")


def test_what_is_luck_is_said_to_be_luck(warehouse: Warehouse) -> None:
    TrialLedger(warehouse).append(searched(30, n_idle=24))
    answer = hyperparameter_analysis(warehouse, "c")
    (study,) = answer["studies"]
    high = [row for row in study["parameters"] if row["impact"] == "high"]
    assert len(high) >= 5  # the best three of thirty differ from the others whatever is asked
    assert study["expected_by_chance"]["high_impact"] > 5
    assert study["expected_by_chance"]["p_below_0.05"] == pytest.approx(25 * 0.05)
    assert "of which chance gives 1.2" in study["text"]
    assert study["text"].endswith("nothing here is shown to matter.")
    assert answer["text"] == (
        "phase2_ppo: Corrected for all of them none remains: nothing here is shown to matter."
    )


def test_every_trial_that_ended_is_counted_and_complete_ones_are_compared(
    warehouse: Warehouse,
) -> None:
    lost = [trial_row(25 + i, state=state) for i, state in enumerate(["PRUNED", "FAIL"])]
    earlier = searched(5, study_name="c/phase1_7d_1h")
    other = searched(40, study_name="d/phase2_ppo")
    TrialLedger(warehouse).append([*earlier, *searched(25), *lost, *other])
    phase1, phase2 = hyperparameter_analysis(warehouse, "c")["studies"]
    assert (phase1["n_complete"], phase1["analysed"]) == (5, False)
    assert phase1["text"].startswith("5 trials are complete")
    assert (phase2["n_trials"], phase2["n_complete"], phase2["n_top"]) == (27, 25, 3)


def test_a_small_campaign_has_nothing_to_analyse_and_says_so(warehouse: Warehouse) -> None:
    TrialLedger(warehouse).append(searched(20))
    answer = hyperparameter_analysis(warehouse, "c")
    assert "parameters" not in answer["studies"][0]
    assert answer["text"].endswith("there is nothing to analyse.")


def test_the_best_may_have_in_common_only_that_they_did_not_trade(warehouse: Warehouse) -> None:
    idle = [
        trial_row(100 + i, score=9.0, params={"strength": i, "fixed": "sgd"}, no_trades=True)
        for i in range(3)
    ]
    TrialLedger(warehouse).append([*searched(25), *idle])
    (study,) = hyperparameter_analysis(warehouse, "c")["studies"]
    assert (study["n_top"], study["n_top_idle"], study["n_idle"]) == (3, 3, 3)
    assert "3 of the best 3 did not trade in some split" in study["text"]


def test_the_same_ledger_gives_the_same_answer_which_json_can_hold(warehouse: Warehouse) -> None:
    TrialLedger(warehouse).append(searched(22, n_idle=2))
    one, other = (canonical_json(hyperparameter_analysis(warehouse, "c")) for _ in range(2))
    assert one == other


def test_a_campaign_without_any_trial_is_refused(warehouse: Warehouse) -> None:
    TrialLedger(warehouse).append(searched(2))
    with pytest.raises(WarehouseError, match="No trial of 'd'"):
        hyperparameter_analysis(warehouse, "d")
