"""`cappuccino ledger`: what was tried, and whether the record of it is whole."""

import json

import pytest

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_chain import head
from cappuccino_assets.storage.ledger_rows import LedgerKind
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from tests.storage.ledgers import other_row


@pytest.fixture
def ledger(tmp_path):
    """Two decisions, which nothing else has to tell of."""
    ledger = TrialLedger(Warehouse(WarehouseLayout(root=tmp_path / "warehouse")))
    ledger.append([other_row(LedgerKind.GATE_DECISION, key, passed=False) for key in "ab"])
    return ledger


@pytest.fixture
def file(tmp_path):
    return WarehouseLayout(root=tmp_path / "warehouse").ledger


def test_a_whole_ledger_is_exit_code_0(cappuccino, ledger, file):
    code, out, _ = cappuccino("ledger", "verify", "--json")
    assert code == 0
    assert json.loads(out) == {
        "ledger": str(file),
        "whole": True,
        "n_rows": 2,
        "head": head(ledger.copied_lines()),
        "n_waiting": 0,
        "faults": [],
    }
    code, out, _ = cappuccino("ledger", "verify")
    assert code == 0
    assert "The ledger is whole: 2 lines" in out


def test_an_edited_ledger_is_exit_code_1_and_its_line_is_named(cappuccino, ledger, file):
    file.write_text(file.read_text().replace('"key":"b"', '"key":"c"'))
    code, out, _ = cappuccino("ledger", "verify", "--json")
    answer = json.loads(out)
    assert (code, answer["whole"]) == (1, False)
    assert answer["faults"][0].startswith("Line 2 of the ledger was edited")
    code, out, _ = cappuccino("ledger", "verify")
    assert code == 1
    assert "FAULT Line 2 of the ledger was edited" in out
    assert "1 fault; 2 lines" in out


def test_no_ledger_is_one_message_that_says_what_to_do(cappuccino, tmp_path):
    code, out, err = cappuccino("ledger", "verify")
    assert (code, out) == (1, "")
    assert "`cappuccino run` begins one" in err
    assert not (tmp_path / "warehouse").exists()


def test_what_the_ledger_holds_is_counted(cappuccino, ledger):
    code, out, _ = cappuccino("ledger", "show", "--json")
    assert code == 0
    (row,) = json.loads(out)["rows"]
    assert (row["campaign"], row["study_name"]) == ("c", "c/phase2_ppo")
    assert (row["kind"], row["state"], row["n_rows"]) == ("gate_decision", None, 2)
    code, out, _ = cappuccino("ledger", "show", "--campaign", "other", "--json")
    assert json.loads(out) == {"rows": []}
    _, out, _ = cappuccino("ledger", "show")
    assert "gate_decision" in out
