"""The ledger on disk: appended to by several processes, through crashes, and never rewritten."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from cappuccino_assets.errors import IntegrityError, WarehouseError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_chain import read_chain, split_lines
from cappuccino_assets.storage.ledger_rows import LedgerKind
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from tests.storage.ledgers import other_row, trial_row

ROOT = Path(__file__).parents[2]


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(WarehouseLayout(root=tmp_path))


@pytest.fixture
def ledger(warehouse: Warehouse) -> TrialLedger:
    return TrialLedger(warehouse)


@pytest.fixture
def file(warehouse: Warehouse) -> Path:
    return warehouse.layout.ledger


def numbers(ledger: TrialLedger) -> list[int]:
    return [line.row.number for line in ledger.copied_lines()]


def test_rows_are_appended_in_order_and_copied(ledger: TrialLedger, file: Path) -> None:
    assert ledger.append([trial_row(0), trial_row(1, state="FAIL")]) == 2
    before = file.read_bytes()
    assert ledger.append([trial_row(2, state="PRUNED")]) == 1
    assert file.read_bytes().startswith(before)
    texts, torn = split_lines(file.read_bytes())
    assert (read_chain(texts), torn) == (ledger.copied_lines(), b"")
    assert numbers(ledger) == [0, 1, 2]


def test_to_append_the_same_again_changes_nothing(ledger: TrialLedger, file: Path) -> None:
    rows = [trial_row(0), other_row(LedgerKind.RETRAIN, "seed 1"), trial_row(1, state="FAIL")]
    assert ledger.append(rows) == 3
    before = file.read_bytes()
    assert ledger.append(rows[::-1]) == 0
    assert file.read_bytes() == before
    assert ledger.append([*rows, trial_row(2)]) == 1


def test_another_outcome_of_the_same_trial_is_refused_and_nothing_is_written(
    ledger: TrialLedger, file: Path
) -> None:
    ledger.append([trial_row(0), trial_row(1, score=0.25)])
    before = file.read_bytes()
    better = [trial_row(2), trial_row(1, score=0.5)]
    with pytest.raises(IntegrityError, match=r"line 2 is trial 1 of .*score is 0.25.*become 0.5"):
        ledger.append(better)
    with pytest.raises(IntegrityError, match=r"line 1 is trial 0 of .*score is -0.3.*become None"):
        ledger.append([trial_row(0, state="FAIL")])
    assert file.read_bytes() == before
    assert numbers(ledger) == [0, 1]


def test_two_rows_about_the_same_are_refused_together(ledger: TrialLedger, file: Path) -> None:
    with pytest.raises(IntegrityError, match="Line 2 of the ledger repeats line 1"):
        ledger.append([trial_row(0), trial_row(0)])
    assert not file.exists()


def test_what_happened_to_a_trial_is_told_apart_by_kind_and_key(ledger: TrialLedger) -> None:
    seeds = [other_row(LedgerKind.RETRAIN, f"seed {i}", score=0.1) for i in range(5)]
    opening = other_row(LedgerKind.HOLDOUT_OPENING, "2026-01/2026-02")
    decision = other_row(LedgerKind.GATE_DECISION, "2026-03-01", passed=False)
    assert ledger.append([trial_row(0), *seeds, opening, decision]) == 8
    assert ledger.n_trials("c") == 1


def test_every_trial_counts_whatever_became_of_it(ledger: TrialLedger) -> None:
    ledger.append(
        [
            trial_row(0, study_name="c/phase1_7d_1h", score=0.25),
            trial_row(1, study_name="c/phase1_7d_1h", state="FAIL"),
            trial_row(2, study_name="c/phase1_7d_1h", state="PRUNED"),
            trial_row(0, score=-0.5),
            trial_row(0, study_name="other/phase2_ppo"),
            other_row(LedgerKind.RETRAIN, "seed 1", score=0.9, sharpe_bot=3.0),
        ]
    )
    assert ledger.n_trials("c") == 4
    assert ledger.n_trials("other") == 1
    assert ledger.n_trials("nobody") == 0
    assert ledger.trial_sharpes("c").rows() == [
        ("c/phase1_7d_1h", 0, 0.75, 0.5, 0.7),
        ("c/phase2_ppo", 0, 0.0, 0.5, 0.7),
    ]


def test_what_counts_towards_a_target_comes_from_the_ledger(
    ledger: TrialLedger, warehouse: Warehouse
) -> None:
    states = ["COMPLETE", "FAIL", "PRUNED"]
    ledger.append([trial_row(number, state=state) for number, state in enumerate(states)])
    assert warehouse.query("n_done", {"campaign": "c"}).item() == 2
    assert warehouse.query("n_done_by_study", {"campaign": "c"}).rows() == [("c/phase2_ppo", 2)]


def test_the_copy_is_made_anew_from_the_file(ledger: TrialLedger, warehouse: Warehouse) -> None:
    ledger.append([trial_row(0), trial_row(1)])
    before = ledger.copied_lines()
    warehouse.layout.database.unlink()
    warehouse.layout.writer_database.unlink()
    assert ledger.append([trial_row(0)]) == 0
    assert ledger.copied_lines() == before


@pytest.mark.parametrize("n_kept", [0, 1])
def test_a_file_that_lost_its_end_is_not_continued(
    ledger: TrialLedger, file: Path, n_kept: int
) -> None:
    ledger.append([trial_row(0), trial_row(1)])
    cut = b"".join(file.read_bytes().splitlines(keepends=True)[:n_kept])
    file.write_bytes(cut)
    with pytest.raises(IntegrityError, match=f"Line {n_kept + 1} of the ledger was cut off"):
        ledger.append([trial_row(2)])
    assert file.read_bytes() == cut


def test_a_file_that_is_gone_is_not_begun_anew(ledger: TrialLedger, file: Path) -> None:
    ledger.append([trial_row(0)])
    file.unlink()
    with pytest.raises(IntegrityError, match="Line 1 of the ledger was cut off"):
        ledger.append([trial_row(0)])


def test_an_edited_file_is_not_continued(ledger: TrialLedger, file: Path) -> None:
    ledger.append([trial_row(0, score=0.25), trial_row(1)])
    file.write_bytes(file.read_bytes().replace(b"0.25", b"0.75"))
    with pytest.raises(IntegrityError, match="Line 1 of the ledger was edited"):
        ledger.append([trial_row(2)])


@pytest.mark.parametrize("n_bytes", [1, 100, -1])
def test_a_torn_line_is_moved_away_by_the_next_append(
    ledger: TrialLedger, warehouse: Warehouse, file: Path, n_bytes: int
) -> None:
    ledger.append([trial_row(0)])
    line = file.read_bytes()[:-1]
    with file.open("ab") as torn:
        torn.write(line[:n_bytes])
    assert ledger.append([trial_row(1)]) == 1
    assert numbers(ledger) == [0, 1]
    (kept,) = (file.parent / "torn").iterdir()
    assert kept.read_bytes() == line[:n_bytes]


def test_a_line_that_the_database_knows_was_not_torn_by_a_crash(
    ledger: TrialLedger, file: Path
) -> None:
    ledger.append([trial_row(0), trial_row(1)])
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match="Line 2 of the ledger was cut off"):
        ledger.append([trial_row(2)])


def test_a_database_that_cannot_be_written_is_caught_up_with_later(
    ledger: TrialLedger, warehouse: Warehouse, file: Path
) -> None:
    warehouse.layout.writer_database.mkdir(parents=True)
    with pytest.raises(WarehouseError):
        ledger.append([trial_row(0)])
    assert file.is_file()  # the truth has it
    warehouse.layout.writer_database.rmdir()
    assert ledger.append([trial_row(0), trial_row(1)]) == 1
    assert numbers(ledger) == [0, 1]


APPENDING = """
import os, signal, sys
from pathlib import Path
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from tests.storage.ledgers import trial_row

ledger = TrialLedger(Warehouse(WarehouseLayout(root=Path(sys.argv[1]))))
print("ready", flush=True)
sys.stdin.readline()
for number in range(5):
    ledger.append([trial_row(number, study_name=sys.argv[2]), trial_row(number)])
"""


def test_two_processes_that_append_at_once_lose_nothing(
    warehouse: Warehouse, ledger: TrialLedger, file: Path
) -> None:
    code = [sys.executable, "-c", APPENDING, str(warehouse.layout.root)]
    studies = ("c/phase1_5d_1h", "c/phase1_7d_1h")
    with (
        subprocess.Popen(
            [*code, studies[0]],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as one,
        subprocess.Popen(
            [*code, studies[1]],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as two,
    ):
        for process in (one, two):
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == "ready\n"
        for process in (one, two):
            process.communicate("go\n", timeout=60)
    assert (one.returncode, two.returncode) == (0, 0)
    lines = read_chain(split_lines(file.read_bytes())[0])
    assert ledger.copied_lines() == lines
    names = [*studies, "c/phase2_ppo"]  # the last was appended by both
    found = sorted((line.row.study_name, line.row.number) for line in lines)
    assert found == [(name, number) for name in names for number in range(5)]


def test_nobody_appends_while_another_does(
    warehouse: Warehouse, ledger: TrialLedger, file: Path
) -> None:
    ledger.append([trial_row(0)])
    before = file.read_bytes()
    impatient = TrialLedger(warehouse, lock_timeout_s=0.05)
    with (
        FileLock(warehouse.layout.ledger_lock),
        pytest.raises(WarehouseError, match="Another process"),
    ):
        impatient.append([trial_row(1)])
    assert file.read_bytes() == before
    assert impatient.append([trial_row(1)]) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from cappuccino_assets.storage.files import append_bytes
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import exclusive

layout = WarehouseLayout(root=Path(sys.argv[1]))
with exclusive(layout.ledger_lock):
    append_bytes(layout.ledger, layout.ledger.read_bytes()[:70])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_while_it_appends_leaves_no_lock_and_nothing_is_lost(
    warehouse: Warehouse, ledger: TrialLedger
) -> None:
    ledger.append([trial_row(0)])
    command = [sys.executable, "-c", KILLED, str(warehouse.layout.root)]
    killed = subprocess.run(command, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert ledger.append([trial_row(1)]) == 1
    assert numbers(ledger) == [0, 1]


def test_lines_that_were_committed_and_not_published_are_published_with_the_next_ones(
    ledger: TrialLedger, warehouse: Warehouse
) -> None:
    ledger.append([trial_row(0)])
    published = warehouse.layout.database.read_bytes()
    ledger.append([trial_row(1)])
    warehouse.layout.database.write_bytes(published)  # as if killed before it was replaced
    assert numbers(ledger) == [0]
    assert ledger.append([trial_row(1), trial_row(2)]) == 1
    assert numbers(ledger) == [0, 1, 2]


def test_the_first_lines_too_may_be_committed_and_not_published(
    ledger: TrialLedger, warehouse: Warehouse
) -> None:
    ledger.append([trial_row(0)])
    warehouse.layout.database.unlink()
    assert ledger.append([trial_row(0), trial_row(1)]) == 1
    assert numbers(ledger) == [0, 1]


def test_another_line_under_the_same_number_is_refused_by_the_database(
    ledger: TrialLedger, warehouse: Warehouse
) -> None:
    ledger.append([trial_row(0)])
    line = {"line": 1, "hash": "0" * 64, "content": "{}"}
    with pytest.raises(WarehouseError):
        warehouse.merge({"ledger_lines": [line]})
    assert numbers(ledger) == [0]
