"""Who did something, and whether it is still there."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cappuccino_assets.storage.processes import ProcessIdentity, this_host

SAY = """
import json, sys
from cappuccino_assets.storage.processes import ProcessIdentity
print(json.dumps(ProcessIdentity.current().to_json()), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SAY]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


@pytest.fixture
def identity(process: subprocess.Popen[str]) -> ProcessIdentity:
    assert process.stdout is not None
    return ProcessIdentity.from_json(json.loads(process.stdout.readline()))


def test_a_process_that_runs_is_not_gone(identity: ProcessIdentity) -> None:
    assert identity.is_here
    assert not identity.is_gone()
    assert not ProcessIdentity.current().is_gone()


def test_incident_34_a_zombie_is_gone(
    process: subprocess.Popen[str], identity: ProcessIdentity
) -> None:
    os.kill(process.pid, signal.SIGKILL)
    status = Path(f"/proc/{process.pid}/stat")
    while ") Z " not in status.read_text():  # nobody has waited for it
        time.sleep(0.01)
    assert identity.is_gone()
    process.wait()
    assert identity.is_gone()


def test_incident_34_another_process_with_its_number_is_not_the_one(
    identity: ProcessIdentity,
) -> None:
    assert replace(identity, started=identity.started - 1).is_gone()


def test_of_another_machine_nothing_is_certain(
    process: subprocess.Popen[str], identity: ProcessIdentity
) -> None:
    process.kill()
    process.wait()
    name, boot, namespace = identity.host.split("/")
    for host in (f"x/{boot}/{namespace}", f"{name}/x/{namespace}", f"{name}/{boot}/1"):
        there = replace(identity, host=host)
        assert (there.is_here, there.is_gone()) == (False, False)
    assert identity.is_gone()


def test_a_process_that_another_user_owns_is_not_gone() -> None:
    first = ProcessIdentity(host=this_host(), pid=1, started=_start_of_the_first())
    assert not first.is_gone()


def test_it_reads_back(identity: ProcessIdentity) -> None:
    assert ProcessIdentity.from_json(json.loads(json.dumps(identity.to_json()))) == identity
    assert identity.hostname == this_host().split("/")[0]


@pytest.mark.parametrize("fault", [{"pid": 0}, {"host": ""}, {"started": -1.0}])
def test_what_is_no_process_is_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="A process has a host"):
        ProcessIdentity.from_json({"host": "h", "pid": 1, "started": 0.0} | fault)


def _start_of_the_first() -> float:
    fields = Path("/proc/1/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")
