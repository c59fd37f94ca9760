"""The batched trading environment: members x environments, without a loop over either."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cappuccino_assets.envs.accounts import Traded, TradingAccounts
from cappuccino_assets.envs.benchmark import BuyAndHold
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.reward import PaidBar, RewardConfig, RewardFunction
from cappuccino_assets.envs.state import State, Step, flattened, rebuilt
from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.execution.ledger import Ledger
from cappuccino_assets.execution.rules import RuleTensors, TradingRules


class _Memory(NamedTuple):
    """What rewards compare a bar with: the highest equity so far, and buy and hold; (M, E)."""

    peak: Tensor
    benchmark: Tensor


class TradingEnvironment:
    """Accounts of M members, in E environments each, that are paid for every bar.

    In training an episode ends with its cycle (terminated) or with its block (truncated), whichever
    comes first; a continuing environment runs cycle after cycle to the block's end.

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
        if not rules or len(rules) != len(rewards):
            raise ConfigurationError(
                "A population needs rules and a reward for each member, "
                f"but got {len(rules)=}, {len(rewards)=}."
            )
        self._rules = RuleTensors(rules, market.device)
        self._accounts = TradingAccounts(market, self._rules, n_envs=n_envs, continuing=continuing)
        self._reward = RewardFunction(
            rewards,
            min_cash_reserve=[each.min_cash_reserve for each in rules],
            device=market.device,
        )
        self._buy_and_hold = BuyAndHold(market, self._rules)
        self._shape = (len(rules), n_envs)
        self._never = torch.zeros(self._shape, dtype=torch.bool, device=market.device)
        self._continuing = continuing
        self._memory = self._fresh = _Memory(
            peak=self._accounts.state.equity,
            benchmark=torch.ones_like(self._accounts.state.equity),
        )

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
        return self._accounts.state.bar

    @property
    def finished(self) -> Tensor:
        """Whether the episode is over, bool, shape (M, E); true before the first reset."""
        return self._accounts.state.finished

    @property
    def equity(self) -> Tensor:
        """Worth of the account at the last close, in USD, shape (M, E)."""
        return self._accounts.state.equity

    @property
    def benchmark(self) -> Tensor:
        """Worth at the last close of 1 USD that bought and holds all symbols, shape (M, E)."""
        return self._memory.benchmark

    @property
    def ledger(self) -> Ledger:
        """The books."""
        return self._accounts.state.account.ledger

    @property
    def account(self) -> Tensor:
        """What an agent sees of its account, float32, shape (M, E, A).

        Weights of cash and of each position in the equity; then, with a deadline, the fraction of
        the cycle that is left: 1 at its first decision, 1 / cycle_bars at its last.
        """
        return self._accounts.state.seen

    def reset(self, start: Tensor, stop: Tensor) -> None:
        """Begin an episode in every environment; see `TradingAccounts.reset`."""
        self._accounts.reset(start, stop)
        self._memory = self._fresh

    def restart(self, mask: Tensor, start: Tensor, stop: Tensor) -> None:
        """Begin an episode where the mask (M, E) says so; see `TradingAccounts.restart`."""
        self._accounts.restart(mask, start, stop)
        self._memory = _Memory(
            *(new.where(mask, old) for new, old in zip(self._fresh, self._memory, strict=True))
        )

    def step(self, action: Tensor) -> Step:
        """Trade one bar in every environment that is not finished.

        Args:
            action: Trades wanted, in [-1, 1], shape (M, E, N).
        """
        before = self._accounts.state
        traded = self._accounts.trade(action)
        after = self._accounts.state
        reward = self._pay(before, after, traded)
        ended = after.finished & traded.active
        return Step(
            reward=reward.mul_(traded.active),
            terminated=self._never if self._continuing else traded.due,
            truncated=ended if self._continuing else ended > traded.due,
            traded_usd=traded.traded_usd,
        )

    def state_dict(self) -> dict[str, Tensor]:
        """Copy all that a step changes."""
        memory = {f"memory.{name}": x.clone() for name, x in flattened(self._memory).items()}
        return memory | self._accounts.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what `state_dict` copied."""
        self._memory = rebuilt(self._memory, state, "memory")
        self._accounts.load_state_dict(state)

    def _pay(self, before: State, after: State, traded: Traded) -> Tensor:
        memory = self._memory
        self._memory = _Memory(
            peak=memory.peak.maximum(after.equity),
            benchmark=self._buy_and_hold.value(after.start, traded.close),
        )
        has_deadline = self._rules.has_deadline
        return self._reward(
            PaidBar(
                equity_before=before.equity,
                equity=after.equity,
                peak_before=memory.peak,
                peak=self._memory.peak,
                benchmark_before=memory.benchmark,
                benchmark=self._memory.benchmark,
                cash=after.account.ledger.cash,
                value=traded.value,
                bar=before.into_cycle,
                n_bars=self._rules.cycle_bars if has_deadline else after.end - after.start,
            )
        )
