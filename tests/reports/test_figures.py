"""Pictures: what is drawn is what is said."""

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cappuccino_assets.registry.evidence import Overfitting
from cappuccino_assets.reports.axes import Axis
from cappuccino_assets.reports.figures_equity import EquityBand, EquityLine, equity_figure
from cappuccino_assets.reports.figures_parameters import parameters_figure, seeds_figure
from cappuccino_assets.reports.figures_trials import (
    logits_figure,
    luck_figure,
    overfitting_gauge,
    scores_figure,
)
from cappuccino_assets.reports.markup import element, joined, table
from cappuccino_assets.reports.svg import Chart, extremes
from tests.registry.findings import CAMPAIGN, FAILED_SEED, of_excesses

HOURS = 3600.0 * np.arange(1, 5)
OVERFITTING = Overfitting(
    pbo=0.375,
    null_low=0.2,
    null_high=0.8,
    n_compared=9,
    n_bars=160,
    logits=((-1.5, 1), (-0.5, 1), (0.0, 1), (0.2, 1), (0.7, 2), (1.0, 1), (2.0, 1)),
)
EVIDENCE = replace(
    CAMPAIGN,
    n_trials=60,
    n_bars=8760,
    sharpe_variance=1.0,
    luck_variance=1.0,
    expected_best=2.34,
    smallest_certifiable=3.99,
    overfitting=OVERFITTING,
)


def heights(picture: str, class_: str) -> list[float]:
    found = re.findall(rf'<rect [^>]*height="([\d.]+)" class="{class_}"', picture)
    return [float(height) for height in found]


def test_text_is_escaped_and_elements_are_not() -> None:
    inner = element("b", "a < b & c")
    assert inner == "<b>a &lt; b &amp; c</b>"
    assert element("p", inner, " <i>", class_='"') == (
        '<p class="&quot;"><b>a &lt; b &amp; c</b> &lt;i&gt;</p>'
    )
    assert joined([inner, "<"]) == f"{inner}&lt;"
    assert element("p", title=None) == "<p></p>"
    assert '<th scope="row">&lt;x&gt;</th><td>1</td>' in table(("h", "n"), [("<x>", "1")])


def test_a_line_keeps_its_highest_and_lowest_points() -> None:
    values = np.sin(np.arange(5_000))
    values[1234], values[4321] = 9.0, -9.0
    shown = extremes(values)
    assert {0, 1234, 4321, 4999} <= set(shown.tolist())
    assert len(shown) < 500
    assert extremes(values[:100]).tolist() == list(range(100))


def test_the_legend_tells_where_each_line_ends_and_the_fall_is_from_the_peak() -> None:
    line = EquityLine(
        name="<agent>",
        class_="agent",
        open_time=HOURS,
        equity=np.array([0.9, 1.2, 0.6, 0.75]),
        has_drawdown=True,
    )
    band = EquityBand(
        name="random agents",
        open_time=HOURS,
        low=np.full(4, 0.8),
        middle=np.full(4, 1.0),
        high=np.full(4, 1.3),
    )
    np.testing.assert_allclose(line.drawdown, [-0.1, 0.0, -0.5, -0.375])
    picture = equity_figure([line], band, title="Equity")
    assert "&lt;agent&gt; <b>-25.0%</b>" in picture
    assert "random agents <b>-20.0% to +30.0%</b>" in picture
    assert picture.count('class="line agent"') == 2  # its equity, and its falls


def test_red_bars_are_the_share_that_the_probability_of_overfitting_is() -> None:
    picture = logits_figure(OVERFITTING)
    bad, good = sum(heights(picture, "bar bad")), sum(heights(picture, "bar good"))
    assert bad / (bad + good) == pytest.approx(OVERFITTING.pbo, abs=0.01)  # 0 counts as bad
    gauge = overfitting_gauge(OVERFITTING, 0.2)
    assert "<title>37.5%</title>" in gauge
    assert "limit 20%" in gauge
    assert "limit" not in overfitting_gauge(OVERFITTING, None)


def test_every_complete_trial_is_a_dot_and_the_others_are_counted() -> None:
    trials = pl.DataFrame(
        {
            "study_name": ["c/a", "c/a", "c/a", "c/b"],
            "number": [0, 1, 2, 0],
            "state": ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"],
            "score": [0.5, None, -0.5, 0.25],
            "no_trades": [False, False, True, False],
            "chosen": [True, False, False, False],
        }
    )
    picture = scores_figure(trials)
    classes = re.findall(r'class="dot (\w+)"', picture)
    assert sorted(classes) == ["agent", "idle", "trial"]
    assert "2 complete, 1 not" in picture
    assert "a trial 0: score +0.500" in picture


def test_luck_is_drawn_with_what_it_makes_of_the_best() -> None:
    sharpes = np.array([-9.0, *np.linspace(-1, 1, 59)])
    picture = luck_figure(sharpes, EVIDENCE, {"abc": 0.5})
    assert "best of 60 without skill: +2.34" in picture
    assert "smallest that can be certified: +3.99" in picture
    assert "abc: +0.50" in picture
    counted = re.findall(r"<title>(\d+) trials</title>", picture)
    assert sum(map(int, counted)) == 60  # the lowest is at the edge, not gone


def test_other_seeds_are_drawn_and_failed_ones_are_not() -> None:
    seeds = [*of_excesses(-0.25, 0.25, 0.75), FAILED_SEED]
    picture = seeds_figure(seeds, 1.5, -0.1)
    assert picture.count('class="dot trial"') == 3
    assert "<title>+0.75</title>" in picture
    assert "lower bound" in picture
    assert "lower bound" not in seeds_figure(seeds, 1.5, None)


def test_parameters_show_effect_interval_and_importance_above_chance() -> None:
    row = {"p_value": 0.01, "importance_by_chance": 0.4}
    rows = [
        row
        | {"parameter": "gamma", "impact": "high", "effect": 0.6, "importance": 0.5}
        | {"effect_low": 0.2, "effect_high": 0.9},
        row
        | {"parameter": "lookback", "impact": "low", "effect": -0.1, "importance": 0.1}
        | {"effect_low": -0.4, "effect_high": 0.2},
    ]
    picture = parameters_figure(rows)
    assert "+60%, interval +20% to +90%, p 0.010" in picture
    assert picture.count('class="whisker high"') == 1
    assert picture.count('class="bar strong"') == 1
    assert picture.count('class="bar"') == 1


def test_zero_has_no_sign() -> None:
    axis = Axis(low=-1.0, high=1.0, begins=0, ends=10)
    chart = Chart(x=axis, y=axis, height=10)
    chart.x_ticks("{:+g}", n=2)
    assert [re.sub("<.*?>", "", part) for part in chart.parts if "<text" in part] == [
        "-1",
        "0",
        "+1",
    ]
