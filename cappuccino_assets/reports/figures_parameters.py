"""Forests of intervals: what distinguishes the best tenth, and what other seeds came to."""

from collections.abc import Sequence
from typing import Final

from cappuccino_assets.registry.findings import Retrain
from cappuccino_assets.reports.axes import Axis, padded_axis
from cappuccino_assets.reports.markup import Element
from cappuccino_assets.reports.svg import RIGHT, Chart
from cappuccino_assets.types import Json

_ROW: Final = 24
_NAMES: Final = 190
_MIDDLE: Final = 620
_GAP: Final = 64
_HIGH: Final = 0.30


def parameters_figure(parameters: Sequence[Json]) -> Element:
    """Draw of each parameter the effect with its interval, and its importance beside chance's.

    Args:
        parameters: Rows of a study's analysis, the largest effect first.
    """
    bottom = 26 + _ROW * len(parameters)
    y = Axis(low=0, high=len(parameters), begins=bottom, ends=26)
    bounds = [abs(row[name]) for row in parameters for name in ("effect_low", "effect_high")]
    reach = max(0.5, *bounds)
    effects = Chart(
        x=Axis(low=-reach, high=reach, begins=_NAMES, ends=_MIDDLE), y=y, height=bottom + 30
    )
    effects.label(_NAMES, 16, "effect: the best tenth against the others", class_="name")
    effects.box((-_HIGH, _HIGH), (0, len(parameters)), class_="quiet")
    effects.x_ticks("{:+.0%}", n=5)
    effects.upright(0.0, class_="zero")
    for place, row in enumerate(parameters):
        _effect(effects, row, len(parameters) - place - 0.5)
    shares = _importances(parameters, y, height=effects.height)
    effects.parts += shares.parts
    return effects.drawn(title="Effect and importance of each searched parameter")


def seeds_figure(retrains: Sequence[Retrain], original: float, bound: float | None) -> Element:
    """Draw the excess Sharpe ratio of the same configuration with other seeds.

    Args:
        retrains: Those whose training failed are not drawn.
        original: Of the trial itself, which was chosen because it was good.
        bound: Lower bound of the seeds' mean.
    """
    values = [value for each in retrains if (value := each.excess_sharpe) is not None]
    drawn = [*values, original, 0.0] + ([] if bound is None else [bound])
    x = padded_axis(min(drawn), max(drawn), begins=_NAMES, ends=RIGHT)
    chart = Chart(x=x, y=Axis(low=0, high=2, begins=82, ends=10), height=126)
    chart.x_ticks("{:+.2g}")
    chart.upright(0.0, class_="zero")
    for y, name in ((1.5, "the trial, chosen"), (0.5, "the same, other seeds")):
        chart.label(_NAMES - 12, float(chart.y.at(y)) + 4, name, anchor="end", class_="name")
    chart.dot(original, 1.5, class_="agent", radius=6, title=f"{original:+.2f}")
    for value in values:
        chart.dot(value, 0.5, class_="trial", radius=5, title=f"{value:+.2f}")
    if bound is not None:
        chart.segment((bound, bound), (0.1, 0.9), class_="limit")
        chart.label(float(x.at(bound)), 46, "lower bound", anchor="middle", class_="note limit")
    chart.label(RIGHT, 120, "Sharpe ratio above buy and hold, per year", anchor="end")
    return chart.drawn(title="The configuration with other seeds")


def _effect(chart: Chart, row: Json, y: float) -> None:
    class_ = "high" if row["impact"] == "high" else "trial"
    chart.label(
        _NAMES - 10, float(chart.y.at(y)) + 4, row["parameter"], anchor="end", class_="name"
    )
    low, high = row["effect_low"], row["effect_high"]
    title = f"{row['effect']:+.0%}, interval {low:+.0%} to {high:+.0%}, p {row['p_value']:.3f}"
    chart.segment((low, high), (y, y), class_=f"whisker {class_}")
    chart.dot(row["effect"], y, class_=class_, radius=4.5, title=title)


def _importances(parameters: Sequence[Json], y: Axis, *, height: float) -> Chart:
    chance = max(row["importance_by_chance"] for row in parameters)
    highest = max(chance, *(row["importance"] for row in parameters))
    x = Axis(low=0.0, high=1.05 * highest, begins=_MIDDLE + _GAP, ends=RIGHT)
    chart = Chart(x=x, y=y, height=height)
    chart.label(_MIDDLE + _GAP, 16, "importance; dashed: chance", class_="name")
    chart.x_ticks("{:.0%}", n=4)
    for place, row in enumerate(parameters):
        top = len(parameters) - place - 0.5
        class_ = "bar strong" if row["importance"] > row["importance_by_chance"] else "bar"
        chart.box((0.0, row["importance"]), (top - 0.28, top + 0.28), class_=class_)
    chart.upright(chance, class_="limit")
    return chart
