"""What a model did on the hold-out: beside its rivals, and at other costs."""

from typing import Final

import polars as pl

from cappuccino_assets.evaluation.costs import CostCurve, CostLevel, Measure
from cappuccino_assets.evaluation.holdout import AGENT, RIVALS
from cappuccino_assets.evaluation.metrics import max_drawdown
from cappuccino_assets.evaluation.performance import Performance
from cappuccino_assets.execution.fees import FeeSide
from cappuccino_assets.registry.openings import HoldoutRecord
from cappuccino_assets.reports.campaign_record import Finding
from cappuccino_assets.reports.figures_equity import (
    EquityBand,
    EquityLine,
    enlarged_figure,
    equity_figure,
)
from cappuccino_assets.reports.markup import Element, element, figure, joined, table
from cappuccino_assets.reports.report_words import holdout_words
from cappuccino_assets.types import FloatArray

HODL: Final = "hodl"
NAMES: Final = {
    AGENT: "the agent",
    HODL: "HODL, equal weight",
    "cycled_hodl": "HODL, sold at every deadline",
    "bitcoin": "bitcoin, sold at every deadline",
    "cash": "cash",
    "random": "one random agent",
}
_MULTIPLES: Final = (0.0, 1.0, 2.0)
_COSTS: Final = (
    "At a multiple of its own fees, half spread and slippage, which buy and hold pays too; the "
    "agent decides anew at each. It breaks even where a column first is not above zero."
)


def holdout_part(finding: Finding) -> Element:
    """Show equity, drawdowns and measures of a model and its rivals on the hold-out."""
    record = finding.holdout
    names = (*reversed(RIVALS), HODL, AGENT)
    drawn = [name for name in names if name in record.returns.columns and name != "random"]
    lines, band = [_line(record, name) for name in drawn], _band(record)
    return figure(
        "The hold-out: bars that no trial had seen",
        element("p", holdout_words(finding)),
        equity_figure(lines, band, title="Equity on the hold-out"),
        element("p", "Enlarged: the agent among the random ones.", class_="small"),
        enlarged_figure(lines[-1], band, title="The agent among random agents on the hold-out"),
        _performances(record),
        caption=_caption(record),
    )


def _line(record: HoldoutRecord, name: str) -> EquityLine:
    return EquityLine(
        name=NAMES[name],
        class_=name.replace("_", "-"),
        open_time=_seconds(record.returns),
        equity=(1 + record.returns[name]).cum_prod().to_numpy(),
        has_drawdown=name in (AGENT, HODL),
    )


def _caption(record: HoldoutRecord) -> str:
    rank, agent = record.placebo.rank, record.performances[AGENT]
    return (
        f"Growth of one unit of money after all costs. The shaded range holds the middle 90 % of "
        f"{rank.n_agents} agents that trade at random by the same rules; they turned over "
        f"{rank.turnover:.2f} x equity a day, the agent {agent.turnover:.2f}. With the agent "
        f"counted among the lucky, {rank.chance:.1%} of them end as high. One look of "
        "this model at these bars is on record, and no other is made; an ensemble that it joins "
        "may be held against another on them, which is on record too."
    )


def _seconds(frame: pl.DataFrame) -> FloatArray:
    return frame["open_time"].dt.epoch("s").cast(pl.Float64).to_numpy()


def _band(record: HoldoutRecord) -> EquityBand:
    equity = record.placebo.equity
    low, middle, high = (equity[name].to_numpy() for name in ("low", "median", "high"))
    time = _seconds(equity)
    return EquityBand(name="random agents", open_time=time, low=low, middle=middle, high=high)


def _performances(record: HoldoutRecord) -> Element:
    agent = record.performances[AGENT]
    rows = [_performance_row(NAMES[name], each) for name, each in record.performances.items()]
    hodl = (NAMES[HODL], f"{agent.hodl_return:+.1%}", f"{agent.sharpe_hodl:+.2f}")
    drawdown = max_drawdown(record.returns[HODL].to_numpy())
    rows.insert(1, (*hodl, f"{drawdown:.1%}", "-", "-", "-", "-"))
    headers = (
        "hold-out",
        "return",
        "Sharpe ratio (a year)",
        "largest drawdown",
        "turnover (x equity a day)",
        "fees (USD)",
        "exposure",
        "bars with trades",
    )
    return table(headers, rows, class_="numbers")


def _performance_row(name: str, each: Performance) -> tuple[str, ...]:
    return (
        name,
        f"{each.total_return:+.1%}",
        f"{each.sharpe_bot:+.2f}",
        f"{each.max_drawdown:.1%}",
        f"{each.turnover:.2f}",
        f"{each.fees_usd:,.2f}",
        f"{each.exposure:.0%}",
        f"{each.n_trades:,} of {each.n_bars:,}",
    )


def costs_part(record: HoldoutRecord) -> Element:
    """Show what the model would have come to at other costs, and whether its money adds up."""
    levels = [level for level in record.costs.levels if level.multiple in _MULTIPLES]
    sides = dict.fromkeys(level.side for level in levels)
    headers = ("costs", "return", "Sharpe ratio above HODL (a year)", "fees (USD)", "turnover")
    rows = [
        row
        for side in sides
        for row in (
            *(_cost_row(level) for level in levels if level.side == side),
            _break_even_row(record.costs, side),
        )
    ]
    return joined(
        [
            element("h3", "Costs on the hold-out"),
            table(headers, rows, class_="numbers"),
            element("p", _COSTS),
            element("p", _ledger_words(record)),
        ]
    )


def _break_even_row(costs: CostCurve, side: FeeSide) -> tuple[str, ...]:
    found = {each.measure: str(each) for each in costs.break_evens if each.side == side}
    return f"breaks even at, as {side}", found[Measure.RETURN], found[Measure.EXCESS], "", ""


def _cost_row(level: CostLevel) -> tuple[str, ...]:
    each = level.performance
    return (
        f"{level.multiple:g} x, as {level.side}",
        f"{each.total_return:+.1%}",
        f"{each.excess_sharpe:+.2f}",
        f"{each.fees_usd:,.2f}",
        f"{each.turnover:.2f}",
    )


def _ledger_words(record: HoldoutRecord) -> str:
    ledger = record.ledger
    if not ledger.agrees:
        return f"The money does not add up: {ledger.first_fault}"
    return (
        f"Added up by hand, {ledger.n_fills:,} fills over {ledger.n_bars:,} closes agree to the "
        f"cent: {ledger.fees_usd:,.2f} USD of fees, {ledger.final_equity_usd:,.2f} USD at the end; "
        f"the largest difference is {ledger.largest_difference_usd:.1g} USD."
    )
