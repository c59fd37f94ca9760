"""What an agent is paid for one bar."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final, NamedTuple

import torch
from torch import Tensor

from cappuccino_assets.errors import ConfigurationError

CONCENTRATION_LIMIT: Final = 0.40
_PENALTIES: Final = (
    "volatility_penalty",
    "max_drawdown_penalty",
    "concentration_penalty",
    "cash_reserve_penalty",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardConfig:
    """Weights of the reward's terms; each term is in units of log return per bar.

    Attributes:
        time_decay_floor: The excess return counts fully in an episode's first bar and this much in
            its last, linearly in between; in [0, 1]. At 0 the sale at the deadline costs nothing;
            at 1 nothing decays.
        volatility_penalty: Times the squared return.
        max_drawdown_penalty: Times the increase of the drawdown.
        concentration_penalty: Times what the largest weight exceeds 0.40 by.
        cash_reserve_penalty: Times what the cash weight lacks to the rules' `min_cash_reserve`.
        norm_reward_exp: The whole is multiplied by 2 to this power.
    """

    time_decay_floor: float = 1.0
    volatility_penalty: float = 0.0
    max_drawdown_penalty: float = 0.0
    concentration_penalty: float = 0.0
    cash_reserve_penalty: float = 0.01
    norm_reward_exp: float = 0.0

    def __post_init__(self) -> None:
        """Refuse weights that would reward what they should punish.

        Raises:
            ConfigurationError: The rule, and the value that breaks it.
        """
        if not 0 <= self.time_decay_floor <= 1:
            raise ConfigurationError(
                f"A decay's floor is in [0, 1], but got {self.time_decay_floor=}."
            )
        for name in _PENALTIES:
            if not (getattr(self, name) >= 0 and isfinite(getattr(self, name))):
                raise ConfigurationError(f"{name} is not negative, but got {getattr(self, name)}.")
        if not isfinite(self.norm_reward_exp):
            raise ConfigurationError(f"An exponent is finite, but got {self.norm_reward_exp=}.")


class PaidBar(NamedTuple):
    """One bar of all environments; float64, in USD and of shape (M, E) where not said.

    Attributes:
        equity_before: At the bar's start.
        equity: At its end.
        peak_before: Highest equity up to the bar's start.
        peak: Highest equity up to its end.
        benchmark_before: Worth of equal-weight buy and hold at the bar's start, in any unit.
        benchmark: The same at its end.
        cash: At the bar's end.
        value: Of each position there, shape (M, E, N).
        bar: Number of the bar in its episode, from 0, int64.
        n_bars: Bars of the whole episode, int64, shape (M, E) or (M, 1).
    """

    equity_before: Tensor
    equity: Tensor
    peak_before: Tensor
    peak: Tensor
    benchmark_before: Tensor
    benchmark: Tensor
    cash: Tensor
    value: Tensor
    bar: Tensor
    n_bars: Tensor


_Measure = Callable[[PaidBar, Tensor], Tensor]


class RewardFunction:
    """The rewards of M members side by side.

    A term that no member is paid or punished for is not worked out.

    Args:
        configs: One per member.
        min_cash_reserve: Fraction of the equity that buys may not touch, one per member.
        device: Where the environments live.
    """

    def __init__(
        self,
        configs: Sequence[RewardConfig],
        *,
        min_cash_reserve: Sequence[float],
        device: torch.device | str,
    ):
        def column(values: Sequence[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float64, device=device)[:, None]

        self._decays = any(config.time_decay_floor < 1 for config in configs)
        self._decay = 1 - column([config.time_decay_floor for config in configs])
        self._reserve = column(min_cash_reserve)
        self._penalties = [
            (measure, column([getattr(config, name) for config in configs]))
            for name, measure in self._measures(any(min_cash_reserve)).items()
            if any(getattr(config, name) for config in configs)
        ]
        self._scale = torch.exp2(column([config.norm_reward_exp for config in configs]))

    def __call__(self, bar: PaidBar) -> Tensor:
        """Pay for one bar; rewards of shape (M, E), float32."""
        growth = bar.equity / bar.equity_before
        reward = (growth / (bar.benchmark / bar.benchmark_before)).log_()
        if self._decays:
            progress = bar.bar / (bar.n_bars - 1).clamp_min_(1)
            reward.mul_(1 - self._decay * progress)
        for measure, weight in self._penalties:
            reward.sub_(measure(bar, growth).mul_(weight))
        return reward.mul_(self._scale).float()

    def _measures(self, has_reserve: bool) -> dict[str, _Measure]:
        measures: dict[str, _Measure] = {
            "volatility_penalty": _squared_log_return,
            "max_drawdown_penalty": _drawdown_increase,
            "concentration_penalty": _excess_weight,
        }
        return measures | ({"cash_reserve_penalty": self._cash_shortfall} if has_reserve else {})

    def _cash_shortfall(self, bar: PaidBar, growth: Tensor) -> Tensor:
        return (self._reserve - bar.cash / bar.equity).relu_()


def _squared_log_return(bar: PaidBar, growth: Tensor) -> Tensor:
    return growth.log().square_()


def _drawdown_increase(bar: PaidBar, growth: Tensor) -> Tensor:
    return (bar.equity_before / bar.peak_before).sub_(bar.equity / bar.peak).relu_()


def _excess_weight(bar: PaidBar, growth: Tensor) -> Tensor:
    largest = bar.value.amax(dim=-1).div_(bar.equity)
    return largest.sub_(CONCENTRATION_LIMIT).clamp_min_(0)
