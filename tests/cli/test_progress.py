"""What a terminal shows of a search, at the width of a terminal."""

import contextlib
import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios

import pytest

from cappuccino_assets.cli.progress_words import duration, line

STUDY = "cappuccino_auto_20260214_020000/phase1_365d_15m"
VALUES = {
    "study_name": STUDY,
    "n_done": 123,
    "n_target": 200,
    "best_score": -1.2345,
    "trials_per_hour": 1234.5,
    "eta_s": 5_400.0,
    "n_workers": 256,
    "cpu_percent": 25_590.4,
    "memory_mb": 126_000.0,
}
EARLY = {"study_name": STUDY, "n_done": 0, "n_target": 200, "trials_per_hour": 0.0}
EARLY |= {"n_workers": 1, "cpu_percent": 99.6, "memory_mb": 300.0}


def test_a_line_says_all_of_it_in_a_hundred_columns():
    said = (
        "phase1_365d_15m 123/200, best -1.234, 1234.5 trials/h, 90 min left, 256 workers, "
        "CPU 25590 %, 123.0 GiB"
    )
    assert line(VALUES) == said


def test_before_the_first_trial_nothing_is_made_up():
    assert line(EARLY) == "phase1_365d_15m 0/200, 0.0 trials/h, 1 worker, CPU 100 %, 0.3 GiB"


DURATIONS = {0: "0 s", 119: "119 s", 120: "2 min", 7199: "120 min", 7200: "2 h"}
DURATIONS |= {172_799: "48 h", 172_800: "2 d", 8_640_000: "100 d"}


@pytest.mark.parametrize(("seconds", "said"), DURATIONS.items())
def test_a_duration_has_its_unit(seconds, said):
    assert duration(seconds) == said


JOB = """
import json, sys
import dagster as dg
from cappuccino_assets.cli.progress import job_progress
from cappuccino_assets.resources import EVENT_LOGGER_KEY, event_logger

@dg.op
def search(context):
    for values in json.loads(sys.argv[1]):
        context.log_event(dg.AssetObservation("phase1_trials", metadata=values))

@dg.job(logger_defs={EVENT_LOGGER_KEY: event_logger})
def job():
    search()

with job_progress():
    job.execute_in_process(run_config={"loggers": {EVENT_LOGGER_KEY: {}}})
"""


def command(observations):
    return [sys.executable, "-c", JOB, json.dumps(observations)]


def on_a_terminal(observations, *, width):
    """Run the job at a terminal of so many columns, and return all that it drew."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    drawn = b""
    nowhere = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    with subprocess.Popen(command(observations), stderr=slave, **nowhere) as job:
        os.close(slave)
        with contextlib.suppress(OSError):  # Linux's way to say that nobody is at the other end
            while part := os.read(master, 65_536):
                drawn += part
    os.close(master)
    assert job.returncode == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn.decode())


def test_a_terminal_has_a_line_per_study_and_one_for_the_run():
    other = VALUES | {"study_name": STUDY.replace("365d", "7d"), "n_done": 7}
    drawn = on_a_terminal([VALUES, other, VALUES | {"n_done": 124}], width=100)
    lines = [each.rstrip() for each in re.split(r"[\r\n]+", drawn)]
    assert all(len(each) <= 100 for each in lines)
    last = {each.split()[0]: each for each in lines if each.strip()}
    assert last["phase1_365d_15m"].endswith("124/200 best -1.234")
    assert last["phase1_7d_15m"].endswith("7/200 best -1.234")
    assert last["all"].endswith(
        "131/400 1234.5 trials/h, 90 min left, 256 workers, CPU 25590 %, 123.0 GiB"
    )


def test_in_a_narrow_terminal_words_fold_and_numbers_stay():
    drawn = on_a_terminal([VALUES], width=80)
    lines = [each.rstrip() for each in re.split(r"[\r\n]+", drawn)]
    assert all(len(each) <= 80 for each in lines)
    assert any(
        each.startswith("all studies") and "123/200 1234.5 trials/h" in each for each in lines
    )
    assert any(each.strip() == "25590 %, 123.0 GiB" for each in lines)


def test_a_file_has_a_line_per_trial(tmp_path):
    with (tmp_path / "log").open("w") as file:
        subprocess.run(command([EARLY, VALUES]), stderr=file, stdout=subprocess.DEVNULL, check=True)
    lines = (tmp_path / "log").read_text().splitlines()
    assert [f"  {line(EARLY)}", f"  {line(VALUES)}"] == [each for each in lines if "phase1" in each]
