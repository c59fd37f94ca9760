from itertools import combinations
from math import inf, nan
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cappuccino_assets.evaluation.backtest import BlockResult
from cappuccino_assets.evaluation.cpcv import Split
from cappuccino_assets.evaluation.paths import backtest_paths
from cappuccino_assets.evaluation.return_matrix import bar_returns, study_returns
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.tuning.judgement import returns_frame

HOUR = 3600


def frame(rows: list[tuple[int, int, float, float]]) -> pl.DataFrame:
    """Rows of split, hour, bot_return and hodl_return."""
    columns = ["split", "open_time", "bot_return", "hodl_return"]
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        pl.from_epoch(pl.col("open_time") * HOUR, "s").dt.replace_time_zone("UTC")
    )


def write(folder: Path, trial: int, rows: list[tuple[int, int, float, float]]) -> Path:
    path = folder / f"{trial}.parquet"
    frame(rows).write_parquet(path)
    return path


def two_tests(hours: range, *, bot: float = 0.1) -> list[tuple[int, int, float, float]]:
    return [(split, hour, bot * (split + 1), 0.01) for split in (0, 1) for hour in hours]


def test_a_bars_return_is_the_mean_over_the_splits_that_test_it() -> None:
    bars = bar_returns(
        frame([(0, 2, 0.1, 0.02), (0, 1, 0.3, 0.0), (1, 1, -0.1, 0.0), (1, 2, 0.4, 0.04)])
    )

    assert bars["open_time"].dt.epoch("s").to_list() == [HOUR, 2 * HOUR]
    assert bars["bot_return"].to_list() == pytest.approx([0.1, 0.25])
    assert bars["hodl_return"].to_list() == pytest.approx([0.0, 0.03])


def test_trials_are_columns_and_bars_are_rows(tmp_path: Path) -> None:
    files = {
        7: write(tmp_path, 7, two_tests(range(3), bot=0.2)),
        3: write(tmp_path, 3, two_tests(range(3))),
    }

    found = study_returns(files)

    assert (found.trials, found.n_left_out) == ((3, 7), 0)
    assert found.open_time.tolist() == [0, HOUR, 2 * HOUR]
    np.testing.assert_allclose(found.bot_returns, [[0.15, 0.3]] * 3)
    np.testing.assert_allclose(found.hodl_returns, 0.01)
    np.testing.assert_allclose(found.excess_returns, [[0.14, 0.29]] * 3)


@st.composite
def cross_validations(draw: st.DrawFn) -> tuple[list[Split], list[list[BlockResult]]]:
    n_groups = draw(st.integers(2, 5))
    n_tested = draw(st.integers(1, n_groups - 1))
    sizes = draw(st.lists(st.integers(1, 4), min_size=n_groups, max_size=n_groups))
    edges = np.cumsum([0, *sizes]).tolist()
    random = np.random.default_rng(draw(st.integers(0, 99)))
    splits, results = [], []
    for number, tested in enumerate(combinations(range(n_groups), n_tested)):
        blocks = tuple(
            (group, Block(start=edges[group], stop=edges[group + 1])) for group in tested
        )
        splits.append(Split(number=number, test_groups=tested, test_blocks=blocks, train_blocks=()))
        results.append([block_result(group, block, random) for group, block in blocks])
    return splits, results


def block_result(group: int, block: Block, random: np.random.Generator) -> BlockResult:
    bot, hodl = random.normal(0.0, 0.05, (2, block.n_bars))
    return BlockResult(
        group=group,
        open_time=np.arange(block.start, block.stop) * HOUR,
        bot_returns=bot,
        hodl_returns=hodl,
        n_trades=1,
        fees_usd=0.0,
        turnover=0.0,
        exposure=0.0,
    )


@given(cross_validations())
def test_a_bars_return_is_the_mean_over_its_paths(
    drawn: tuple[list[Split], list[list[BlockResult]]],
) -> None:
    splits, results = drawn

    bars = bar_returns(returns_frame(splits, results))

    paths = backtest_paths(results)
    assert bars["open_time"].dt.epoch("s").to_list() == paths[0].open_time.tolist()
    for column, name in (("bot_return", "bot_returns"), ("hodl_return", "hodl_returns")):
        mean = np.mean([getattr(path, name) for path in paths], axis=0)
        np.testing.assert_allclose(bars[column].to_numpy(), mean, rtol=1e-12, atol=1e-15)


def test_trials_that_lack_bars_are_named(tmp_path: Path) -> None:
    files = {
        0: write(tmp_path, 0, two_tests(range(5))),
        4: write(tmp_path, 4, two_tests(range(2, 5))),
        9: write(tmp_path, 9, two_tests(range(1, 5))),
    }

    with pytest.raises(ValueError, match=r"of 5 bars trial 4 lacks 2, trial 9 lacks 1\."):
        study_returns(files)
    with pytest.raises(ValueError, match="Trials share all but 1 bars"):
        study_returns(files, max_left_out=1)


def test_many_trials_that_lack_bars_are_counted(tmp_path: Path) -> None:
    files = {trial: write(tmp_path, trial, two_tests(range(trial, 9))) for trial in range(8)}

    with pytest.raises(ValueError, match=r"trial 5 lacks 5 and 2 more trials lack some\."):
        study_returns(files)


def test_bars_that_a_longer_lookback_lacks_are_left_out_for_all(tmp_path: Path) -> None:
    files = {
        0: write(tmp_path, 0, two_tests(range(5))),
        4: write(tmp_path, 4, two_tests(range(2, 5))),
    }

    found = study_returns(files, max_left_out=2)

    assert found.n_left_out == 2
    assert found.open_time.tolist() == [2 * HOUR, 3 * HOUR, 4 * HOUR]
    assert found.bot_returns.shape == (3, 2)


def test_trials_of_different_times_have_no_matrix(tmp_path: Path) -> None:
    files = {
        0: write(tmp_path, 0, two_tests(range(2))),
        1: write(tmp_path, 1, two_tests(range(2, 4))),
    }

    with pytest.raises(ValueError, match="there is none"):
        study_returns(files, max_left_out=99)
    with pytest.raises(ValueError, match="at least one trial"):
        study_returns({})


@pytest.mark.parametrize("bad", [nan, inf, -1.01])
@pytest.mark.parametrize("column", [2, 3])
def test_incident_07_a_return_that_is_none_is_refused(
    bad: float, column: int, tmp_path: Path
) -> None:
    rows = two_tests(range(3))
    rows[1] = tuple(bad if i == column else value for i, value in enumerate(rows[1]))  # type: ignore[assignment]

    with pytest.raises(ValueError, match=r"Trial 6: .* finite and at least -1"):
        study_returns({6: write(tmp_path, 6, rows)})


def test_incident_07_a_missing_return_is_refused() -> None:
    whole = frame(two_tests(range(3)))
    holed = whole.with_columns(bot_return=pl.when(pl.col("split") == 0).then(pl.col("bot_return")))

    with pytest.raises(ValueError, match="No value may be missing"):
        bar_returns(holed)
    with pytest.raises(ValueError, match="no row"):
        bar_returns(whole.clear())


def test_bars_are_tested_equally_often_and_once_a_split() -> None:
    rows = two_tests(range(3))

    with pytest.raises(ValueError, match=r"equally often, but some are \[1, 2\] times"):
        bar_returns(frame(rows[:-1]))
    with pytest.raises(ValueError, match="once, but got 1970-01-01 02:00:00"):
        bar_returns(frame([*rows[:-1], (0, 2, 0.1, 0.1)]))
