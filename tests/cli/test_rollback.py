"""`cappuccino rollback`: the ensemble of before."""

import json

import pytest

from cappuccino_assets.live.manifest import read_manifest
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from tests.live.campaigns import publish
from tests.registry.trials import leave_trials


@pytest.fixture
def layout(tmp_path):
    """Two generations, of one member and of two."""
    warehouse = Warehouse(WarehouseLayout(root=tmp_path / "warehouse"))
    for scores in ([0.3], [0.3, 0.4]):
        leave_trials(warehouse, scores)
        publish(warehouse, "c", find_bars=None)
    return warehouse.layout


def test_incident_25_one_command_goes_back(cappuccino, layout):
    left, kept = read_manifest(layout.manifest), read_manifest(layout.generations / "1.json")
    code, out, _ = cappuccino("rollback", "--json")
    assert code == 0
    assert json.loads(out) == {
        "generation": 3,
        "restores": 1,
        "replaces": 2,
        "campaign": "c",
        "members": [kept.members[0].vin],
        "rejected": [left.member_set],
    }
    assert read_manifest(layout.manifest).members == kept.members


def test_incident_25_a_generation_can_be_named(cappuccino, layout):
    code, out, _ = cappuccino("rollback", "--to", 1)
    assert code == 0
    assert "Generation 3 restores generation 1 of c, in place of generation 2" in out
    assert read_manifest(layout.manifest).members[0].vin in out


def test_incident_25_what_cannot_be_restored_is_exit_code_1_and_named(cappuccino, layout):
    (member,) = read_manifest(layout.generations / "1.json").members
    (layout.ensemble / member.path / "actor.safetensors").unlink()
    code, out, err = cappuccino("rollback")
    assert (code, out) == (1, "")
    assert member.vin in err
    assert read_manifest(layout.manifest).generation == 2
    code, out, _ = cappuccino("rollback", "--to", 9, "--json")
    assert code == 1
    assert json.loads(out)["error"]["type"] == "ManifestError"


def test_nothing_published_is_exit_code_1(cappuccino):
    code, _, err = cappuccino("rollback")
    assert code == 1
    assert "nothing was published yet" in err
