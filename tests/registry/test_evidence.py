"""What a whole search shows: over which bars, and by which count."""

import numpy as np
import polars as pl
import pytest

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.evaluation.sharpe_statistics import expected_max_sharpe_ratio
from cappuccino_assets.registry.evidence import campaign_evidence
from cappuccino_assets.storage.files import write_parquet
from cappuccino_assets.storage.trial_files import trial_rows
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.ledger_entries import ledger_rows
from tests.registry.trials import leave_trial

N_SEGMENTS, SEGMENT_BARS, GAP_BARS = 10, 60, 9


def returns_with_late_gaps(seed: int, *, n_lacking: int) -> pl.DataFrame:
    """Two splits of a group each; all gaps are in the second, and each costs a long lookback."""
    random = np.random.default_rng(seed)
    segments = [range(n * SEGMENT_BARS, (n + 1) * SEGMENT_BARS) for n in range(N_SEGMENTS)]
    rows = [
        (n // 5, bar + GAP_BARS * max(0, n - 4))
        for n, bars in enumerate(segments)
        for bar in (bars[n_lacking:] if n >= 5 else bars)
    ]
    groups, hours = np.array(rows).T
    return pl.DataFrame(
        {
            "split": groups.astype(np.int32),
            "group": groups.astype(np.int32),
            "open_time": pl.Series(hours * 3_600_000_000).cast(pl.Datetime("us", "UTC")),
            "bot_return": random.normal(0.0, 0.01, len(hours)),
            "hodl_return": random.normal(0.0, 0.01, len(hours)),
        }
    )


def search(warehouse: Warehouse, lacking: list[int]) -> None:
    """A search of as many trials, of which each lacks some bars after every gap."""
    layout = warehouse.layout
    records = [leave_trial(layout, number, 0.1 * number) for number in range(len(lacking))]
    for number, (record, n_lacking) in enumerate(zip(records, lacking, strict=True)):
        path = layout.trial(record["study_name"], number) / "returns.parquet"
        write_parquet(path, returns_with_late_gaps(number, n_lacking=n_lacking))
    rows = trial_rows(records, layout)
    TrialLedger(warehouse).append(ledger_rows(rows, layout), rows)


def test_bars_that_a_long_lookback_lacks_after_late_gaps_are_left_out(warehouse) -> None:
    search(warehouse, [0, 5, 2])

    found = campaign_evidence(warehouse, "c").overfitting

    assert found is not None
    assert found.n_compared == 3
    assert found.n_bars == N_SEGMENTS * SEGMENT_BARS - 5 * 5
    assert sum(times for _, times in found.logits) == 12_870


def test_trials_of_different_bars_are_refused(warehouse) -> None:
    search(warehouse, [0, 40])
    with pytest.raises(ValueError, match="trial 1 of c/phase2_ppo lacks 200"):
        campaign_evidence(warehouse, "c")


def test_the_best_is_expected_of_all_trials_in_the_ledger_by_luck(warehouse) -> None:
    search(warehouse, [0, 0, 0])

    found = campaign_evidence(warehouse, "c")

    assert found.luck_variance == pytest.approx(8760 / (N_SEGMENTS * SEGMENT_BARS - 1))
    luck = expected_max_sharpe_ratio(n_trials=3, variance=found.luck_variance)
    assert found.expected_best == luck


def test_a_search_without_a_complete_trial_shows_nothing(warehouse) -> None:
    search(warehouse, [0])
    with pytest.raises(IntegrityError, match="other is complete"):
        campaign_evidence(warehouse, "other")
