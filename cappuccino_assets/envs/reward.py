"""What an agent is paid for one bar."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

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


class RewardFunction:
    """The rewards of M members side by side.

    Args:
        configs: One per member.
        device: Where the environments live.
    """

    def __init__(self, configs: Sequence[RewardConfig], device: torch.device | str):
        def column(name: str) -> Tensor:
            values = [[getattr(config, name)] for config in configs]
            return torch.tensor(values, dtype=torch.float64, device=device)

        self._decay = 1 - column("time_decay_floor")
        self._volatility, self._drawdown, self._concentration, self._reserve = map(
            column, _PENALTIES
        )
        self._scale = torch.exp2(column("norm_reward_exp"))

    def __call__(
        self,
        *,
        growth: Tensor,
        benchmark_growth: Tensor,
        progress: Tensor,
        drawdown_increase: Tensor,
        largest_weight: Tensor,
        cash_shortfall: Tensor,
    ) -> Tensor:
        """Pay for one bar; every argument has shape (M, E).

        Args:
            growth: Equity at the bar's end by equity at its start.
            benchmark_growth: The same of equal-weight buy and hold.
            progress: Part of the episode that is over, 0 in its first bar and 1 in its last.
            drawdown_increase: Of the fraction below the peak; at least 0.
            largest_weight: Of any symbol at the bar's end, as a fraction of equity.
            cash_shortfall: Fraction of equity that the cash lacks to its reserve; at least 0.

        Returns:
            Rewards, float32, shape (M, E).
        """
        excess = (growth / benchmark_growth).log_()
        reward = excess.mul_(1 - self._decay * progress)
        reward.sub_(growth.log().square_().mul_(self._volatility))
        reward.sub_(drawdown_increase * self._drawdown)
        reward.sub_((largest_weight - CONCENTRATION_LIMIT).clamp_min_(0).mul_(self._concentration))
        reward.sub_(cash_shortfall * self._reserve)
        return reward.mul_(self._scale).float()
