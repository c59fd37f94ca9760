"""What an agent sees, in the order of its feature contract."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.features.scaling import Scaler

CLIP_DEVIATIONS = 10.0


class ObservationBuilder:
    """Observations of M members: account weights, lagged columns, rolling columns, clock.

    Market columns are standardised by each member's own scaler, clipped at ten deviations, and
    multiplied by 2 to the power of `norm_tech_exp`. Weights and the clock need no scale.

    Args:
        market: Features, shape (T, D).
        lookback: Bars in one observation, L; lag 0, the newest, comes first.
        scalers: One per member, fitted on its training rows.
        norm_tech_exp: One for all members, or one per member.
        has_clock: Whether the account's last column is the clock.

    Raises:
        ConfigurationError: If the lookback is not positive, or numbers of members or columns
            do not fit.
    """

    def __init__(
        self,
        market: MarketTensors,
        *,
        lookback: int,
        scalers: Sequence[Scaler],
        norm_tech_exp: float | Sequence[float],
        has_clock: bool,
    ):
        if lookback < 1:
            raise ConfigurationError(f"A lookback is at least 1 bar, but got {lookback=}.")
        n_columns = market.features.shape[1]
        for scaler in scalers:
            if len(scaler.mean) != n_columns:
                raise ConfigurationError(
                    f"The scaler has {len(scaler.mean)} columns, but the market {n_columns}."
                )
        exponents = _per_member(norm_tech_exp, len(scalers))
        self._n_weights = 1 + market.n_symbols
        self._n_account = self._n_weights + has_clock
        self._table = _lagged_table(market, lookback)
        mean, std = (
            _lagged_row([getattr(scaler, name) for scaler in scalers], market, lookback)
            for name in ("mean", "std")
        )
        scale = torch.exp2(torch.tensor(exponents, dtype=torch.float64, device=market.device))
        scale = scale[:, None, None]  # (M, 1, 1)
        self._slope = (scale / std).float()
        self._offset = (-mean * scale / std).float()
        self._highest = (CLIP_DEVIATIONS * scale).float()
        self._lowest = -self._highest

    @property
    def size(self) -> int:
        """Width of an observation, O."""
        return self._n_account + self._table.shape[1]

    def __call__(self, bar: Tensor, account: Tensor) -> Tensor:
        """Build observations.

        Args:
            bar: Row of the decision, int64, shape (M, B).
            account: Cash weight, position weights and the clock, if there is one; float32,
                shape (M, B, A).

        Returns:
            Float32, shape (M, B, O).
        """
        market = torch.addcmul(self._offset, torch.embedding(self._table, bar), self._slope)
        market.clamp_(self._lowest, self._highest)
        weights, clock = account[..., : self._n_weights], account[..., self._n_weights :]
        return torch.cat([weights, market, clock], dim=-1)


def _per_member(norm_tech_exp: float | Sequence[float], n_members: int) -> list[float]:
    if not isinstance(norm_tech_exp, Sequence):
        return [norm_tech_exp] * n_members
    if len(norm_tech_exp) != n_members:
        raise ConfigurationError(
            f"One exponent per member: expected {n_members}, but got {len(norm_tech_exp)}."
        )
    return list(norm_tech_exp)


def _lagged_table(market: MarketTensors, lookback: int) -> Tensor:
    row = torch.arange(market.n_bars, device=market.device)
    lagged = market.features[:, : market.n_lagged_columns]
    lags = [lagged[(row - lag).clamp_min_(0)] for lag in range(lookback)]
    return torch.cat([*lags, market.features[:, market.n_lagged_columns :]], dim=1)


def _lagged_row(values: list[tuple[float, ...]], market: MarketTensors, lookback: int) -> Tensor:
    columns = torch.tensor(values, dtype=torch.float64, device=market.device)  # (M, D)
    n = market.n_lagged_columns
    return torch.cat([columns[:, :n]] * lookback + [columns[:, n:]], dim=1)[:, None]
