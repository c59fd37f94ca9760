"""`cappuccino verify`: a model computed again, and what differs."""

import io
import json

import pytest
from rich.console import Console

from cappuccino_assets.cli.verify import print_verification
from cappuccino_assets.registry.archive import archive_trials
from cappuccino_assets.registry.verification import Check, Verdict
from cappuccino_assets.registry.verifier import Verification
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from tests.registry.trials import leave_trials, refuse

VIN = "PPO-A-N128B1K-L2.5E5G98.5-LB5TD20-20260214-3f9a1c"


@pytest.fixture
def entry(tmp_path):
    """An entry that nobody judged by a hold-out, of a campaign that nobody began."""
    warehouse = Warehouse(WarehouseLayout(root=tmp_path / "warehouse"))
    leave_trials(warehouse, [0.5])
    (entry,) = archive_trials(warehouse.layout, warehouse, "c", refuse)
    return entry


def shown(*checks):
    text = io.StringIO()
    found = Verification(vin=VIN, checks=checks)
    print_verification(found, Console(file=text, width=200))
    return text.getvalue()


def check(name, verdict, text, **difference):
    return Check(name=name, verdict=verdict, text=text, difference=difference or None)


def test_what_does_not_agree_is_exit_code_1_and_is_named(cappuccino, entry):
    code, out, _ = cappuccino("verify", entry.vin, "--json")
    answer = json.loads(out)
    assert (code, answer["vin"], answer["holds"]) == (1, entry.vin, False)
    checks = {each["name"]: each for each in answer["checks"]}
    assert checks["entry"]["verdict"] == "holds"
    assert checks["metadata"]["text"] == "metadata.json lacks 'compute': it was never judged so."
    assert checks["gate"]["verdict"] == "not done"
    code, out, _ = cappuccino("verify", entry.vin)
    assert code == 1
    assert "FAILED metadata: metadata.json lacks 'compute'" in out


def test_an_unknown_model_is_one_message(cappuccino):
    code, out, err = cappuccino("verify", VIN)
    assert (code, out) == (1, "")
    assert f"has no entry {VIN}" in err
    code, _, err = cappuccino("verify", "PPO")
    assert code == 1
    assert "VIN" in err


def test_an_entry_that_holds_is_said_to_be_what_it_says():
    holds = check("model", Verdict.HOLDS, "weights 3f9a1c")
    assert "The entry is what it says: 1 of 1 checks hold." in shown(holds)
    not_done = check("trained again", Verdict.NOT_DONE, "bits agree only there")
    text = shown(holds, not_done)
    assert "1 of 2 checks hold, 1 could not be made here." in text
    assert "bits agree only there" in text


def test_the_first_difference_of_a_check_is_shown_whole():
    fault = "gate.reasons[0].value: 0.97 is stored, but 0.0004 is found."
    text = shown(check("gate", Verdict.FAILED, fault), check("model", Verdict.HOLDS, "weights"))
    assert f"FAILED gate: {fault}" in text
    assert "1 of 2 checks failed: it is not what it says." in text
