"""Commands as people start them: answers, messages and exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("cappuccino")
VIN = "PPO-A-N128B1K-L2.5E5G98.5-LB5TD20-20260214-3f9a1c"


@pytest.fixture
def cappuccino(tmp_path, monkeypatch):
    monkeypatch.setenv("CAPPUCCINO_WAREHOUSE", str(tmp_path / "warehouse"))

    def call(*arguments):
        return subprocess.run(
            [COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return call


def test_vin_explains_every_field(cappuccino):
    done = cappuccino("vin", VIN, "--json")
    assert done.returncode == 0
    answer = json.loads(done.stdout)
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
    done = cappuccino("vin", VIN)
    assert done.returncode == 0
    assert "net_dimension" in done.stdout
    assert "holds no such model" in done.stdout


def test_incident_48_a_wrong_vin_is_one_message_and_exit_code_1(cappuccino):
    done = cappuccino("vin", "PPO-A-N128B1024-L2.5E5G98.5-LB5TD20-20260214")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "batch_size" in done.stderr
    assert "Traceback" not in done.stderr


def test_incident_48_an_error_in_json_still_fails(cappuccino):
    done = cappuccino("vin", "nonsense", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["type"] == "VinError"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--profile", "huge"],
        ["run", "--source", "files"],
        ["run", "--source", "simulated", "--bars", __file__],
        ["run", "--bars", "/no/such/file.parquet"],
        ["run", "--workers", "0"],
        ["brew"],
    ],
)
def test_incident_48_wrong_usage_is_exit_code_2(cappuccino, arguments):
    done = cappuccino(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_status_before_any_campaign_says_what_to_do(cappuccino):
    done = cappuccino("status")
    assert done.returncode == 1
    assert "cappuccino run" in done.stderr


def test_incident_48_a_setting_that_cannot_be_is_one_message(cappuccino, monkeypatch):
    monkeypatch.setenv("CAPPUCCINO_WORKERS", "many")
    done = cappuccino("status")
    assert done.returncode == 1
    assert "workers" in done.stderr
    assert "Traceback" not in done.stderr
