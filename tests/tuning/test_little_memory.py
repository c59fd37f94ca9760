"""A trial in too little memory shrinks, and tells so; where nothing helps, nobody prunes it."""

import json
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cappuccino_assets.errors import InfrastructureError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.tuning.spaces import Constant, Consumer
from cappuccino_assets.types import Json
from tests.tuning.small import PPO, small_arrays, small_plan

ROOT = Path(__file__).parents[2]
WIDE = PPO | {"net_dimension": 512, "batch_size": 2048}


def tried(mib: int, folder: str) -> Json:
    """Run a trial of width 512 in so much more memory; returns its record, or what it raised."""
    arrays = small_arrays(drift=0.005)
    plan = small_plan(arrays)
    long = (
        Constant(name="break_step", value=2048, consumer=Consumer.TRIAL),
        Constant(name="target_step", value=2048, consumer=Consumer.AGENT),
        Constant(name="ppo_epochs", value=1, consumer=Consumer.AGENT),
    )
    search = plan.search_arrays(arrays)
    run_trial(plan, PPO, 0, search, WarehouseLayout(root=Path(folder) / "loads what it needs"))
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + mib * 2**20, resource.RLIM_INFINITY))
    wide = replace(plan, space=replace(plan.space, constants=long))
    try:
        return run_trial(wide, WIDE, 0, search, WarehouseLayout(root=Path(folder)))
    except InfrastructureError as error:
        return {"raised": str(error)}


def run_in_little_memory(mib: int, folder: Path) -> Json:
    code = (
        "import json, torch; torch.set_num_threads(1)\n"
        "from tests.tuning.test_little_memory import tried\n"
        f"print(json.dumps(tried({mib}, {str(folder)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    record: Json = json.loads(done.stdout)
    return record


@pytest.mark.slow
def test_a_trial_for_which_memory_is_short_ends_and_records_how(tmp_path: Path) -> None:
    record = run_in_little_memory(150, tmp_path)

    assert [event["event"] for event in record["events"]][:1] == ["out_of_memory"]
    assert record["events"][-1]["micro_batch"] < 1024
    assert len(record["splits"]) == 6
    assert record["compute"]["device"] == "cpu"


@pytest.mark.slow
def test_incident_39_a_trial_for_which_there_is_no_memory_is_the_machines_failure(
    tmp_path: Path,
) -> None:
    assert "Memory" in run_in_little_memory(15, tmp_path)["raised"]
