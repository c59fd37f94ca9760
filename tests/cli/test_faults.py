"""Disks and paths that cannot be used end in one message, and in JSON where asked."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cappuccino_assets.market.sources.simulated import SimulatedSource

ROOT = Path(__file__).parents[2]
MODULE = (sys.executable, "-m", "cappuccino_assets.cli.main")


def bars_of(n_days):
    return SimulatedSource(regime="null", n_days=n_days).fetch_bars().frame


@pytest.fixture
def bars_file(tmp_path):
    path = tmp_path / "bars.parquet"
    bars_of(40).write_parquet(path)
    return path


@pytest.fixture
def blocked(tmp_path, monkeypatch, cappuccino):
    """The command, with a warehouse that lies under a regular file."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("CAPPUCCINO_WAREHOUSE", str(tmp_path / "file" / "warehouse"))
    return cappuccino


def test_a_warehouse_under_a_file_is_one_message(blocked, bars_file, tmp_path):
    code, out, err = blocked("run", "--bars", bars_file)
    assert code == 1
    assert out == ""
    (message,) = [line for line in err.splitlines() if line.startswith("error:")]
    assert str(tmp_path / "file") in message
    assert "A file lies where a folder should be" in message
    assert "Traceback" not in err


def test_a_warehouse_under_a_file_is_an_error_in_json(blocked, bars_file, tmp_path):
    code, out, _ = blocked("run", "--bars", bars_file, "--json")
    assert code == 1
    error = json.loads(out)["error"]
    assert error["type"] == "NotADirectoryError"
    assert str(tmp_path / "file") in error["message"]


@pytest.mark.parametrize(
    ("largest", "kind"),
    [(50_000, "WarehouseError"), (400_000, "WarehouseError"), (1_200_000, "OSError")],
    ids=["history", "database", "bars"],
)
def test_a_file_that_cannot_grow_is_one_message(tmp_path, largest, kind):
    bars_of(300).write_parquet(tmp_path / "bars.parquet")
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    warehouse = tmp_path / "warehouse"
    environment = {"DAGSTER_HOME": str(tmp_path), "CAPPUCCINO_WAREHOUSE": str(warehouse)}
    done = subprocess.run(
        [*MODULE, "run", "--bars", "bars.parquet", "--json"],
        cwd=tmp_path,
        env=os.environ | environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["type"] == kind
    assert str(warehouse) in error["message"]
    assert "Traceback" not in done.stderr


def test_wrong_usage_is_an_error_in_json_too(cappuccino):
    code, out, _ = cappuccino("run", "--workers", "0", "--json")
    assert code == 2
    assert "--workers" in json.loads(out)["error"]["message"]


def test_the_module_is_the_command_too(tmp_path):
    done = subprocess.run(
        [*MODULE, "vin", "nonsense"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "VIN" in done.stderr
