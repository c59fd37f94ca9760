"""The batched trading environment: members x environments, without a loop over either."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cappuccino_assets.envs.market import Bars, MarketTensors, gather
from cappuccino_assets.envs.reward import RewardConfig, RewardFunction
from cappuccino_assets.envs.state import State, Step, flattened, rebuilt, restarted
from cappuccino_assets.envs.volume import VolumeWindow
from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.execution.account import Account, BarPrices, open_account, trade_bar
from cappuccino_assets.execution.deadlines import bars_into_cycle
from cappuccino_assets.execution.fees import FEE_WINDOW_DAYS
from cappuccino_assets.execution.ledger import Ledger
from cappuccino_assets.execution.rules import RuleTensors, TradingRules


class TradingEnvironment:
    """M members, each trading in E environments of its own, by the rules of money.

    An episode begins flat, with a decision at the close of its first row, filled in the bar after
    it. In training it ends with its cycle (terminated) or with its block (truncated), whichever
    comes first; a continuing environment, for evaluation, runs cycle after cycle to the block's
    end. A position that is overdue when its episode ends is marked at its last close.

    Args:
        market: Bars on the device where everything runs.
        rules: One per member, M.
        rewards: One per member.
        n_envs: Environments of each member, E.
        continuing: Whether cycles follow each other.

    Raises:
        ConfigurationError: If rules and market do not fit each other, or the numbers of members.
    """

    def __init__(
        self,
        market: MarketTensors,
        *,
        rules: Sequence[TradingRules],
        rewards: Sequence[RewardConfig],
        n_envs: int,
        continuing: bool,
    ):
        if n_envs < 1 or not rules or len(rules) != len(rewards):
            raise ConfigurationError(
                "A population needs environments, and rules and a reward for each member, "
                f"but got {n_envs=}, {len(rules)=}, {len(rewards)=}."
            )
        self._market = market
        self._rules = RuleTensors(rules, market.device)
        _require_fit(self._rules, market)
        self._reward = RewardFunction(rewards, market.device)
        self._continuing = continuing
        self._shape = (len(rules), n_envs)
        window_bars = FEE_WINDOW_DAYS * self._rules.bars_per_day
        self._window = VolumeWindow(window_bars, self._shape, market.device)
        self._never = torch.zeros(self._shape, dtype=torch.bool, device=market.device)
        each_usd = 1 / (market.n_symbols * (1 + self._rules.fee_rates.first[..., None]))
        self._benchmark_usd = each_usd / self._rules.buy_factor  # of each symbol, at its open
        self._blank = self._state = self._blank_state()

    @property
    def n_members(self) -> int:
        """Number of members, M."""
        return self._shape[0]

    @property
    def n_envs(self) -> int:
        """Number of environments of each member, E."""
        return self._shape[1]

    @property
    def bar(self) -> Tensor:
        """Row of the next decision, int64, shape (M, E)."""
        return self._state.bar

    @property
    def finished(self) -> Tensor:
        """Whether the episode is over, bool, shape (M, E); true before the first reset."""
        return self._state.finished

    @property
    def equity(self) -> Tensor:
        """Worth of the account at the last close, in USD, shape (M, E)."""
        return self._state.equity

    @property
    def ledger(self) -> Ledger:
        """The books."""
        return self._state.account.ledger

    @property
    def account(self) -> Tensor:
        """What an agent sees of its account, float32, shape (M, E, A).

        Weights of cash and of each position in the equity; then, with a deadline, the fraction of
        the cycle that is left: 1 at its first decision, 1 / cycle_bars at its last.
        """
        state, ledger = self._state, self._state.account.ledger
        value = torch.cat([ledger.cash[..., None], ledger.quantity * state.close], dim=-1)
        weights = value.div_(state.equity[..., None]).float()
        if not self._rules.has_deadline:
            return weights
        left = 1 - state.into_cycle / self._rules.cycle_bars
        return torch.cat([weights, left[..., None]], dim=-1)

    def reset(self, start: Tensor, stop: Tensor) -> None:
        """Begin an episode in every environment.

        Args:
            start: Row of the first decision, int64, shape (M, E).
            stop: Row after the last one, int64, shape (M, E).

        Raises:
            ValueError: If a start is not tradable, or an episode does not lie in one segment with
                at least two rows.
        """
        self._check(start, stop)
        self._state = self._fresh(start, stop)

    def restart(self, mask: Tensor, start: Tensor, stop: Tensor) -> None:
        """Begin an episode where the mask (M, E) says so, and leave the others alone.

        Nothing is checked here, for a check would wait for the device at every bar: the starts of
        a `StartTable` obey the rules that `reset` checks.
        """
        self._state = restarted(self._state, mask, self._fresh(start, stop))

    def step(self, action: Tensor) -> Step:
        """Trade one bar in every environment that is not finished.

        Args:
            action: Trades wanted, in [-1, 1], shape (M, E, N).
        """
        before = self._state
        active = ~before.finished
        bar = before.bar + active
        bars = self._market.bars(bar)
        into_cycle = bars_into_cycle(bar, before.start, self._rules.cycle_bars)
        due = active & (into_cycle == 0)
        account, traded = self._trade(before, action, bars, active=active, due=due)
        terminated = self._never if self._continuing else due
        truncated = active & (bar == before.last) & ~terminated
        self._state = _marked(before, account, bars, traded)._replace(
            bar=bar, into_cycle=into_cycle, finished=before.finished | terminated | truncated
        )
        growth = self._state.equity / before.equity
        benchmark_growth = self._state.benchmark / before.benchmark
        return Step(
            reward=self._pay(before, growth, benchmark_growth).mul_(active),
            terminated=terminated,
            truncated=truncated,
            equity_return=growth - 1,
            benchmark_return=(benchmark_growth - 1).mul_(active),
            fee_usd=account.ledger.fees - before.account.ledger.fees,
            traded_usd=traded,
        )

    def state_dict(self) -> dict[str, Tensor]:
        """Copy all that a step changes."""
        state = {f"state.{name}": x.clone() for name, x in flattened(self._state).items()}
        return state | {f"window.{name}": x for name, x in self._window.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what `state_dict` copied."""
        self._state = rebuilt(self._state, state, "state")
        window = {name.removeprefix("window."): x for name, x in state.items()}
        self._window.load_state_dict(window)

    def _trade(
        self, before: State, action: Tensor, bars: Bars, *, active: Tensor, due: Tensor
    ) -> tuple[Account, Tensor]:
        next_observed = bars.observed & active[..., None]
        return trade_bar(
            before.account,
            action,
            BarPrices(
                close=before.close,
                next_open=bars.open,
                next_close=bars.close,
                tradable=before.observed & next_observed,
                next_observed=next_observed,
            ),
            equity=before.equity,
            fee_rate=self._fee_rate(before),
            due=due,
            rules=self._rules,
        )

    def _fee_rate(self, state: State) -> Tensor:
        rates = self._rules.fee_rates
        if rates.is_flat:
            return rates.first.expand(self._shape)
        return rates(self._window.volume(state.traded_usd, state.bar - state.start))

    def _pay(self, before: State, growth: Tensor, benchmark_growth: Tensor) -> Tensor:
        after, ledger = self._state, self._state.account.ledger
        n_bars = before.last - before.start
        if self._rules.has_deadline:
            n_bars = self._rules.cycle_bars
        largest_usd = (ledger.quantity * after.close).amax(dim=-1)
        cash_shortfall = self._rules.min_cash_reserve - ledger.cash / after.equity
        drawdown_increase = before.equity / before.peak - after.equity / after.peak
        return self._reward(
            growth=growth,
            benchmark_growth=benchmark_growth,
            progress=before.into_cycle / (n_bars - 1).clamp_min_(1),
            drawdown_increase=drawdown_increase.relu_(),
            largest_weight=largest_usd / after.equity,
            cash_shortfall=cash_shortfall.relu_(),
        )

    def _blank_state(self) -> State:
        cash = self._rules.initial_cash_usd.expand(self._shape)
        row = self._market.tradable.long().argmax().expand(self._shape)
        close = gather(self._market.close, row)
        return State(
            bar=row,
            start=row,
            last=row,
            into_cycle=torch.zeros_like(row),
            finished=~self._never,
            account=open_account(cash, self._market.n_symbols),
            close=close,
            observed=torch.zeros_like(close, dtype=torch.bool),
            equity=cash,
            peak=cash,
            traded_usd=torch.zeros_like(cash),
            benchmark_quantity=self._benchmark_usd / close,
            benchmark=torch.ones_like(cash),
        )

    def _fresh(self, start: Tensor, stop: Tensor) -> State:
        return self._blank._replace(
            bar=start,
            start=start,
            last=stop - 1,
            finished=self._never,
            close=gather(self._market.close, start),
            observed=gather(self._market.observed, start),
            benchmark_quantity=self._benchmark_usd / gather(self._market.open, start + 1),
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


def _marked(before: State, account: Account, bars: Bars, traded_usd: Tensor) -> State:
    equity = account.ledger.equity(bars.close)
    return before._replace(
        account=account,
        close=bars.close,
        observed=bars.observed,
        equity=equity,
        peak=before.peak.maximum(equity),
        traded_usd=before.traded_usd + traded_usd,
        benchmark=(before.benchmark_quantity * bars.close).sum(dim=-1),
    )


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
