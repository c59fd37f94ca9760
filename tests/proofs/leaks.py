"""Pipelines that know the future, each by a stage of its own that looks some bars ahead."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import numpy as np
import polars as pl

from cappuccino_assets.evaluation.backtest import backtest
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.blocks import Block, segment_blocks
from cappuccino_assets.features.indicators import INDICATOR_NAMES
from cappuccino_assets.features.rolling import ROLLING_NAMES
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.resampling import resample
from cappuccino_assets.proofs.pipeline import (
    Pipeline,
    enhanced_features,
    observations,
    training_starts,
)
from cappuccino_assets.proofs.settings import Part
from cappuccino_assets.training.market_task import MarketTask
from cappuccino_assets.tuning.outcome import training_scaler
from tests.proofs.leaky_environments import (
    FillsElsewhere,
    MarksAhead,
    OrdersKnowACloseAhead,
    PaidForAnotherBar,
    SeesPricesAhead,
)

LAGS = (1, 2, 3, 6, 12, 24, 48)
PURGED_BEYOND_MEMORY = 4 + 6  # by the lookback, and by a day's embargo of 4h bars
PRICES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A pipeline with one leak.

    Attributes:
        stage: Where it is.
        what: In words.
        lag: How many bars it looks ahead.
        part: Part of the proof that must catch it.
        pipeline: The stages, one of which leaks.
    """

    stage: str
    what: str
    lag: int
    part: Part
    pipeline: Pipeline

    @property
    def name(self) -> str:
        return f"{self.stage}: {self.what}, {self.lag}"


def ahead(values: np.ndarray, lag: int) -> np.ndarray:
    """Each row becomes the one some rows later; the last rows, which know none, stay."""
    shifted = values.copy()
    shifted[:-lag] = values[lag:]
    return shifted


# Bars -----------------------------------------------------------------------------------------


def _bars_ahead(bars, interval, *, lag):
    """Fine bars take the values of later ones before they are joined."""
    later = [pl.coalesce(pl.col(name).shift(-lag).over("symbol"), name) for name in PRICES]
    return resample(replace(bars, frame=bars.frame.with_columns(later)), interval)


def _close_ahead(bars, interval, *, lag):
    """Only the close is a later one; high and low make room for it."""
    close = pl.coalesce(pl.col("close").shift(-lag).over("symbol"), "close")
    high = pl.max_horizontal("high", close).alias("high")
    low = pl.min_horizontal("low", close).alias("low")
    return resample(replace(bars, frame=bars.frame.with_columns(high, low, close)), interval)


def _in_progress(bars, interval):
    """The last coarse bar is handed out before it has closed."""
    length = timedelta(seconds=interval.seconds)
    last = bars.end.timestamp() // interval.seconds * interval.seconds
    frame = bars.frame
    now = frame.filter(pl.col("timestamp").dt.epoch("s") >= int(last))
    beyond = now.group_by("symbol", maintain_order=True).last()
    later = beyond.with_columns(pl.col("timestamp") + length).select(frame.columns)
    padded = pl.concat([frame, later])
    return resample(
        Bars.from_frame(
            padded.sort("symbol", "timestamp"), interval=bars.interval, symbols=bars.symbols
        ),
        interval,
    )


# Grid -----------------------------------------------------------------------------------------


def _grid_ahead(bars, *, names, lag):
    grid = grid_from_bars(bars)
    return replace(grid, **{name: ahead(getattr(grid, name), lag) for name in names})


def _filled_backward(bars):
    """A gap is filled with the close that follows it."""
    grid = grid_from_bars(bars)
    rows = np.arange(grid.n_bars)[:, None]
    following = np.where(grid.observed, rows, grid.n_bars - 1)
    following = np.minimum.accumulate(following[::-1])[::-1]
    return replace(grid, close=np.take_along_axis(grid.close, following, axis=0))


# Features -------------------------------------------------------------------------------------


def _features_ahead(grid, layout, *, name, lag):
    arrays = enhanced_features(grid, layout)
    features = arrays.features.copy()
    for i, column in enumerate(arrays.contract.columns):
        if column.endswith(f".{name}"):
            for block in segment_blocks(arrays.segment):
                if block.n_bars > lag:
                    features[block.rows, i] = ahead(features[block.rows, i], lag)
    return replace(arrays, features=features)


def _a_trace_of_the_future(grid, layout, *, lag):
    """One column is a thousandth part a later one."""
    arrays = enhanced_features(grid, layout)
    features = arrays.features.copy()
    features[:, 0] += np.float32(1e-3) * ahead(features[:, 0], lag)
    return replace(arrays, features=features)


def _remembers_longer(grid, layout, *, lag):
    """One column is a thousandth part an older one, beyond all that is purged."""
    arrays = enhanced_features(grid, layout)
    age = arrays.contract.memory_bars + PURGED_BEYOND_MEMORY + lag
    features = arrays.features.copy()
    features[age:, 0] += np.float32(1e-3) * arrays.features[:-age, 0]
    return replace(arrays, features=features)


def _centred_mean(grid, layout, *, lag):
    """A window that reaches as far ahead as behind."""
    arrays = enhanced_features(grid, layout)
    column = pl.Series(arrays.features[:, 4].astype(np.float64))
    mean = column.rolling_mean(2 * lag + 1, center=True, min_samples=1).to_numpy()
    features = arrays.features.copy()
    features[:, 4] = mean.astype(np.float32)
    return replace(arrays, features=features)


def _standardised_at_once(grid, layout):
    """Features are standardised over the whole history."""
    arrays = enhanced_features(grid, layout)
    usable = arrays.features[arrays.segment >= 0]
    features = (arrays.features - usable.mean(axis=0)) / usable.std(axis=0)
    return replace(arrays, features=features.astype(np.float32))


def _observed_ahead(grid, layout, *, lag):
    arrays = enhanced_features(grid, layout)
    return replace(arrays, observed=ahead(arrays.observed, lag))


# Scaler ---------------------------------------------------------------------------------------


def _scaler_beyond(arrays, blocks, *, before, after):
    reaching = [
        Block(start=max(0, each.start - before), stop=min(arrays.n_bars, each.stop + after))
        for each in blocks
    ]
    return training_scaler(arrays, reaching)


def _scaler_of_everything(arrays, blocks):
    return training_scaler(arrays, segment_blocks(arrays.segment))


# Observation ----------------------------------------------------------------------------------


def _observes_ahead(market, scaler, lookback, *, lag):
    observe = observations(market, scaler, lookback)
    return lambda bar, account: observe((bar + lag).clamp(max=market.n_bars - 1), account)


def _one_column_ahead(market, scaler, lookback, *, lag):
    features = market.features.clone()
    features[:-lag, 8] = market.features[lag:, 8]  # RSI
    return observations(replace(market, features=features), scaler, lookback)


class _TaskAhead(MarketTask):
    lag = last_row = 0

    def observe(self, state):
        later = state.clone()
        later[..., 0] = (later[..., 0] + self.lag).clamp(max=self.last_row)
        return super().observe(later)


def _task_ahead(environment, observe, starts, random, cycle_bars, *, lag):
    task = _TaskAhead(environment, observe, starts, random, cycle_bars=cycle_bars)
    task.lag, task.last_row = lag, int(starts.stop.max()) - 1
    return task


# Evaluation -----------------------------------------------------------------------------------


def _asks_ahead(arrays, actor, *, market, rules, blocks, lookback, lag):
    """The actor is asked about a bar that is yet to come."""

    class AskedAhead:
        n_members = actor.n_members

        def act(self, bar, account):
            return actor.act((bar + lag).clamp(max=market.n_bars - 1), account)

    return backtest(
        arrays, AskedAhead(), market=market, rules=rules, blocks=blocks, lookback=lookback
    )


def _benchmark_ahead(arrays, actor, *, market, rules, blocks, lookback, lag):
    results = backtest(arrays, actor, market=market, rules=rules, blocks=blocks, lookback=lookback)
    return [
        [
            replace(each, hodl_returns=ahead(each.hodl_returns, lag)) if each.n_bars > lag else each
            for each in member
        ]
        for member in results
    ]


# Splits and hold-out --------------------------------------------------------------------------


def _split(plan, search, lookback, *, purged_less=0, embargoed_less=0):
    splits = plan.splits(memory_bars=search.contract.memory_bars, lookback=lookback)
    less = replace(
        splits,
        purge_bars=splits.purge_bars - purged_less,
        embargo_bars=max(0, splits.embargo_bars - embargoed_less),
    )
    return less.split(search.segment)


def _trains_into_the_test(plan, search, lookback, *, lag):
    def longer(block):
        stop = min(search.n_bars, block.stop + lag)
        return Block(start=block.start, stop=stop)

    return [
        replace(split, train_blocks=tuple(map(longer, split.train_blocks)))
        for split in _split(plan, search, lookback)
    ]


def _episodes_beyond(blocks, arrays, lookback, *, lag):
    table = training_starts(blocks, arrays, lookback)
    table.stop = (table.stop + lag).clamp(max=arrays.n_bars)
    return table


def _search_beyond(plan, arrays, *, lag):
    later = plan.holdout_from + timedelta(seconds=lag * plan.interval.seconds)
    return arrays.split_at(later)[0]


def _search_of_everything(_plan, arrays: FeatureArrays):
    return arrays


# All ------------------------------------------------------------------------------------------

Stages = Callable[[int], dict[str, object]]


def leaks(lags: tuple[int, ...] = LAGS) -> Iterator[Leak]:
    """Every leak at every lag, and those that have no lag as lag 0."""
    for (stage, what, part), stages in _LAGGED.items():
        for lag in lags:
            yield Leak(stage=stage, what=what, lag=lag, part=part, pipeline=Pipeline(**stages(lag)))
    for (stage, what, part), stages in _WHOLE.items():
        yield Leak(stage=stage, what=what, lag=0, part=part, pipeline=Pipeline(**stages))


def _feature(name: str) -> Stages:
    return lambda lag: {"features": partial(_features_ahead, name=name, lag=lag)}


def _environment(kind: type) -> Stages:
    return lambda lag: {"environment": partial(kind, lag=lag)}


_LAGGED: dict[tuple[str, str, Part], Stages] = {
    ("resampling", "all values", Part.BARS): lambda k: {"resample": partial(_bars_ahead, lag=k)},
    ("resampling", "close", Part.BARS): lambda k: {"resample": partial(_close_ahead, lag=k)},
    ("grid", "close", Part.GRID): lambda k: {"grid": partial(_grid_ahead, names=("close",), lag=k)},
    ("grid", "observed", Part.GRID): lambda k: {
        "grid": partial(_grid_ahead, names=("observed",), lag=k)
    },
    **{
        ("features", name, Part.FEATURES): _feature(name)
        for name in INDICATOR_NAMES + ROLLING_NAMES
    },
    ("features", "a thousandth of a column", Part.FEATURES): lambda k: {
        "features": partial(_a_trace_of_the_future, lag=k)
    },
    ("features", "centred window", Part.FEATURES): lambda k: {
        "features": partial(_centred_mean, lag=k)
    },
    ("features", "mask of what is observed", Part.FEATURES): lambda k: {
        "features": partial(_observed_ahead, lag=k)
    },
    ("scaler", "rows after its blocks", Part.SCALERS): lambda k: {
        "scaler": partial(_scaler_beyond, before=0, after=k)
    },
    ("scaler", "rows after training blocks", Part.SPLITS): lambda k: {
        "scaler": partial(_scaler_beyond, before=0, after=k)
    },
    ("scaler", "rows before training blocks", Part.SPLITS): lambda k: {
        "scaler": partial(_scaler_beyond, before=k, after=0)
    },
    ("observation", "market columns", Part.OBSERVATIONS): lambda k: {
        "observe": partial(_observes_ahead, lag=k)
    },
    ("observation", "one column", Part.OBSERVATIONS): lambda k: {
        "observe": partial(_one_column_ahead, lag=k)
    },
    ("observation", "account", Part.TRAINING): _environment(SeesPricesAhead),
    ("reward", "a later bar's", Part.TRAINING): _environment(PaidForAnotherBar),
    ("reward", "another bar's", Part.TIMING): _environment(PaidForAnotherBar),
    ("reward", "a bar known at the decision", Part.TIMING): lambda k: {
        "environment": partial(PaidForAnotherBar, lag=-k)
    },
    ("marks", "a later close", Part.TRAINING): _environment(MarksAhead),
    ("marks", "another close", Part.TIMING): _environment(MarksAhead),
    ("fills", "a later open", Part.TRAINING): _environment(FillsElsewhere),
    ("fills", "another open", Part.TIMING): _environment(FillsElsewhere),
    ("fills", "an open known at the decision", Part.TIMING): lambda k: {
        "environment": partial(FillsElsewhere, lag=-k)
    },
    ("orders", "a later close", Part.TIMING): _environment(OrdersKnowACloseAhead),
    ("observation", "what a training is shown", Part.TIMING): lambda k: {
        "task": partial(_task_ahead, lag=k)
    },
    ("evaluation", "decisions", Part.TIMING): lambda k: {"evaluate": partial(_asks_ahead, lag=k)},
    ("evaluation", "benchmark", Part.EVALUATION): lambda k: {
        "evaluate": partial(_benchmark_ahead, lag=k)
    },
    ("purge", "too short", Part.SPLITS): lambda k: {"splits": partial(_split, purged_less=k)},
    ("purge", "training reaches into the test", Part.SPLITS): lambda k: {
        "splits": partial(_trains_into_the_test, lag=k)
    },
    ("purge", "episodes reach into the test", Part.SPLITS): lambda k: {
        "starts": partial(_episodes_beyond, lag=k)
    },
    ("purge", "features remember longer", Part.SPLITS): lambda k: {
        "features": partial(_remembers_longer, lag=k)
    },
    ("embargo", "too short", Part.SPLITS): lambda k: {"splits": partial(_split, embargoed_less=k)},
    ("hold-out", "begins too late", Part.HOLDOUT): lambda k: {
        "search": partial(_search_beyond, lag=k)
    },
}
_WHOLE: dict[tuple[str, str, Part], dict[str, object]] = {
    ("resampling", "a bar in progress", Part.BARS): {"resample": _in_progress},
    ("grid", "gaps filled backward", Part.GRID): {"grid": _filled_backward},
    ("features", "standardised at once", Part.FEATURES): {"features": _standardised_at_once},
    ("scaler", "all rows", Part.SPLITS): {"scaler": _scaler_of_everything},
    ("scaler", "all rows", Part.SCALERS): {"scaler": _scaler_of_everything},
    ("hold-out", "not cut off", Part.HOLDOUT): {"search": _search_of_everything},
}
