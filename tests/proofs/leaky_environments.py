"""Environments that see, fill, mark or pay by prices that they should not."""

from dataclasses import replace

import torch

from cappuccino_assets.proofs.pipeline import training_environment


class _Leaky:
    """The real environment, for others to spoil one thing of.

    Args:
        lag: Bars between the right one and the one used; negative for an earlier one.
    """

    def __init__(self, market, rules, reward, n_envs, *, lag):
        self._market = market
        self._lag = lag
        self._inner = training_environment(self._spoilt(market), rules, reward, n_envs)

    def _spoilt(self, market):
        return market

    @property
    def equity(self):
        return self._inner.equity

    @property
    def ledger(self):
        return self._inner.ledger

    @property
    def account(self):
        return self._inner.account

    def reset(self, start, stop):
        self._inner.reset(start, stop)

    def step(self, action):
        return self._inner.step(action)

    def _close(self, lag):
        """Close some bars after the one that was traded through, (M, E, N)."""
        return self._market.close[(self._inner.bar + lag).clamp(0, self._market.n_bars - 1)]


class SeesPricesAhead(_Leaky):
    """Weights are those at a later close."""

    @property
    def account(self):
        account, ledger = self._inner.account.clone(), self._inner.ledger
        value = ledger.quantity * self._close(self._lag)
        n_symbols = value.shape[-1]
        weights = value / (value.sum(dim=-1) + ledger.cash).unsqueeze(-1)
        account[..., 1 : 1 + n_symbols] = weights.float()
        return account


class MarksAhead(_Leaky):
    """Equity is that at a later close."""

    @property
    def equity(self):
        return self._inner.ledger.equity(self._close(self._lag))


class PaidForAnotherBar(_Leaky):
    """The reward holds a part of another bar's return."""

    def step(self, action):
        step = self._inner.step(action)
        growth = (self._close(self._lag) / self._close(self._lag - 1)).log().mean(dim=-1)
        return step._replace(reward=step.reward + 0.01 * growth.float())


class FillsElsewhere(_Leaky):
    """Orders are filled at another bar's open."""

    def _spoilt(self, market):
        rows = (torch.arange(market.n_bars) + self._lag).clamp(0, market.n_bars - 1)
        return replace(market, open=market.open[rows])


class OrdersKnowACloseAhead(_Leaky):
    """What falls by a later close is not bought, and what rises not sold."""

    def step(self, action):
        rises = self._close(self._lag) > self._close(0)
        return self._inner.step(action.where(rises == (action > 0), 0.0))
