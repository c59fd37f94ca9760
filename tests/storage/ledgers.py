"""Rows for ledgers of tests."""

from typing import Any

from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow


def trial_row(
    number: int, *, study_name: str = "c/phase2_ppo", state: str = "COMPLETE", **outcome: Any
) -> LedgerRow:
    """A trial; a complete one has results."""
    score = outcome.pop("score", 0.1 * number - 0.3)
    results = {"score": score, "sharpe_bot": score + 0.5, "sharpe_hodl": 0.5, "sharpe_excess": 0.7}
    return LedgerRow(
        kind=LedgerKind.TRIAL,
        campaign=study_name.partition("/")[0],
        study_name=study_name,
        number=number,
        outcome={"state": state, **(results if state == "COMPLETE" else {}), **outcome},
    )


def other_row(kind: LedgerKind, key: str, *, number: int = 0, **outcome: Any) -> LedgerRow:
    """What happened to a trial."""
    return LedgerRow(
        kind=kind,
        campaign="c",
        study_name="c/phase2_ppo",
        number=number,
        key=key,
        outcome=outcome,
    )
