"""The per-bar returns of a study: bars x trials, from what each trial left behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from cappuccino_assets.types import FloatArray, IntArray

_RETURNS = ("bot_return", "hodl_return")
_MAX_NAMED = 5

TrialFiles = Mapping[int, Path] | Mapping[str, Path]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReturnMatrix:
    """What each trial of a study did in each bar that all of them were tested on.

    Attributes:
        trials: Number or name of each trial, ascending, N of them.
        open_time: Open of each bar, UTC epoch seconds, shape (T,), ascending.
        bot_returns: Simple return of the agent's equity, the mean over the bar's tests, (T, N).
        hodl_returns: That of equal-weight buy and hold. Trials may differ: they begin their blocks
            at different bars, and pay different fees.
        n_left_out: Bars that only some trials were tested on.
    """

    trials: tuple[int | str, ...]
    open_time: IntArray
    bot_returns: FloatArray
    hodl_returns: FloatArray
    n_left_out: int

    @property
    def excess_returns(self) -> FloatArray:
        """Return above that of buy and hold, shape (T, N)."""
        return self.bot_returns - self.hodl_returns


def bar_returns(frame: pl.DataFrame) -> pl.DataFrame:
    """Average each bar's returns over the splits that tested it, which is over its paths.

    Args:
        frame: One row per split and bar: split, open_time, bot_return, hodl_return.

    Returns:
        One row per bar, ascending: open_time, bot_return, hodl_return.

    Raises:
        ValueError: If a value is missing, a return is not finite or below -1, a split tests a bar
            twice, or some bars are tested more often than others.
    """
    _require_returns(frame)
    bars = (
        frame.group_by("open_time")
        .agg(
            pl.len().alias("n_tests"),
            pl.n_unique("split").alias("n_splits"),
            *map(pl.mean, _RETURNS),
        )
        .sort("open_time")
    )
    if (twice := bars.filter(pl.col("n_tests") != pl.col("n_splits"))).height:
        raise ValueError(f"A split tests a bar once, but got {twice['open_time'][0]} twice.")
    if (counts := bars["n_tests"].unique().sort().to_list())[1:]:
        raise ValueError(f"Every bar must be tested equally often, but some are {counts} times.")
    return bars.select("open_time", *_RETURNS)


def study_returns(files: TrialFiles, *, max_left_out: int = 0) -> ReturnMatrix:
    """Gather the trials of a study, one file in memory at a time.

    A trial that looks back further begins later in each segment, so it lacks the bars of its
    lookback at a segment's start. Such bars are left out for all trials, as long as there are no
    more than the caller allows for.

    Args:
        files: The returns.parquet of each trial, by its number, or by a name where trials of
            several studies are compared.
        max_left_out: Bars that some trial may lack; with lookbacks of L bars at most, L - 1 per
            segment of the history.

    Returns:
        All trials, ascending by number.

    Raises:
        ValueError: If there is no trial, trials lack more bars than that (they are named), or a
            trial's returns are refused (`bar_returns`).
    """
    if not files:
        raise ValueError("A matrix of returns needs at least one trial.")
    ordered: list[tuple[int | str, Path]] = sorted(files.items())
    common, n_left_out = _common_bars(ordered, max_left_out)
    returns = np.empty((len(_RETURNS), common.height, len(ordered)))
    for column, (trial, file) in enumerate(ordered):
        bars = _trial_bars(trial, file).join(common, on="open_time", how="semi")
        returns[..., column] = bars.select(_RETURNS).to_numpy().T
    return ReturnMatrix(
        trials=tuple(trial for trial, _ in ordered),
        open_time=common["open_time"].dt.epoch("s").to_numpy(),
        bot_returns=returns[0],
        hodl_returns=returns[1],
        n_left_out=n_left_out,
    )


def _common_bars(
    files: Sequence[tuple[int | str, Path]], max_left_out: int
) -> tuple[pl.DataFrame, int]:
    """Bars that every trial has, and how many more only some have."""
    times = {trial: _open_times(file) for trial, file in files}
    counts = pl.concat(list(times.values())).group_by("open_time").len("n_trials")
    common = counts.filter(pl.col("n_trials") == len(files)).select("open_time").sort("open_time")
    n_left_out = counts.height - common.height
    if n_left_out > max_left_out:
        missing = {t: counts.height - each.height for t, each in times.items()}
        raise ValueError(
            f"Trials share all but {max_left_out} bars, but of {counts.height} bars "
            f"{_named({t: n for t, n in missing.items() if n})}."
        )
    if common.is_empty():
        raise ValueError("Trials need a bar that all were tested on, but there is none.")
    return common, n_left_out


def _open_times(file: Path) -> pl.DataFrame:
    return pl.scan_parquet(file).select(pl.col("open_time").unique()).collect()


def _named(missing: Mapping[int | str, int]) -> str:
    named = [f"trial {trial} lacks {n}" for trial, n in list(missing.items())[:_MAX_NAMED]]
    n_more = len(missing) - len(named)
    return ", ".join(named) + (f" and {n_more} more trials lack some" if n_more else "")


def _trial_bars(trial: int | str, file: Path) -> pl.DataFrame:
    try:
        return bar_returns(pl.read_parquet(file, columns=["split", "open_time", *_RETURNS]))
    except ValueError as error:
        raise ValueError(f"Trial {trial}: {error}") from error


def _require_returns(frame: pl.DataFrame) -> None:
    if frame.is_empty():
        raise ValueError("There must be returns, but there is no row.")
    if any(frame.select(pl.all().null_count()).row(0)):
        raise ValueError("No value may be missing, but some are null.")
    sound = [pl.col(name).is_finite() & (pl.col(name) >= -1.0) for name in _RETURNS]
    if not frame.select(pl.all_horizontal(sound).all()).item():
        raise ValueError("Simple returns must be finite and at least -1.")
