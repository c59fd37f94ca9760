"""Equity and drawdown of an agent and of what it must beat, over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cappuccino_assets.reports.axes import Axis, equity_axis, padded_axis
from cappuccino_assets.reports.markup import Element, element, joined
from cappuccino_assets.reports.svg import LEFT, RIGHT, Chart
from cappuccino_assets.types import FloatArray

_EQUITY_HEIGHT: Final = 330
_DRAWDOWN_HEIGHT: Final = 150
_ENLARGED_HEIGHT: Final = 190


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EquityLine:
    """How one unit of money grew.

    Attributes:
        name: Whose, for the legend.
        class_: How it is drawn.
        open_time: Open of each bar, seconds since the UTC epoch, shape (T,).
        equity: At each bar's close, shape (T,).
        has_drawdown: Whether its falls are drawn too.
    """

    name: str
    class_: str
    open_time: FloatArray
    equity: FloatArray
    has_drawdown: bool = False

    @property
    def drawdown(self) -> FloatArray:
        """Distance below the peak so far, in [-1, 0]; the beginning counts as a peak."""
        peak = np.maximum(np.maximum.accumulate(self.equity), 1.0)
        fall: FloatArray = self.equity / peak - 1.0
        return fall


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EquityBand:
    """The range that many agents' equity had.

    Attributes:
        name: Whose, for the legend.
        open_time: Open of each bar, seconds since the UTC epoch, shape (T,).
        low: Lower bound at each bar's close, shape (T,).
        middle: Median, shape (T,).
        high: Upper bound, shape (T,).
    """

    name: str
    open_time: FloatArray
    low: FloatArray
    middle: FloatArray
    high: FloatArray


def equity_figure(
    lines: Sequence[EquityLine], band: EquityBand | None = None, *, title: str
) -> Element:
    """Draw equity above drawdowns, on one scale of time, with a legend that tells the ends.

    Args:
        lines: From the back to the front.
        band: Behind all of them.
        title: What is shown.
    """
    return joined(
        [
            _legend(lines, band),
            _equity(lines, band, title),
            _drawdowns([line for line in lines if line.has_drawdown], _time_axis(lines)),
        ]
    )


def enlarged_figure(line: EquityLine, band: EquityBand, *, title: str) -> Element:
    """Draw one agent among those that traded at random, and nothing that moves far more."""
    values = np.concatenate([line.equity, band.low, band.high, [1.0]])
    low, high = float(values.min()), float(values.max())
    y = padded_axis(low, high, begins=_ENLARGED_HEIGHT - 30, ends=8)
    chart = Chart(x=_time_axis([line]), y=y, height=_ENLARGED_HEIGHT)
    _background(chart, band)
    chart.line(line.open_time, line.equity, class_=line.class_)
    return chart.drawn(title=title)


def _equity(lines: Sequence[EquityLine], band: EquityBand | None, title: str) -> Element:
    values = [line.equity for line in lines] + ([band.low, band.high] if band else [])
    low, high = min(each.min() for each in values), max(each.max() for each in values)
    y = equity_axis(min(float(low), 1.0), max(float(high), 1.0), begins=_EQUITY_HEIGHT - 30, ends=8)
    chart = Chart(x=_time_axis(lines), y=y, height=_EQUITY_HEIGHT)
    _background(chart, band)
    for line in lines:
        chart.line(line.open_time, line.equity, class_=line.class_)
    return chart.drawn(title=title)


def _background(chart: Chart, band: EquityBand | None) -> None:
    chart.y_ticks("{:g} x")
    chart.time_ticks()
    chart.across(1.0, class_="zero")
    if band:
        chart.band(band.open_time, band.low, band.high, class_="placebo")
        chart.line(band.open_time, band.middle, class_="placebo")


def _drawdowns(lines: Sequence[EquityLine], x: Axis) -> Element:
    lowest = min(float(line.drawdown.min()) for line in lines)
    y = Axis(low=min(1.05 * lowest, -0.01), high=0.0, begins=_DRAWDOWN_HEIGHT - 8, ends=10)
    chart = Chart(x=x, y=y, height=_DRAWDOWN_HEIGHT)
    chart.y_ticks("{:.0%}" if lowest < -0.04 else "{:.1%}", n=3)
    chart.time_ticks(written=False)
    for line in lines:
        chart.line(line.open_time, line.drawdown, class_=line.class_)
    chart.label(LEFT + 6, _DRAWDOWN_HEIGHT - 14, "drawdown: how far below the peak so far")
    return chart.drawn(title="Drawdowns, as fractions of the peak")


def _time_axis(lines: Sequence[EquityLine]) -> Axis:
    first = min(int(line.open_time[0]) for line in lines)
    last = max(int(line.open_time[-1]) for line in lines)
    return Axis(low=first, high=last, begins=LEFT, ends=RIGHT)


def _legend(lines: Sequence[EquityLine], band: EquityBand | None) -> Element:
    entries = [_entry(line.name, line.class_, float(line.equity[-1])) for line in reversed(lines)]
    if band:
        spread = f"{band.low[-1] - 1:+.1%} to {band.high[-1] - 1:+.1%}"
        key = element("i", class_="key placebo")
        entries.append(element("li", key, band.name, " ", element("b", spread)))
    return element("ul", *entries, class_="legend")


def _entry(name: str, class_: str, end: float) -> Element:
    key = element("i", class_=f"key {class_}")
    return element("li", key, name, " ", element("b", f"{end - 1:+.1%}"))
