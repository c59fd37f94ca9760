"""Accounts that trade through the bars of a market, all at once and without pay."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.prices import PriceTable
from cappuccino_assets.envs.state import State, flattened, rebuilt, restarted
from cappuccino_assets.envs.volume import VolumeWindow
from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.execution.account import open_account, trade_bar
from cappuccino_assets.execution.deadlines import bars_into_cycle
from cappuccino_assets.execution.fees import FEE_WINDOW_DAYS
from cappuccino_assets.execution.rules import RuleTensors


class Traded(NamedTuple):
    """What one bar of all accounts came to.

    Attributes:
        active: Accounts whose episode was going on, bool, shape (M, E).
        due: Accounts whose cycle ended with the bar, bool, shape (M, E).
        close: Prices at which the accounts are marked, in USD, shape (M, E, N).
        value: Of each position at them, in USD, shape (M, E, N).
        traded_usd: Gross value of the bar's fills, shape (M, E).
        held_after_open: Quantity after the fills at the open, before those at the close, shape
            (M, E, N).
    """

    active: Tensor
    due: Tensor
    close: Tensor
    value: Tensor
    traded_usd: Tensor
    held_after_open: Tensor


class TradingAccounts:
    """M members, each trading by the rules of money in E accounts of its own.

    An episode begins flat, with a decision at the close of its first row, filled in the bar after
    it. It ends with its cycle or with its block, whichever comes first; continuing accounts, for
    evaluation, trade cycle after cycle to the block's end. A position that is overdue when its
    episode ends is marked at its last close.

    Every tensor that is handed out is left as it is by later bars.

    Args:
        market: Bars on the device where everything runs.
        rules: Of the M members.
        n_envs: Accounts of each member, E.
        continuing: Whether cycles follow each other.

    Raises:
        ConfigurationError: If rules and market do not fit each other, or there are no accounts.
    """

    def __init__(self, market: MarketTensors, rules: RuleTensors, *, n_envs: int, continuing: bool):
        if n_envs < 1:
            raise ConfigurationError(f"Members need accounts, but got {n_envs=}.")
        _require_fit(rules, market)
        self._market = market
        self._rules = rules
        self._continuing = continuing
        self._shape = (rules.n_members, n_envs)
        self._prices = PriceTable(market, rules)
        window_bars = FEE_WINDOW_DAYS * rules.bars_per_day
        self._window = VolumeWindow(window_bars, self._shape, market.device)
        self._outlives_window = continuing or max(rules.cycles) > window_bars
        self._n_bars_together: int | None = None  # since all accounts began at once, if they did
        self._flat = torch.ones(1 + market.n_symbols + rules.has_deadline, device=market.device)
        self._flat[1 : 1 + market.n_symbols] = 0.0
        self._state = self._blank()

    @property
    def state(self) -> State:
        """The accounts as they are."""
        return self._state

    def reset(self, start: Tensor, stop: Tensor) -> None:
        """Begin an episode in every account.

        Args:
            start: Row of the first decision, int64, shape (M, E).
            stop: Row after the last one, int64, shape (M, E).

        Raises:
            ValueError: If a start is not tradable, or an episode does not lie in one segment with
                at least two rows.
        """
        self._check(start, stop)
        self._state = self._blank()
        self.restart(self._state.finished, start, stop)
        self._n_bars_together = 0

    def restart(self, mask: Tensor, start: Tensor, stop: Tensor) -> None:
        """Begin an episode where the mask (M, E) says so, and leave the others alone.

        Nothing is checked here, for a check would wait for the device at every bar: the starts of
        a `StartTable` obey the rules that `reset` checks.
        """
        end = stop - 1
        if not self._continuing:
            end = end.minimum(start + self._rules.cycle_bars)
        self._n_bars_together = None
        self._state = restarted(
            self._state,
            mask,
            start=start,
            end=end,
            cash=self._rules.initial_cash_usd,
            seen=self._flat,
        )

    def trade(self, action: Tensor) -> Traded:
        """Trade one bar in every account whose episode is not finished.

        Args:
            action: Trades wanted, in [-1, 1], shape (M, E, N).
        """
        before = self._state
        active = ~before.finished
        bar, age = before.bar + active, before.age + active
        into_cycle = bars_into_cycle(age, self._rules.cycle_bars)
        due = (into_cycle == 0).logical_and_(active)
        prices = self._prices(bar, active)
        account, held_after_open, traded_usd = trade_bar(
            before.account,
            action,
            prices,
            equity=before.equity,
            fee_rate=self._fee_rate(before),
            due=due if self._may_be_due() else None,
            rules=self._rules,
        )
        value = account.ledger.quantity * prices.next_close
        equity = value.sum(dim=-1).add_(account.ledger.cash)
        self._state = State(
            bar=bar,
            start=before.start,
            end=before.end,
            age=age,
            into_cycle=into_cycle,
            finished=bar == before.end,
            account=account,
            equity=equity,
            traded_usd=before.traded_usd + traded_usd,
            seen=self._seen(account.ledger.cash, value, equity, into_cycle),
        )
        return Traded(active, due, prices.next_close, value, traded_usd, held_after_open)

    def state_dict(self) -> dict[str, Tensor]:
        """Copy all that a bar changes."""
        together = -1 if self._n_bars_together is None else self._n_bars_together
        window = self._window.state_dict() if self._outlives_window else {}
        return (
            {name: tensor.clone() for name, tensor in flattened(self._state).items()}
            | {f"window.{name}": tensor for name, tensor in window.items()}
            | {"n_bars_together": torch.tensor(together)}
        )

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what `state_dict` copied."""
        self._state = rebuilt(self._state, state)
        together = int(state["n_bars_together"])
        self._n_bars_together = None if together < 0 else together
        if self._outlives_window:
            self._window.load_state_dict(
                {name.removeprefix("window."): tensor for name, tensor in state.items()}
            )

    def _may_be_due(self) -> bool:
        """Whether a cycle may end with this bar, as far as is known without asking the device."""
        if self._n_bars_together is None:
            return self._rules.has_deadline
        self._n_bars_together += 1
        return any(self._n_bars_together % cycle == 0 for cycle in self._rules.cycles)

    def _seen(self, cash: Tensor, value: Tensor, equity: Tensor, into_cycle: Tensor) -> Tensor:
        holdings = torch.cat([cash.unsqueeze(-1), value], dim=-1)
        weights = holdings.div_(equity.unsqueeze(-1)).float()
        if not self._rules.has_deadline:
            return weights
        left = 1 - into_cycle / self._rules.cycle_bars
        return torch.cat([weights, left.unsqueeze(-1)], dim=-1)

    def _fee_rate(self, state: State) -> Tensor:
        rates = self._rules.fee_rates
        if rates.is_flat:
            return rates.first
        if not self._outlives_window:
            return rates(state.traded_usd)
        return rates(self._window.volume(state.traded_usd, state.age))

    def _blank(self) -> State:
        """Make accounts that are finished before they began, at a row that can be traded."""
        cash = self._rules.initial_cash_usd.expand(self._shape)
        row = self._market.tradable.long().argmax().expand(self._shape)
        nothing = torch.zeros_like(row)
        return State(
            bar=row,
            start=row,
            end=row,
            age=nothing,
            into_cycle=nothing,
            finished=torch.ones_like(row, dtype=torch.bool),
            account=open_account(cash, self._market.n_symbols),
            equity=cash,
            traded_usd=torch.zeros_like(cash),
            seen=self._flat.expand(*self._shape, -1),
        )

    def _check(self, start: Tensor, stop: Tensor) -> None:
        if start.shape != self._shape or stop.shape != self._shape:
            raise ValueError(f"Episodes need shape {self._shape}, but got {tuple(start.shape)}.")
        last = self._market.n_bars - 1
        if not bool(((start >= 0) & (start + 1 < stop) & (stop - 1 <= last)).all()):
            raise ValueError(f"Episodes need two rows or more in [0, {last + 1}).")
        if not bool(self._market.tradable[start].all()):
            row = start[~self._market.tradable[start]][0]
            raise ValueError(f"Every start must be tradable, but row {int(row)} is not.")
        segment = self._market.segment
        if not bool((segment[start] == segment[stop - 1]).all()):
            raise ValueError("An episode must lie in one segment.")


def _require_fit(rules: RuleTensors, market: MarketTensors) -> None:
    if rules.symbols != market.symbols:
        raise ConfigurationError(
            f"The rules are for {rules.symbols}, but the market has {market.symbols}."
        )
    if rules.bars_per_day != market.bars_per_day:
        raise ConfigurationError(
            f"The rules are for {rules.bars_per_day} bars a day, "
            f"but the market has {market.bars_per_day}."
        )
