"""What an agent is worth at other costs, and the cost at which it is worth nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final, Self

from cappuccino_assets.evaluation.backtest import BlockResult
from cappuccino_assets.evaluation.performance import Performance, performance
from cappuccino_assets.execution.fees import FeeSide
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.types import Json

MULTIPLES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
_N_SECTIONS: Final = 8
_N_ROUNDS: Final = 3
_HIGHEST_RATE: Final = 0.9

TradeAtCosts = Callable[[Sequence[TradingRules]], Sequence[Sequence[BlockResult]]]
"""Lets one agent trade by each of these rules; the results of each, one per block."""

_Point = tuple[FeeSide, float]


class Measure(StrEnum):
    """What must stay above zero: the return, or the Sharpe ratio in excess of HODL's."""

    RETURN = "total_return"
    EXCESS = "excess_sharpe"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLevel:
    """What an agent came to at a multiple of all costs.

    Attributes:
        side: Whose column of the fee table was charged.
        multiple: By which fees, half spread and slippage were multiplied.
        performance: What it came to; buy and hold paid the same costs.
    """

    side: FeeSide
    multiple: float
    performance: Performance


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """The lowest multiple of all costs at which a measure was found not to be above zero.

    Attributes:
        side: Whose column of the fee table was charged.
        measure: What is not above zero there.
        multiple: 0 where it is not without any cost, None where it is up to the bound.
        bound: The highest multiple that was tried.
    """

    side: FeeSide
    measure: Measure
    multiple: float | None
    bound: float

    def __str__(self) -> str:
        """Say it in a word or two."""
        return f"none up to {self.bound:g} x" if self.multiple is None else f"{self.multiple:.2f} x"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostCurve:
    """An agent at every multiple of its costs.

    The agent decides anew at each multiple, for it sees what its account has become. So a measure
    need not fall steadily, and a break-even point is the first that the multiples in `levels` show.

    Attributes:
        charged: The side that the agent's own rules charge.
        levels: Ascending by multiple, for the charged side and, where it differs, the other.
        break_evens: For each of these sides and each measure.
    """

    charged: FeeSide
    levels: tuple[CostLevel, ...]
    break_evens: tuple[BreakEven, ...]

    def level(self, multiple: float, side: FeeSide | None = None) -> CostLevel:
        """Find a level; of the charged side where none is named.

        Raises:
            ValueError: If there is none.
        """
        for each in self.levels:
            if (each.side, each.multiple) == (side or self.charged, multiple):
                return each
        raise ValueError(f"No level is at {multiple} x the costs of {side or self.charged}.")

    def to_json(self) -> Json:
        """Write as JSON values; break-even points in words, too."""
        levels = [
            {"side": each.side, "multiple": each.multiple, **each.performance.to_json()}
            for each in self.levels
        ]
        break_evens = [asdict(each) | {"text": str(each)} for each in self.break_evens]
        return {"charged": self.charged, "levels": levels, "break_evens": break_evens}

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            charged=FeeSide(value["charged"]),
            levels=tuple(_read_level(**each) for each in value["levels"]),
            break_evens=tuple(_read_break_even(**each) for each in value["break_evens"]),
        )


def rules_at_cost(
    rules: TradingRules, multiple: float, side: FeeSide | None = None
) -> TradingRules:
    """Multiply fees, half spread and slippage, and charge a side of the fee table.

    Raises:
        ConfigurationError: If the multiple is negative, or a cost would eat up all that is traded.
    """
    fees = rules.fees
    tiers = tuple(
        replace(tier, maker=tier.maker * multiple, taker=tier.taker * multiple)
        for tier in fees.tiers
    )
    return replace(
        rules,
        fees=replace(fees, tiers=tiers, side=side or fees.side),
        half_spread_bps=rules.half_spread_bps * multiple,
        slippage_bps=rules.slippage_bps * multiple,
    )


def cost_curve(trade: TradeAtCosts, rules: TradingRules, *, interval: Interval) -> CostCurve:
    """Let an agent trade at many multiples of its costs, and find where it breaks even.

    Each break-even point is first bracketed by `MULTIPLES`, then found to within 1/512 of the
    bracket by dividing it three times into eight, all points of a division at once.

    Args:
        trade: Lets the agent trade.
        rules: Its own rules, at a multiple of 1.
        interval: Length of a bar.

    Raises:
        ValueError: If a Sharpe ratio is undefined although something was traded.
    """
    run = _Levels(trade, rules, interval)
    sides, multiples = _sides(rules), _multiples(rules)
    run.add((side, multiple) for side in sides for multiple in multiples)
    searched = [(side, measure) for side in sides for measure in Measure]
    brackets = {each: run.bracket(*each, multiples) for each in searched}
    for _ in range(_N_ROUNDS):
        grids = {each: _sections(*found) for each, found in brackets.items() if found}
        run.add((side, multiple) for (side, _), grid in grids.items() for multiple in grid)
        brackets |= {each: run.bracket(*each, grid) for each, grid in grids.items()}
    return CostCurve(
        charged=rules.fees.side,
        levels=tuple(run.level(side, each) for side in sides for each in multiples),
        break_evens=tuple(
            BreakEven(
                side=side,
                measure=measure,
                multiple=found[1] if found else None,
                bound=multiples[-1],
            )
            for (side, measure), found in brackets.items()
        ),
    )


class _Levels:
    """An agent's performance at the multiples that were asked for so far."""

    def __init__(self, trade: TradeAtCosts, rules: TradingRules, interval: Interval):
        self._trade, self._rules, self._interval = trade, rules, interval
        self._found: dict[_Point, Performance] = {}

    def add(self, points: Iterable[_Point]) -> None:
        new = sorted(set(points) - set(self._found))
        if not new:
            return
        results = self._trade([rules_at_cost(self._rules, each, side) for side, each in new])
        for point, result in zip(new, results, strict=True):
            self._found[point] = performance(result, interval=self._interval)

    def level(self, side: FeeSide, multiple: float) -> CostLevel:
        return CostLevel(side=side, multiple=multiple, performance=self._found[side, multiple])

    def bracket(
        self, side: FeeSide, measure: Measure, multiples: Sequence[float]
    ) -> tuple[float, float] | None:
        """The first multiple at which the measure is not above zero, and the one before it."""
        for before, multiple in zip((multiples[0], *multiples), multiples, strict=False):
            if getattr(self._found[side, multiple], measure) <= 0:
                return before, multiple
        return None


def _sides(rules: TradingRules) -> tuple[FeeSide, ...]:
    charged = rules.fees.side
    other = FeeSide.TAKER if charged is FeeSide.MAKER else FeeSide.MAKER
    differ = any(tier.maker != tier.taker for tier in rules.fees.tiers)
    return (charged, other) if differ else (charged,)


def _multiples(rules: TradingRules) -> tuple[float, ...]:
    """Those at which the dearest fill still leaves something."""
    dearest = max(max(tier.maker, tier.taker) for tier in rules.fees.tiers)
    dearest = max(dearest, rules.price_cost)
    return tuple(each for each in MULTIPLES if each * dearest <= _HIGHEST_RATE)


def _sections(low: float, high: float) -> list[float]:
    width = (high - low) / _N_SECTIONS
    return sorted({low, *(low + i * width for i in range(1, _N_SECTIONS)), high})


def _read_level(*, side: str, multiple: float, **performance: Any) -> CostLevel:
    read = Performance.from_json(performance)
    return CostLevel(side=FeeSide(side), multiple=multiple, performance=read)


def _read_break_even(
    *, side: str, measure: str, multiple: float | None, bound: float, text: str
) -> BreakEven:
    return BreakEven(side=FeeSide(side), measure=Measure(measure), multiple=multiple, bound=bound)
