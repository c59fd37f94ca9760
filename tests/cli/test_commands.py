"""Commands as people start them: answers, messages and exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("cappuccino")
VIN = "PPO-A-N128B1K-L2.5E5G98.5-LB5TD20-20260214-3f9a1c"


def test_the_command_is_installed_and_lists_its_commands(tmp_path):
    done = subprocess.run([COMMAND, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("run", "status", "vin"))


def test_vin_explains_every_field(cappuccino):
    code, out, _ = cappuccino("vin", VIN, "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["fields"] == {
        "model": "PPO",
        "grade": "A",
        "net_dimension": 128,
        "batch_size": 1024,
        "learning_rate": 2.5e-5,
        "gamma": 0.985,
        "lookback": 5,
        "time_decay": 0.2,
        "date": "2026-02-14",
        "serial": "3f9a1c",
    }
    assert answer["archive_entry"] is None


def test_vin_speaks_to_people_too(cappuccino):
    code, out, _ = cappuccino("vin", VIN)
    assert code == 0
    assert "net_dimension" in out
    assert "holds no such model" in out


def test_incident_48_a_wrong_vin_is_one_message_and_exit_code_1(cappuccino):
    code, out, err = cappuccino("vin", "PPO-A-N128B1024-L2.5E5G98.5-LB5TD20-20260214")
    assert code == 1
    assert out == ""
    assert "batch_size" in err
    assert "Traceback" not in err


def test_incident_48_an_error_in_json_still_fails(cappuccino):
    code, out, _ = cappuccino("vin", "nonsense", "--json")
    assert code == 1
    assert json.loads(out)["error"]["type"] == "VinError"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--profile", "huge"],
        ["run", "--source", "files"],
        ["run", "--source", "simulated", "--bars", __file__],
        ["run", "--bars", "/no/such/file.parquet"],
        ["run", "--workers", "0"],
        ["run", "--device", "gpu"],
        ["brew"],
    ],
)
def test_incident_48_wrong_usage_is_exit_code_2(cappuccino, arguments):
    code, _, err = cappuccino(*arguments)
    assert code == 2
    assert "Traceback" not in err


def test_status_before_any_campaign_says_what_to_do(cappuccino):
    code, _, err = cappuccino("status")
    assert code == 1
    assert "cappuccino run" in err


def test_incident_48_a_setting_that_cannot_be_is_one_message(cappuccino, monkeypatch):
    monkeypatch.setenv("CAPPUCCINO_WORKERS", "many")
    code, _, err = cappuccino("status")
    assert code == 1
    assert "CAPPUCCINO_WORKERS" in err
    assert "Traceback" not in err
