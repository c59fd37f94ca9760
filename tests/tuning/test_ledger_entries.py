"""What the ledger says of a trial."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.storage.files import sha256_of_file, write_json, write_parquet
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_files import TrialRows
from cappuccino_assets.tuning.ledger_entries import OUTCOME, ledger_rows
from cappuccino_assets.types import Json

STUDY = "c/phase2_ppo"
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> WarehouseLayout:
    return WarehouseLayout(root=tmp_path)


def trial(number: int, state: str, **columns: object) -> Json:
    about = {"campaign": "c", "phase": 2, "algorithm": "ppo", "timeframe": "7d", "interval": "1h"}
    return {"study_name": STUDY, "number": number, "state": state, **about, **columns}


def rows_of(*trials: Json) -> TrialRows:
    params = [
        {"study_name": STUDY, "number": row["number"], "parameter": name, "value": value}
        for row in trials
        for name, value in (("batch_size", "2048"), ("lr_schedule", '"linear"'))
    ]
    return TrialRows(trials=list(trials), params=params, splits=[])


def leave_returns(layout: WarehouseLayout, bot: list[list[float]], hodl: list[float]) -> Path:
    """Returns of trial 0: a row of bars per split."""
    n_splits, n_bars = np.shape(bot)
    times = [BEGINNING + i * timedelta(hours=1) for i in range(n_bars)]
    frame = pl.DataFrame(
        {
            "split": np.repeat(np.arange(n_splits), n_bars),
            "open_time": times * n_splits,
            "bot_return": np.ravel(bot),
            "hodl_return": hodl * n_splits,
        }
    )
    folder = layout.trial(STUDY, 0)
    write_json(folder / "trial.json", {})
    write_parquet(folder / "returns.parquet", frame)
    return folder


def test_a_complete_trial_is_told_with_its_parameters_and_the_digests_of_its_evidence(
    layout: WarehouseLayout,
) -> None:
    folder = leave_returns(layout, [[0.03, 0.0], [0.01, 0.02]], [0.01, 0.02])
    (row,) = ledger_rows(rows_of(trial(0, "COMPLETE", score=0.25)), layout)
    assert row.identity == (STUDY, 0, "trial", "")
    assert row.campaign == "c"
    assert set(row.outcome) == {*OUTCOME, "params", "files", "sharpe_excess"}
    assert (row.outcome["state"], row.outcome["score"]) == ("COMPLETE", 0.25)
    assert row.outcome["params"] == {"batch_size": 2048, "lr_schedule": "linear"}
    assert row.outcome["files"] == {
        name: sha256_of_file(folder / name) for name in ("trial.json", "returns.parquet")
    }


def test_the_excess_sharpe_ratio_is_of_each_bars_mean_over_its_paths(
    layout: WarehouseLayout,
) -> None:
    leave_returns(layout, [[0.03, 0.0], [0.01, 0.02]], [0.01, 0.02])
    (row,) = ledger_rows(rows_of(trial(0, "COMPLETE")), layout)
    # means over the splits 0.02 and 0.01; excess 0.01 and -0.01
    assert row.outcome["sharpe_excess"] == pytest.approx(0.0, abs=1e-12)
    leave_returns(layout, [[0.05, 0.02], [0.03, 0.02]], [0.01, 0.01])
    (row,) = ledger_rows(rows_of(trial(0, "COMPLETE")), layout)
    # excess 0.03 and 0.01: mean 0.02, standard deviation 0.01 x sqrt(2); 8,760 bars a year
    assert row.outcome["sharpe_excess"] == pytest.approx(np.sqrt(2) * np.sqrt(8760))


def test_a_trial_that_held_what_holding_holds_has_no_excess(layout: WarehouseLayout) -> None:
    leave_returns(layout, [[0.01, 0.02], [0.01, 0.02]], [0.01, 0.02])
    (row,) = ledger_rows(rows_of(trial(0, "COMPLETE")), layout)
    assert row.outcome["sharpe_excess"] == 0.0


def test_returns_that_have_no_sharpe_ratio_are_refused(layout: WarehouseLayout) -> None:
    folder = leave_returns(layout, [[0.5, 0.5]], [0.25, 0.25])
    with pytest.raises(IntegrityError, match=rf"{folder}.*all are 0\.25"):
        ledger_rows(rows_of(trial(0, "COMPLETE")), layout)


def test_a_pruned_trial_is_told_with_the_digest_of_its_record(layout: WarehouseLayout) -> None:
    file = layout.trial(STUDY, 1) / "pruned.json"
    write_json(file, {})
    (row,) = ledger_rows(rows_of(trial(1, "PRUNED", n_steps=256)), layout)
    assert row.outcome["files"] == {"pruned.json": sha256_of_file(file)}
    assert (row.outcome["n_steps"], row.outcome["score"]) == (256, None)


def test_a_failed_trial_left_nothing_and_is_told_all_the_same(layout: WarehouseLayout) -> None:
    rows = ledger_rows(rows_of(trial(3, "FAIL"), trial(2, "FAIL")), layout)
    assert [(row.number, row.outcome["files"]) for row in rows] == [(3, {}), (2, {})]
    assert rows[0].outcome["params"]["batch_size"] == 2048


def test_the_ledger_says_which_trials_were_advised(layout: WarehouseLayout) -> None:
    advice = {"round": 1, "place": 2, "reason": "It is the centre."}
    rows = rows_of(trial(0, "FAIL"), trial(1, "FAIL"))
    rows.advice[STUDY, 1] = advice
    own, advised = ledger_rows(rows, layout)
    assert "advice" not in own.outcome
    assert advised.outcome["advice"] == advice
