"""An exploit search after a broad one, from the command line."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("cappuccino")


def command(folder, *arguments, refused=False):
    environment = os.environ | {
        "DAGSTER_HOME": str(folder),
        "CAPPUCCINO_WAREHOUSE": str(folder / "warehouse"),
        "CAPPUCCINO_HISTORY_MONTHS": "9",
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    done = subprocess.run(
        [COMMAND, *arguments, "--json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) is refused, done.stdout + done.stderr
    return done.stdout + done.stderr if refused else json.loads(done.stdout)


def test_only_the_exploit_route_is_narrowed_from_a_campaign(cappuccino):
    for arguments in ((), ("--route", "broad")):
        code, _, err = cappuccino("run", "--from", "winter", *arguments)
        assert code == 2
        assert "only the route `exploit` is narrowed" in err


@pytest.mark.slow
def test_an_exploit_search_follows_a_broad_one_and_counts_its_trials(tmp_path):
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    run = ("run", "--profile", "mini", "--seed", "3")
    nothing = command(tmp_path, *run, "--route", "exploit", refused=True)
    assert "search on the broad route first" in nothing
    broad = command(tmp_path, *run, "--study", "winter")

    exploit = command(tmp_path, *run, "--study", "spring", "--route", "exploit")

    route = exploit["campaign"]["route"]
    assert route["narrowed_from"] == "winter"
    winner = broad["phase1_winner"]
    assert route["combinations"] == [[winner["timeframe"], winner["interval"]]]
    assert all(
        "21 trials that can be compared are needed" in each["text"] for each in route["studies"]
    )
    assert len(exploit["studies"]) == 3
    assert exploit["n_own_trials"] == 15
    assert exploit["lineage"] == [{"campaign": "winter", "n_trials": 20}]
    again = command(tmp_path, *run, "--study", "spring", "--route", "exploit")
    assert again["campaign"] == exploit["campaign"]
    assert "its route differs" in command(tmp_path, *run, "--study", "spring", refused=True)
    report = (tmp_path / "warehouse/reports/two_phase_training_report.html").read_text()
    assert "15 of its own and 20 of winter" in report
