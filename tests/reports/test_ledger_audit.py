"""Whether a ledger is whole: held against its copy, the database, the studies and the folders."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from cappuccino_assets.errors import IntegrityError, WarehouseError
from cappuccino_assets.reports.ledger_audit import LedgerAudit, audit_ledger
from cappuccino_assets.storage.files import sha256_of_file, write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_chain import extended, head, read_chain, split_lines
from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow
from cappuccino_assets.storage.trial_files import TrialRows
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json
from tests.storage.ledgers import other_row

STUDY = "c/phase2_ppo"
STARTED = datetime(2026, 2, 14, tzinfo=UTC)
STATES = ("COMPLETE", "PRUNED", "FAIL", "COMPLETE")
RECORDS = {"COMPLETE": "trial.json", "PRUNED": "pruned.json"}


def leave_folder(layout: WarehouseLayout, number: int, state: str) -> dict[str, str]:
    """What a trial leaves; its digests."""
    if state not in RECORDS:
        return {}
    file = layout.trial(STUDY, number) / RECORDS[state]
    write_json(file, {"number": number})
    return {file.name: sha256_of_file(file)}


def outcome_of(number: int, state: str) -> Json:
    score = {"score": 0.25 * number, "sharpe_bot": 1.0, "sharpe_hodl": 0.5, "no_trades": False}
    about = {"phase": 2, "algorithm": "ppo", "timeframe": "7d", "interval": "1h"}
    none = dict.fromkeys(score)
    return {"state": state, "dataset_digest": "d1", **about} | (
        score if state == "COMPLETE" else none
    )


def tell_studies(layout: WarehouseLayout, states: tuple[str, ...]) -> None:
    study = optuna.create_study(
        storage=f"sqlite:///{layout.studies}",
        study_name=STUDY,
        direction="maximize",
        load_if_exists=True,
    )
    for state in states:
        trial = study.ask()
        value = 0.25 * trial.number if state == "COMPLETE" else None
        study.tell(trial, values=value, state=TrialState[state])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with a finished campaign of four trials, all collected, and one gate decision."""
    layout = WarehouseLayout(root=tmp_path_factory.mktemp("finished"))
    warehouse = Warehouse(layout)
    about = {"profile": "mini", "seed": 0, "source": "simulated"}
    warehouse.activate_campaign({"name": "c", "started_at": STARTED.isoformat(), **about})
    tell_studies(layout, STATES)
    outcomes = [outcome_of(number, state) for number, state in enumerate(STATES)]
    rows = [
        LedgerRow(
            kind=LedgerKind.TRIAL,
            campaign="c",
            study_name=STUDY,
            number=number,
            outcome=outcome | {"files": leave_folder(layout, number, outcome["state"])},
        )
        for number, outcome in enumerate(outcomes)
    ]
    rows.append(other_row(LedgerKind.GATE_DECISION, "first", passed=False))
    trials = [
        {"study_name": STUDY, "number": number, "campaign": "c", **outcome}
        for number, outcome in enumerate(outcomes)
    ]
    TrialLedger(warehouse).append(rows, TrialRows(trials=trials, params=[], splits=[]))
    warehouse.complete_campaign("c", STARTED)
    return layout.root


@pytest.fixture
def warehouse(finished: Path, tmp_path: Path) -> Warehouse:
    """A copy of it."""
    root = tmp_path / "warehouse"
    shutil.copytree(finished, root)
    return Warehouse(WarehouseLayout(root=root))


def audit(warehouse: Warehouse) -> LedgerAudit:
    return audit_ledger(warehouse)


def execute(warehouse: Warehouse, sql: str) -> None:
    with warehouse.writer() as connection:
        connection.execute(sql)


def rewrite(warehouse: Warehouse, edit: Callable[[list[LedgerRow]], None]) -> None:
    """Edit rows as somebody would who knows how the chain is made, in the file and in its copy."""
    file = warehouse.layout.ledger
    rows = [line.row for line in read_chain(split_lines(file.read_bytes())[0])]
    edit(rows)
    lines = extended([], rows, recorded_at=STARTED)
    file.write_text("".join(f"{line.render()}\n" for line in lines))
    execute(warehouse, "DELETE FROM ledger_lines")
    copies = [{"line": each.line, "hash": each.hash, "content": each.content} for each in lines]
    warehouse.ingest([], [], [], ledger_lines=copies)


def test_a_whole_ledger_has_no_fault(warehouse: Warehouse) -> None:
    found = audit(warehouse)
    assert (found.faults, found.n_rows, found.n_waiting) == ((), 5, 0)
    assert found.head == head(TrialLedger(warehouse).copied_lines())
    assert found.require_whole() is found


def test_there_is_nothing_to_audit_before_the_first_run(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="`cappuccino run` begins one"):
        audit(Warehouse(WarehouseLayout(root=tmp_path / "none")))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (lambda lines: lines[1].replace("PRUNED", "FAILED"), "Line 2 of the ledger was edited"),
        (lambda lines: "", "Line 2 of the ledger was deleted: line 3 stands there now"),
        (lambda lines: lines[0] + lines[1], "Line 2 of the ledger was inserted"),
        (lambda lines: lines[2], "Line 2 of the ledger was deleted"),
    ],
)
def test_a_line_that_was_touched_is_named(
    warehouse: Warehouse, edit: Callable[[list[str]], str], fault: str
) -> None:
    file = warehouse.layout.ledger
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([lines[0], edit(lines), *lines[2:]]))
    (found,) = audit(warehouse).faults
    assert found.startswith(fault)
    with pytest.raises(IntegrityError, match=fault):
        audit(warehouse).require_whole()


@pytest.mark.parametrize("n_kept", [0, 3, 4])
def test_a_tail_that_was_cut_off_is_named(warehouse: Warehouse, n_kept: int) -> None:
    file = warehouse.layout.ledger
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:n_kept]))
    (found,) = audit(warehouse).faults
    assert f"Line {n_kept + 1} of the ledger was cut off" in found
    assert f"knows 5 lines, but the file has {n_kept}" in found


def test_a_file_that_is_gone_is_a_fault(warehouse: Warehouse) -> None:
    warehouse.layout.ledger.unlink()
    (found,) = audit(warehouse).faults
    assert "Line 1 of the ledger was cut off" in found


def test_a_line_that_was_added_by_hand_is_named(warehouse: Warehouse) -> None:
    row = other_row(LedgerKind.GATE_DECISION, "second", passed=True)
    (line,) = extended(TrialLedger(warehouse).copied_lines(), [row], recorded_at=STARTED)
    with warehouse.layout.ledger.open("a") as file:
        file.write(f"{line.render()}\n")
    (found,) = audit(warehouse).faults
    assert found.startswith("Line 6 of the ledger, gate_decision 'second' of trial 0 of")
    assert "is not in the warehouse" in found


def test_a_torn_line_is_named(warehouse: Warehouse) -> None:
    with warehouse.layout.ledger.open("a") as file:
        file.write('{"hash":"01')
    (found,) = audit(warehouse).faults
    assert found.startswith("Line 6 of the ledger is torn")


def test_a_copy_that_was_edited_is_found(warehouse: Warehouse) -> None:
    execute(warehouse, "UPDATE ledger_lines SET content = replace(content, 'FAIL', 'PRUNED')")
    (found,) = audit(warehouse).faults
    assert found.startswith("Line 3 of the ledger was edited")


def test_a_copy_that_lacks_a_line_is_found(warehouse: Warehouse) -> None:
    execute(warehouse, "DELETE FROM ledger_lines WHERE line = 3")
    (found,) = audit(warehouse).faults
    assert "copy of the ledger lacks a line" in found


def test_a_forged_trial_in_file_and_copy_differs_from_all_else(warehouse: Warehouse) -> None:
    def improve(rows: list[LedgerRow]) -> None:
        rows[0] = replace(rows[0], outcome=rows[0].outcome | {"score": 9.0})

    rewrite(warehouse, improve)
    database, study = audit(warehouse).faults
    assert database.startswith(f"Line 1 of the ledger, trial 0 of {STUDY}: its score is 9.0")
    assert study == f"Line 1 of the ledger, trial 0 of {STUDY}: it is ('COMPLETE', 9.0), " + (
        "its study has ('COMPLETE', 0.0)."
    )


def test_a_trial_that_was_deleted_from_file_and_copy_is_missed(warehouse: Warehouse) -> None:
    rewrite(warehouse, lambda rows: rows.pop(1) and None)
    execute(warehouse, "DELETE FROM trials WHERE number = 1")
    assert audit(warehouse).faults == (
        f"Trial 1 of {STUDY} is in its study, but in no line of the ledger.",
        f"Trial 1 of {STUDY} is in a folder, but in no line of the ledger.",
    )


def test_a_trial_that_never_was_is_found(warehouse: Warehouse) -> None:
    rewrite(warehouse, lambda rows: rows.append(replace(rows[2], number=7)))
    database, study = audit(warehouse).faults
    assert (
        database == f"Line 6 of the ledger, trial 7 of {STUDY}, is not among the database's trials."
    )
    assert "its study has None" in study


def test_an_edited_row_of_the_database_is_found(warehouse: Warehouse) -> None:
    execute(warehouse, "UPDATE trials SET score = 5 WHERE number = 3")
    (found,) = audit(warehouse).faults
    assert found.endswith("its score is 0.75, the database's 5.0.")
    assert found.startswith("Line 4 ")


def test_a_trial_that_only_the_database_has_is_found(warehouse: Warehouse) -> None:
    execute(warehouse, "UPDATE trials SET number = 8 WHERE number = 2")
    missing, gone = audit(warehouse).faults
    assert missing == f"Trial 8 of {STUDY} is in the database, but in no line of the ledger."
    assert gone.startswith("Line 3 of the ledger, trial 2")


@pytest.mark.parametrize(("line", "number", "name"), [(1, 0, "trial.json"), (2, 1, "pruned.json")])
def test_changed_evidence_is_found(warehouse: Warehouse, line: int, number: int, name: str) -> None:
    file = warehouse.layout.trial(STUDY, number) / name
    file.write_bytes(file.read_bytes() + b" ")
    (found,) = audit(warehouse).faults
    assert (
        found == f"Line {line} of the ledger, trial {number} of {STUDY}: {file} is not what it was."
    )
    file.unlink()
    (found,) = audit(warehouse).faults
    assert found.endswith(f"{file} is not there.")


def test_what_ended_since_the_last_collection_waits_while_a_campaign_goes_on(
    warehouse: Warehouse,
) -> None:
    tell_studies(warehouse.layout, ("COMPLETE", "FAIL"))
    leave_folder(warehouse.layout, 4, "COMPLETE")
    finished = audit(warehouse)
    assert [fault.partition(" is in")[0] for fault in finished.faults] == [
        f"Trial 4 of {STUDY}",
        f"Trial 5 of {STUDY}",
        f"Trial 4 of {STUDY}",
    ]
    execute(warehouse, "UPDATE campaigns SET completed_at = NULL")
    going_on = audit(warehouse)
    assert (going_on.faults, going_on.n_waiting) == ((), 2)


def test_one_campaign_is_not_blamed_for_another(warehouse: Warehouse) -> None:
    warehouse.layout.trial(STUDY, 0).joinpath("trial.json").unlink()
    assert audit_ledger(warehouse, "c").faults
    assert audit_ledger(warehouse, "other").faults == ()
    warehouse.layout.ledger.write_bytes(b"")
    assert audit_ledger(warehouse, "other").faults  # the chain is everybody's
