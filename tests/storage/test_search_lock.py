import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.storage.locks import hold_until_exit, is_held_elsewhere

HOLDER = """
import sys
from pathlib import Path
from cappuccino_assets.storage.locks import hold_until_exit
hold_until_exit(Path(sys.argv[1]), refusal="")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "a.lock")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_in_the_given_words(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    with pytest.raises(WarehouseError, match="Somebody searches"):
        hold_until_exit(tmp_path / "a.lock", refusal="Somebody searches.")


def test_whoever_is_killed_lets_go(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    hold_until_exit(tmp_path / "a.lock", refusal="")


def test_one_process_may_ask_again(tmp_path: Path) -> None:
    hold_until_exit(tmp_path / "b.lock", refusal="")
    hold_until_exit(tmp_path / "b.lock", refusal="")


def test_another_process_is_seen_to_hold_it_until_it_dies(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.lock"
    assert is_held_elsewhere(path)
    holder.kill()
    holder.wait()
    assert not is_held_elsewhere(path)


def test_what_this_process_holds_is_not_held_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "c.lock"
    assert not is_held_elsewhere(path)
    hold_until_exit(path, refusal="")
    assert not is_held_elsewhere(path)


def test_whoever_looks_keeps_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "d.lock"
    path.touch()
    assert not is_held_elsewhere(path)
    hold_until_exit(path, refusal="")
