"""The harness that kills searches: it finds what is wrong, and it finds nothing wrong."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.survival.checks import Watcher
from bench.survival.disk import fill_for, small_disk
from bench.survival.moments import Moment, await_change, fingerprint
from bench.survival.standing import Trial
from cappuccino_assets.storage.layout import WarehouseLayout

ROOT = Path(__file__).parents[2]
STUDY = "small/phase1_ppo"
TARGET = 2


def told(number, *, state="COMPLETE", value=0.5, **attributes):
    return Trial(
        study_name=STUDY,
        number=number,
        state=state,
        value=value,
        params={"gamma": 0.9},
        attributes=attributes,
    )


EXPECTED = {trial.identity: trial.outcome for trial in (told(0), told(1, value=-0.25))}


@pytest.fixture
def watcher(tmp_path):
    layout = WarehouseLayout(root=tmp_path)
    for number in (0, 1):
        layout.trial(STUDY, number).mkdir(parents=True)
        (layout.trial(STUDY, number) / "trial.json").touch()
    return Watcher(layout, EXPECTED, TARGET)


def found(watcher):
    return {name for name, n in watcher.faults.counts().items() if n}


def test_a_search_that_ends_like_one_left_alone_has_no_fault(watcher):
    watcher.look([told(0), told(1, state="RUNNING", value=None)])
    watcher.look([told(0), told(1, value=-0.25)])
    assert not found(watcher)


def test_a_told_trial_that_is_gone_is_lost(watcher):
    watcher.look([told(0)])
    watcher.look([])
    assert found(watcher) == {"lost"}


def test_a_told_trial_without_a_folder_is_lost(watcher, tmp_path):
    (WarehouseLayout(root=tmp_path).trial(STUDY, 0) / "trial.json").unlink()
    watcher.look([told(0)])
    assert found(watcher) == {"lost"}


def test_a_number_that_is_there_twice_is_doubled(watcher):
    watcher.look([told(0), told(0)])
    assert found(watcher) == {"doubled"}


def test_more_trials_than_were_asked_for_are_doubled(watcher):
    watcher.look([told(0), told(1, value=-0.25), told(2)])
    assert "doubled" in found(watcher)


@pytest.mark.parametrize("change", [{"value": 0.6}, {"state": "PRUNED"}, {"params": {"gamma": 1}}])
def test_an_outcome_that_one_left_alone_has_not_is_mislabelled(watcher, tmp_path, change):
    (WarehouseLayout(root=tmp_path).trial(STUDY, 0) / "pruned.json").touch()
    watcher.look([replace(told(0), **change)])
    assert found(watcher) == {"mislabelled"}


def test_an_outcome_that_changes_is_mislabelled(watcher):
    watcher.look([told(0)])
    watcher.look([told(0, state="FAIL", value=None)])
    assert found(watcher) == {"mislabelled"}


def test_a_trial_that_failed_before_its_last_try_is_mislabelled(watcher):
    watcher.look([told(0, state="FAIL", value=None, given_up=["died"] * 3)])
    assert found(watcher) == {"mislabelled"}


def test_a_trial_that_failed_after_its_last_try_is_not(watcher):
    watcher.look([told(0, state="FAIL", value=None, given_up=["died"] * 4)])
    assert not found(watcher)


def test_a_moment_comes_when_what_is_looked_at_changes(tmp_path):
    layout = WarehouseLayout(root=tmp_path)
    look = fingerprint(Moment.FOLDER, layout)
    assert not await_change(look, timeout_s=0.01, is_over=lambda: False)
    seen = []

    def look_and_write():
        seen.append(look())
        if len(seen) == 2:
            layout.trial(STUDY, 0).mkdir(parents=True)
        return seen[-1]

    assert await_change(look_and_write, timeout_s=60, is_over=lambda: False)


def test_a_full_disk_has_no_room_and_then_has_it_again(tmp_path):
    with small_disk(tmp_path / "disk") as can_be_filled:
        if not can_be_filled:
            pytest.skip("no file system can be mounted here")
        fill_for(tmp_path / "disk", 0.0)
        (tmp_path / "disk" / "file").write_bytes(os.urandom(2**20))


@pytest.mark.slow
def test_incident_36_two_hundred_kills_lose_double_and_mislabel_nothing(tmp_path):
    command = [sys.executable, "-m", "bench.kills", "--kills", "200", "--folder", tmp_path]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    answer = json.loads(done.stdout)
    assert answer["what"] == []
    assert set(answer["faults"].values()) == {0}
    assert answer["kills"] >= 200
    assert done.returncode == 0
