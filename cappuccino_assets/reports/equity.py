"""Equity of a trial's back-test paths against buying and holding, as a small picture."""

import base64
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cappuccino_assets.types import FloatArray, IntArray

_N_POINTS: Final = 150  # of one line; keeps the picture near 20 KB
_N_SKETCH_POINTS: Final = 30
_SKETCH_WIDTH: Final = 300
_SKETCH_HEIGHT: Final = 80
_STYLE: Final[Any] = {"svg.fonttype": "none", "svg.hashsalt": "cappuccino", "path.simplify": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPath:
    """Growth of one unit of money over all test groups.

    Args:
        open_time: Bars, seconds since the UTC epoch, ascending, shape (T,).
        bot: Equity of the agent at each bar's close, shape (T,).
        hodl: Equity of equal-weight buy and hold, restarted with each group, shape (T,).
    """

    open_time: IntArray
    bot: FloatArray
    hodl: FloatArray


def equity_paths(returns: pl.DataFrame) -> list[EquityPath]:
    """Stitch the test results of a trial: each path takes one result per group.

    Args:
        returns: Columns split, group, open_time, bot_return and hodl_return (simple, per bar).

    Raises:
        ValueError: If there are no returns.
    """
    if returns.is_empty():
        raise ValueError("A trial without returns has no equity to show.")
    path = pl.col("split").rank("dense").over("group").alias("path")
    ordered = returns.with_columns(path).sort("path", "open_time")
    return [_path(frame) for _, frame in ordered.group_by("path", maintain_order=True)]


def equity_svg(paths: list[EquityPath], *, title: str) -> str:
    """Draw the paths: the agent's in colour, buy and hold in grey."""
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for number, path in enumerate(paths):
        shown = np.linspace(0, len(path.bot) - 1, min(_N_POINTS, len(path.bot))).astype(int)
        time = path.open_time[shown].astype("datetime64[s]")
        label = "agent, one line a path" if number == 0 else None
        axes.plot(time, path.bot[shown], color="#b5542b", alpha=0.8, linewidth=1.3, label=label)
    hodl_label = "equal-weight HODL"
    axes.plot(time, paths[-1].hodl[shown], color="#666666", linewidth=1.3, label=hodl_label)
    _finish(axes, title)
    with mpl.rc_context(_STYLE):
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue().decode()


def equity_sketch(paths: list[EquityPath]) -> str:
    """Draw the mean over the paths, and HODL, so small that the UI shows it without a click."""
    n_bars = min(len(path.bot) for path in paths)
    shown = np.linspace(0, n_bars - 1, min(_N_SKETCH_POINTS, n_bars)).astype(int)
    bot = np.mean([path.bot[shown] for path in paths], axis=0)
    hodl = paths[-1].hodl[shown]
    low, high = min(bot.min(), hodl.min()), max(bot.max(), hodl.max())

    def line(equity: FloatArray, color: str) -> str:
        x = np.linspace(0, _SKETCH_WIDTH, len(equity)).astype(int)
        y = (_SKETCH_HEIGHT * (high - equity) / max(high - low, 1e-9)).astype(int)
        points = " ".join(f"{a},{b}" for a, b in zip(x, y, strict=True))
        return f'<polyline fill="none" stroke="{color}" points="{points}"/>'

    size = f'width="{_SKETCH_WIDTH}" height="{_SKETCH_HEIGHT}"'
    lines = line(hodl, "gray") + line(bot, "#b54")
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{lines}</svg>'


def markdown_image(svg: str, *, text: str) -> str:
    """Embed a picture in Markdown, as a data URI."""
    return f"![{text}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _path(frame: pl.DataFrame) -> EquityPath:
    return EquityPath(
        open_time=frame["open_time"].dt.epoch("s").to_numpy(),
        bot=(1 + frame["bot_return"]).cum_prod().to_numpy(),
        hodl=(1 + frame["hodl_return"]).cum_prod().to_numpy(),
    )


def _finish(axes: Axes, title: str) -> None:
    axes.axhline(1.0, color="#cccccc", linewidth=0.8, zorder=0)
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_ylabel("equity, start = 1")
    axes.tick_params(axis="x", labelrotation=20, labelsize=8)
    axes.legend(fontsize=8, frameon=False, loc="best")
    axes.spines[["top", "right"]].set_visible(False)
