"""All trials of a search: their scores, and what the best of them would be by luck."""

from collections.abc import Mapping
from math import exp, pi, sqrt
from typing import Final

import numpy as np
import polars as pl

from cappuccino_assets.registry.evidence import CampaignEvidence, Overfitting
from cappuccino_assets.reports.axes import Axis, padded_axis, round_step
from cappuccino_assets.reports.markup import Element
from cappuccino_assets.reports.svg import LEFT, RIGHT, WIDTH, Chart
from cappuccino_assets.types import FloatArray

_ROW: Final = 34
_NAMES: Final = 190
_EDGE_QUANTILE: Final = 0.05
_N_BINS: Final = 28
_LUCK_AXIS: Final = "Sharpe ratio of the returns above buy and hold, per year"


def scores_figure(trials: pl.DataFrame) -> Element:
    """Draw a row per study and a dot per complete trial, those that were looked at closely ringed.

    Args:
        trials: study_name, number, state, score, no_trades, chosen.
    """
    studies = trials["study_name"].unique(maintain_order=True).to_list()
    scores = trials["score"].drop_nulls()
    low, high = scores.quantile(_EDGE_QUANTILE), scores.max()
    bottom = 16 + _ROW * len(studies)
    x = padded_axis(_number(low), _number(high), begins=_NAMES, ends=RIGHT)
    chart = Chart(x=x, y=Axis(low=0, high=1, begins=bottom, ends=8), height=bottom + 44)
    chart.x_ticks("{:+g}")
    if x.low < 0 < x.high:
        chart.upright(0.0, class_="zero")
    for row, study in enumerate(studies):
        _strip(chart, trials.filter(study_name=study), 8 + _ROW * (row + 0.5))
    chart.label(RIGHT, bottom + 38, "score (Sharpe ratios per year)", anchor="end")
    return chart.drawn(title="Scores of all complete trials, a row per study")


def luck_figure(
    sharpes: FloatArray, evidence: CampaignEvidence, chosen: Mapping[str, float]
) -> Element:
    """Draw how the trials' excess Sharpe ratios lie, and what luck alone would do.

    Args:
        sharpes: Annualised Sharpe ratio of each complete trial's returns above buy and hold, (N,).
        evidence: What the best of so many is expected to be without skill.
        chosen: Of the trials that were looked at closely, by name.
    """
    luck = sqrt(evidence.luck_variance)
    marks = (evidence.expected_best, evidence.smallest_certifiable)
    low = min(float(np.quantile(sharpes, _EDGE_QUANTILE)), -3 * luck)
    high = max(float(sharpes.max()), *marks, 3 * luck)
    x = padded_axis(low, high, begins=LEFT, ends=RIGHT)
    chart = _beside_luck(np.maximum(sharpes, low), x, luck)
    named = [
        (f"best of {evidence.n_trials} without skill", evidence.expected_best, "null"),
        ("smallest that can be certified", evidence.smallest_certifiable, "limit"),
        *((name, value, "agent") for name, value in chosen.items()),
    ]
    for _, value, class_ in named:
        chart.upright(value, class_=class_)
    for row, (name, value, class_) in enumerate(named):
        _name(chart, value, name, class_, row=row)
    return chart.drawn(title="Excess Sharpe ratios of all complete trials, and what luck gives")


def _beside_luck(sharpes: FloatArray, x: Axis, luck: float) -> Chart:
    """Count Sharpe ratios in bars, and draw as many of trials that differ by luck alone."""
    width = round_step((x.high - x.low) / _N_BINS)
    counts, edges = np.histogram(sharpes, bins=_bins(x.low, x.high, width))
    peak = len(sharpes) * width / (luck * sqrt(2 * pi))
    top = 1.35 * max(float(counts.max()), peak)
    chart = Chart(x=x, y=Axis(low=0, high=top, begins=270, ends=8), height=314)
    chart.y_ticks("{:g}", n=4)
    chart.x_ticks("{:+g}")
    for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True):
        place, n = (float(left), float(right)), f"{count} trials"
        chart.box(place, (0.0, float(count)), class_="bar", title=n)
    density = np.linspace(-3.5 * luck, 3.5 * luck, 120)
    curve = np.array([peak * exp(-0.5 * (each / luck) ** 2) for each in density])
    chart.line(density, curve, class_="null")
    chart.label(RIGHT, 308, _LUCK_AXIS, anchor="end")
    return chart


def logits_figure(overfitting: Overfitting) -> Element:
    """Draw where the best of one half of the history stood in the other half."""
    values, times = zip(*overfitting.logits, strict=True)
    logits = np.repeat(values, times)
    edge = max(1.0, float(np.abs(logits).max()))
    x = Axis(low=-1.05 * edge, high=1.05 * edge, begins=LEFT, ends=RIGHT)
    edges = np.linspace(-edge, edge, _N_BINS + 1)
    counts, _ = np.histogram(-logits, bins=edges)  # a logit of 0 belongs to the left: it counts
    shares = counts[::-1] / len(logits)
    chart = Chart(
        x=x, y=Axis(low=0, high=1.15 * float(shares.max()), begins=220, ends=8), height=264
    )
    chart.y_ticks("{:.0%}", n=3)
    chart.x_ticks("{:+g}")
    for share, left, right in zip(shares, edges[:-1], edges[1:], strict=True):
        class_ = "bar bad" if right <= 1e-9 else "bar good"
        chart.box((float(left), float(right)), (0.0, float(share)), class_=class_)
    chart.upright(0.0, class_="zero")
    chart.label(LEFT + 8, 22, "← median or worse in the other half")
    chart.label(RIGHT, 22, "better than the median →", anchor="end")
    chart.label(RIGHT, 258, "log odds of its rank", anchor="end")
    return chart.drawn(title="Logits of the probability of backtest overfitting")


def overfitting_gauge(overfitting: Overfitting, limit: float | None) -> Element:
    """Draw the probability of overfitting on its way from 0 to 1, and where luck lies."""
    x = Axis(low=0.0, high=1.0, begins=LEFT, ends=RIGHT)
    chart = Chart(x=x, y=Axis(low=0, high=1, begins=58, ends=26), height=92)
    chart.box((0.0, 1.0), (0.35, 0.65), class_="track")
    place = (overfitting.null_low, overfitting.null_high)
    chart.box(place, (0.2, 0.8), class_="nullband", title="without any skill, 5 % to 95 %")
    chart.x_ticks("{:.0%}", n=5)
    if limit is not None:
        chart.upright(limit, class_="limit")
        chart.label(float(x.at(limit)), 18, f"limit {limit:.0%}", anchor="middle")
    chart.dot(overfitting.pbo, 0.5, class_="agent", radius=8, title=f"{overfitting.pbo:.1%}")
    return chart.drawn(title="Probability of backtest overfitting against its null band")


def _strip(chart: Chart, trials: pl.DataFrame, place: float) -> None:
    name = trials["study_name"][0].partition("/")[2]
    complete = trials.filter(state="COMPLETE")
    others = trials.height - complete.height
    chart.label(_NAMES - 12, place - 1, name, anchor="end", class_="name")
    counted = f"{complete.height} complete" + (f", {others} not" if others else "")
    chart.label(_NAMES - 12, place + 12, counted, anchor="end", class_="note small")
    y = 1 - (place - 8) / (chart.y.begins - 8)
    columns = ("number", "score", "chosen", "no_trades")
    for number, score, chosen, idle in complete.select(columns).iter_rows():
        class_ = "agent" if chosen else "idle" if idle else "trial"
        title = f"{name} trial {number}: score {score:+.3f}"
        chart.dot(score, y, class_=class_, radius=6 if chosen else 4, title=title)


def _name(chart: Chart, value: float, name: str, class_: str, *, row: int) -> None:
    """Write beside a line that goes up, on the side where there is more room."""
    place, y = float(chart.x.at(value)), 20 + 17 * row
    text = f"{name}: {value:+.2f}"
    if place > WIDTH / 2:
        chart.label(place - 7, y, text, anchor="end", class_=f"note {class_}")
    else:
        chart.label(place + 7, y, text, class_=f"note {class_}")


def _bins(low: float, high: float, width: float) -> FloatArray:
    return width * np.arange(np.floor(low / width), np.ceil(high / width) + 1)


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"A score is a number, but got {value!r}.")
    return float(value)
