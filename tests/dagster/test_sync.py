"""One campaign for everybody: moved at once, or not at all."""

import os
import signal
import subprocess
import sys

import dagster as dg
import pytest

from cappuccino_assets.definitions import defs
from cappuccino_assets.errors import ManifestError, WarehouseError
from cappuccino_assets.live.manifest import read_manifest
from cappuccino_assets.ops.sync import move_to
from cappuccino_assets.reports.following import AGREED, campaign_following
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.storage.files import read_json
from tests.dagster.campaigns import whole_campaign
from tests.live.campaigns import begin, publish
from tests.registry.trials import content

BEST, GOOD, BAD = [0], [1], [2]  # the symbol that an ensemble buys


@pytest.fixture
def summer(tmp_path):
    """A whole campaign, which the ensemble is of."""
    resource = WarehouseResource(root=str(tmp_path))
    whole_campaign(resource.database, "summer", GOOD)
    publish(resource.database, "summer")
    return resource


@pytest.fixture
def warehouse(summer):
    """Everything follows summer but for the row: autumn is better, and the active campaign."""
    move_to(SearchResource(), summer, "summer")
    whole_campaign(summer.database, "autumn", BEST)
    return summer


def follows(warehouse):
    """Which campaign each of all is of."""
    layout = warehouse.layout
    return (
        warehouse.database.active_campaign()["campaign"],
        read_manifest(layout.manifest).study_name,
        read_json(layout.phase1_winner)["study_name"].partition("/")[0],
        next(iter(read_json(layout.phase2_comparison)["results"].values()))["study_name"].partition(
            "/"
        )[0],
        read_json(layout.hyperparameter_analysis)["campaign"],
        read_json(layout.overfitting_report)["campaign"],
        read_json(layout.training_report.with_suffix(".json"))["campaign"]["name"],
    )


def test_incident_23_one_call_moves_everything(warehouse):
    assert follows(warehouse) == ("autumn", *["summer"] * 6)
    move = move_to(SearchResource(), warehouse, "autumn")
    assert follows(warehouse) == ("autumn",) * 7
    assert (move.campaign, move.publication.manifest.generation) == ("autumn", 2)
    assert campaign_following(warehouse.database).text == AGREED


def test_incident_23_all_that_is_of_another_campaign_is_named_with_the_remedy(warehouse):
    following = campaign_following(warehouse.database)
    assert [each.what for each in following.faults] == [
        "phase1_winner.json",
        "phase2_comparison.json",
        "the ensemble in force (generation 1)",
    ]
    assert "The active campaign is autumn, but phase1_winner.json is of summer" in following.text
    assert "`cappuccino sync autumn` moves everything to autumn." in following.text
    assert "`cappuccino sync summer` goes back to summer." in following.text


def test_incident_23_the_way_back_moves_everything_too(warehouse):
    move = move_to(SearchResource(), warehouse, "summer")
    assert (move.before, move.publication.manifest.generation) == ("autumn", 1)
    assert set(follows(warehouse)) == {"summer"}
    assert campaign_following(warehouse.database).text == AGREED


def test_incident_25_where_the_ensemble_stays_nothing_is_moved(warehouse):
    move_to(SearchResource(), warehouse, "autumn")
    before = content(warehouse.layout.ensemble), follows(warehouse)
    with pytest.raises(
        ManifestError, match=r"Nothing was moved to summer\. The ensemble of summer does not"
    ):
        move_to(SearchResource(), warehouse, "summer")
    after = content(warehouse.layout.ensemble)
    assert follows(warehouse) == before[1]
    kept = {name: each for name, each in after.items() if not name.startswith("comparisons/")}
    assert kept == {n: each for n, each in before[0].items() if not n.startswith("comparisons/")}
    assert campaign_following(warehouse.database).text == AGREED


def test_a_campaign_that_is_not_searched_to_its_end_is_refused(warehouse):
    begin(warehouse.database, "winter")
    before = follows(warehouse)
    with pytest.raises(WarehouseError, match="`cappuccino run --study winter` continues it"):
        move_to(SearchResource(), warehouse, "winter")
    assert follows(warehouse) == before


def test_an_unknown_campaign_is_refused_and_the_known_ones_are_listed(warehouse):
    with pytest.raises(WarehouseError, match=r"no campaign 'spring'\. There are autumn, summer"):
        move_to(SearchResource(), warehouse, "spring")
    with pytest.raises(WarehouseError, match="no study 'autumn/phase9'"):
        move_to(SearchResource(), warehouse, "autumn/phase9")


HOLDER = """
import sys
from pathlib import Path
from cappuccino_assets.storage.locks import hold_until_exit
hold_until_exit(Path(sys.argv[1]), refusal="")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def searching(tmp_path):
    """Another process that searches in the warehouse."""
    root = tmp_path / "other"
    resource = WarehouseResource(root=str(root))
    command = [sys.executable, "-c", HOLDER, str(resource.layout.search_lock)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield resource, process
        process.kill()


def test_nothing_is_moved_while_another_process_searches(searching):
    warehouse, _ = searching
    whole_campaign(warehouse.database, "summer", GOOD)
    with pytest.raises(WarehouseError, match="Another search is under way"):
        move_to(SearchResource(), warehouse, "summer")
    assert not warehouse.layout.manifest.exists()


def test_incident_23_a_search_may_lag_while_it_lives_and_no_longer(searching):
    warehouse, process = searching
    whole_campaign(warehouse.database, "summer", GOOD)
    publish(warehouse.database, "summer")
    begin(warehouse.database, "winter")
    following = campaign_following(warehouse.database)
    assert following.faults == ()
    assert following.text == (
        "The ensemble in force (generation 1) is of summer: winter is being searched."
    )
    process.kill()
    process.wait()
    following = campaign_following(warehouse.database)
    (fault,) = following.faults
    assert fault.campaign == "summer"
    assert following.remedies == (
        "`cappuccino run --study winter` moves everything to winter.",
        "`cappuccino sync summer` goes back to summer.",
    )


def test_the_job_does_the_same_and_says_so_in_the_history(warehouse):
    with dg.DagsterInstance.ephemeral() as instance:
        config = {
            "ops": {"move_to_campaign": {"config": {"study": "autumn"}}},
            "resources": {"warehouse": {"config": {"root": str(warehouse.layout.root)}}},
        }
        job = defs.resolve_job_def("sync_campaign")
        done = job.execute_in_process(run_config=config, instance=instance)
        events = done.asset_materializations_for_node("move_to_campaign")
        key = dg.AssetCheckKey(dg.AssetKey("ensemble_manifest"), "one_campaign_is_followed")
        record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert set(follows(warehouse)) == {"autumn"}
    assert [each.asset_key.to_user_string() for each in events] == [
        "ensemble_manifest",
        "phase1_winner",
        "phase2_comparison",
        "hyperparameter_analysis",
        "overfitting_report",
        "training_report",
    ]
    assert events[0].metadata["before"].value == "autumn"
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    assert evaluation.passed


MOVE = """
import sys
from cappuccino_assets.ops.sync import move_to
from cappuccino_assets.resources import SearchResource, WarehouseResource
move_to(SearchResource(), WarehouseResource(root=sys.argv[1]), sys.argv[2])
"""


def move_elsewhere(warehouse, name, *, until=None):
    """Move to a campaign in another process, and kill it as soon as a file has changed."""
    before = until and until.stat().st_ino
    command = [sys.executable, "-c", MOVE, str(warehouse.layout.root), name]
    with subprocess.Popen(command) as process:
        while until and until.stat().st_ino == before:
            assert process.poll() is None, "it ended before it was killed"
        if until:
            os.kill(process.pid, signal.SIGKILL)
    return process.returncode


@pytest.mark.slow
def test_incident_23_a_move_that_is_killed_is_seen_and_ended_by_the_same_call(summer):
    layout = summer.layout
    assert move_elsewhere(summer, "summer") == 0
    whole_campaign(summer.database, "autumn", BEST)
    steps = (
        layout.manifest,
        layout.database,
        layout.phase1_winner,
        layout.overfitting_report,
    )
    for step in steps:
        assert move_elsewhere(summer, "autumn", until=step) == -signal.SIGKILL
        following = campaign_following(summer.database)
        assert bool(following.faults) == (len(set(follows(summer)[:4])) > 1)
        if following.faults:
            assert "`cappuccino sync autumn` moves everything" in following.text
    assert move_elsewhere(summer, "autumn") == 0
    assert set(follows(summer)) == {"autumn"}
    assert campaign_following(summer.database).text == AGREED
