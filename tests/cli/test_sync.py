"""`cappuccino sync`: one campaign for everybody."""

import json

import pytest

from cappuccino_assets.live.manifest import read_manifest
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from tests.dagster.campaigns import whole_campaign
from tests.live.campaigns import begin, publish


@pytest.fixture
def warehouse(tmp_path):
    """Summer's ensemble is in force, and autumn, which is better, is the active campaign."""
    warehouse = Warehouse(WarehouseLayout(root=tmp_path / "warehouse"))
    for name, symbols in (("summer", [1]), ("autumn", [0])):
        whole_campaign(warehouse, name, symbols)
        if name == "summer":
            publish(warehouse, name)
    return warehouse


def test_incident_23_one_command_moves_everything(cappuccino, warehouse):
    layout = warehouse.layout
    code, out, _ = cappuccino("sync", "autumn", "--json")
    assert code == 0
    moved = json.loads(out)
    assert (moved["campaign"], moved["before"], moved["generation"]) == ("autumn", "autumn", 2)
    assert "The ensemble of autumn replaces generation 1 of summer" in moved["remark"]
    assert moved["files"] == {
        "ensemble_manifest": str(layout.manifest),
        "phase1_winner": str(layout.phase1_winner),
        "phase2_comparison": str(layout.phase2_comparison),
        "hyperparameter_analysis": str(layout.hyperparameter_analysis),
        "overfitting_report": str(layout.overfitting_report),
        "training_report": str(layout.training_report),
    }
    _, out, _ = cappuccino("status", "--json")
    assert json.loads(out)["now"]["following"]["agreed"]


def test_incident_25_a_refusal_is_exit_code_1_and_says_that_nothing_was_moved(
    cappuccino, warehouse
):
    cappuccino("sync", "autumn")
    code, out, err = cappuccino("sync", "summer")
    assert (code, out) == (1, "")
    assert "Nothing was moved to summer." in err
    assert read_manifest(warehouse.layout.manifest).study_name == "autumn"
    assert warehouse.active_campaign()["campaign"] == "autumn"


def test_the_way_back_is_told_to_people(cappuccino, warehouse):
    code, out, _ = cappuccino("sync", "summer")
    assert code == 0
    assert "summer is the active campaign (before: autumn)." in out
    assert str(warehouse.layout.training_report) in out


def test_an_unknown_campaign_is_exit_code_1_and_lists_the_known_ones(cappuccino, warehouse):
    code, out, _ = cappuccino("sync", "spring", "--json")
    assert code == 1
    error = json.loads(out)["error"]
    assert error["type"] == "WarehouseError"
    assert "There are autumn, summer." in error["message"]


def test_a_campaign_that_is_not_searched_is_exit_code_1(cappuccino, warehouse):
    begin(warehouse, "winter")
    code, _, err = cappuccino("sync", "winter")
    assert code == 1
    assert "`cappuccino run --study winter` continues it" in err


def test_no_name_is_wrong_usage(cappuccino):
    assert cappuccino("sync")[0] == 2
