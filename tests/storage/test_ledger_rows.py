"""What a row of the trial ledger may say."""

from typing import Any

import pytest

from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow

ROW: dict[str, Any] = {
    "kind": LedgerKind.TRIAL,
    "campaign": "c",
    "study_name": "c/phase2_ppo",
    "number": 3,
    "outcome": {"state": "FAIL"},
}


def test_a_row_reads_back_from_its_json() -> None:
    row = LedgerRow(**ROW)
    assert LedgerRow.from_json(row.to_json()) == row


def test_a_number_alone_is_no_identity() -> None:
    row = LedgerRow(**ROW)
    others = [
        LedgerRow(**ROW | {"study_name": "c/phase2_ddqn"}),
        LedgerRow(**ROW | {"number": 4}),
        LedgerRow(**ROW | {"kind": LedgerKind.RETRAIN, "key": "seed 1"}),
        LedgerRow(**ROW | {"kind": LedgerKind.RETRAIN, "key": "seed 2"}),
    ]
    assert len({row.identity, *(other.identity for other in others)}) == 5


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"kind": "tribal"}, "A row is one of"),
        ({"campaign": ""}, "names its campaign"),
        ({"study_name": ""}, "its study"),
        ({"study_name": "c/../archive"}, "its study"),
        ({"number": -1}, "numbered from 0"),
        ({"number": True}, "numbered from 0"),
        ({"key": "seed 1"}, "has a key"),
        ({"kind": LedgerKind.RETRAIN}, "has a key"),
        ({"outcome": {"state": "RUNNING"}}, "RUNNING"),
        ({"outcome": {}}, "None"),
        ({"outcome": {"state": "FAIL", "score": float("nan")}}, "JSON compliant"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused(fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        LedgerRow(**ROW | fields)
