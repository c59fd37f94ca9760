"""`cappuccino analysis`: what the best trials have in common."""

import json

import pytest

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from tests.storage.ledgers import trial_row


@pytest.fixture
def warehouse(tmp_path):
    """A study of which the best tenth can be compared, and one of which it cannot."""
    warehouse = Warehouse(WarehouseLayout(root=tmp_path / "warehouse"))
    rows = [
        trial_row(number, study_name=f"c/{study}", params={"lookback": number}, no_trades=False)
        for study, n_trials in (("phase1_7d_1h", 3), ("phase2_ppo", 24))
        for number in range(n_trials)
    ]
    TrialLedger(warehouse).append(rows)
    return warehouse


def test_the_parameters_of_a_study_are_a_table_and_a_sentence(cappuccino, warehouse):
    code, out, err = cappuccino("analysis", "--study", "c/phase2_ppo")
    assert (code, err) == (0, "")
    row = next(line for line in out.splitlines() if "lookback" in line and "│" in line)
    assert "+100%" in row
    assert "high" in row
    assert out.strip().endswith("there remain: lookback.")
    assert "phase1" not in out


def test_a_campaign_is_all_its_studies(cappuccino, warehouse):
    code, out, _ = cappuccino("analysis", "--study", "c", "--json")
    answer = json.loads(out)
    assert code == 0
    assert [study["analysed"] for study in answer["studies"]] == [False, True]
    _, out, _ = cappuccino("analysis", "--study", "c")
    assert "3 trials are complete; their best tenth would be fewer than three." in out
    assert "phase2_ppo: After Holm's correction" in out


def test_an_unknown_study_is_exit_code_1_and_the_known_ones_are_named(cappuccino, warehouse):
    code, out, err = cappuccino("analysis", "--study", "c/phase2_dqn")
    assert (code, out) == (1, "")
    assert "c/phase2_ppo" in err


def test_without_a_campaign_there_is_nothing_to_analyse(cappuccino):
    code, _, err = cappuccino("analysis")
    assert code == 1
    assert "No campaign was begun" in err
