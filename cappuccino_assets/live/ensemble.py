"""Several models that decide as one."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from statistics import median_low
from typing import Final, Self

import numpy as np
import torch
from torch import Tensor

from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.errors import ManifestError
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.live.manifest import Manifest, Member, market_contract, read_manifest
from cappuccino_assets.registry.entries import vin_of
from cappuccino_assets.registry.grading import grade
from cappuccino_assets.registry.models import Model, read_model
from cappuccino_assets.registry.vin import parse
from cappuccino_assets.types import FloatArray

_ANY_TRADE: Final = float(np.finfo(np.float64).tiny)


class Ensemble:
    """The members of a manifest, verified, as one policy.

    Args:
        manifest: What was published.
        models: Its members' models, in its order.
    """

    def __init__(self, manifest: Manifest, models: Sequence[Model]):
        self.manifest = manifest
        self.models = tuple(models)
        alike = sorted(range(len(models)), key=lambda i: _shape(models[i]))
        groups = groupby(alike, key=lambda i: _shape(models[i]))
        self._stacks = [_Stack([models[i] for i in members]) for _, members in groups]
        self._markets = set(model.contract.market_part() for model in models)
        self.lookback = max(stack.lookback for stack in self._stacks)

    @classmethod
    def load(cls, manifest_path: Path) -> Self:
        """Load a manifest and every member that it names.

        Raises:
            ManifestError: If there is no manifest, it is damaged, or a member is not of its market.
            IntegrityError: If a member's files are not the ones that were published.
            ContractMismatchError: If a member's weights were made for another contract.
        """
        return cls.of(read_manifest(manifest_path), manifest_path.parent)

    @classmethod
    def of(cls, manifest: Manifest, folder: Path) -> Self:
        """Load every member that a manifest names.

        Args:
            manifest: Who the members are.
            folder: What their paths are relative to.

        Raises:
            ManifestError: If a member is not of its market, or not what is said of it.
            IntegrityError: If a member's files are not the ones that were published.
            ContractMismatchError: If a member's weights were made for another contract.
        """
        return cls(manifest, [load_member(folder, manifest, each) for each in manifest.members])

    @property
    def rules(self) -> TradingRules:
        """The rules of its one account.

        Its trades are fractions of equity, below no threshold. Cash reserve and trailing stop are
        the lower median of the members', so that they are some member's; the rest is the best
        member's.
        """
        members = [model.config.rules for model in self.models]
        return replace(
            members[0],
            hold_threshold=_ANY_TRADE,
            trade_fraction=1.0,
            min_cash_reserve=median_low(each.min_cash_reserve for each in members),
            trailing_stop_pct=median_low(each.trailing_stop_pct for each in members),
        )

    def act(
        self,
        arrays: FeatureArrays,
        row: int,
        account: FloatArray,
        cycle_left: float | None = None,
    ) -> FloatArray:
        """Decide at the close of a bar: the mean of what each member would trade.

        A symbol without a trade in that bar is not traded.

        Args:
            arrays: Features of the members' contracts.
            row: Row of the bar that was just closed.
            account: Cash weight, then the weight of every position; shape (1 + N,).
            cycle_left: Fraction of the trading cycle that is left, for members with a clock.

        Returns:
            Trades as fractions of equity, negative to sell, shape (N,).

        Raises:
            ContractMismatchError: If the arrays are not what a member was trained on; it names the
                first field that differs.
            ValueError: If the row has no whole history behind it, or the account does not fit.
        """
        for contract in self._markets:
            contract.require_equal(arrays.contract)
        if account.shape != (1 + len(arrays.symbols),):
            raise ValueError(f"An account has shape (1 + N,), but got {account.shape}.")
        market = MarketTensors.from_arrays(_window(arrays, row, self.lookback))
        trades = [stack.trades(market, account, cycle_left) for stack in self._stacks]
        mean = torch.cat(trades).mean(dim=0).numpy()
        return np.where(arrays.observed[row], mean, 0.0)


def load_member(folder: Path, manifest: Manifest, member: Member) -> Model:
    """Read a member's model, and hold it against all that the manifest says of it.

    Raises:
        ManifestError: If it is not of the manifest's market, or not what is said of it.
        IntegrityError: If its files are not the ones that were published.
        ContractMismatchError: If its weights were made for another contract.
    """
    model = read_model(
        folder / member.path, sha256=member.sha256, contract_hash=member.contract_hash
    )
    if model.hyperparams_sha256 != member.hyperparams_sha256:
        raise ManifestError(f"{folder / member.path}: the configuration is not the published one.")
    market = market_contract(model.contract, model.config)
    if market.hash != manifest.market_contract_hash:
        raise ManifestError(f"{member.vin} is made for another market than the ensemble: {market}.")
    _require_stated(f"The interval of {member.vin}", market.interval, manifest.interval)
    _require_stated(f"The timeframe of {member.vin}", market.timeframe, manifest.timeframe)
    stop = model.config.rules.trailing_stop_pct
    _require_stated(f"The trailing stop of {member.vin}", stop, member.trailing_stop_pct)
    _require_stated("The code of a member", _vin(member, model), member.vin)
    return model


class EnsembleActor:
    """An ensemble in a backtest: one member, which decides as it does live.

    Args:
        ensemble: Decides.
        arrays: Bars of the backtest.
    """

    def __init__(self, ensemble: Ensemble, arrays: FeatureArrays):
        self._ensemble = ensemble
        self._arrays = arrays

    @property
    def n_members(self) -> int:
        """One, however many models decide together."""
        return 1

    def act(self, bar: Tensor, account: Tensor) -> Tensor:
        """Decide for every account at its own bar, shape (1, E, N)."""
        n_weights = 1 + len(self._arrays.symbols)
        trades = [
            self._ensemble.act(self._arrays, int(row), seen[:n_weights], float(seen[n_weights]))
            for row, seen in zip(bar[0], account[0].double().numpy(), strict=True)
        ]
        return torch.from_numpy(np.stack(trades))[None]


class _Stack:
    """Members of one shape, evaluated together."""

    def __init__(self, models: Sequence[Model]):
        self.lookback = models[0].config.lookback
        self._has_clock = models[0].contract.clock_bars is not None
        self._scalers = [model.scaler for model in models]
        self._exponents = [model.config.norm_tech_exp for model in models]
        self._policy = Policy.from_members(
            [model.tensors for model in models], models[0].action_space
        )
        rules = [model.config.rules for model in models]
        self._threshold = _column([each.hold_threshold for each in rules])
        self._fraction = _column([each.trade_fraction for each in rules])

    def trades(
        self, market: MarketTensors, account: FloatArray, cycle_left: float | None
    ) -> Tensor:
        """Trades of every member as fractions of equity, shape (M, N), at the market's last row."""
        if self._has_clock and cycle_left is None:
            raise ValueError("A member with a clock must be told what is left of the cycle.")
        clock = [cycle_left] if self._has_clock else []
        observe = ObservationBuilder(
            market,
            lookback=self.lookback,
            scalers=self._scalers,
            norm_tech_exp=self._exponents,
            has_clock=self._has_clock,
        )
        n_members = self._policy.n_members
        row = torch.full((n_members, 1), market.n_bars - 1)
        state = torch.tensor([*account, *clock], dtype=torch.float32).expand(n_members, 1, -1)
        action = self._policy.act_greedily(observe(row, state))[:, 0].double().clamp(-1, 1)
        return action * (action.abs() >= self._threshold) * self._fraction


def _vin(member: Member, model: Model) -> str:
    return vin_of(
        model.config,
        sha256=model.sha256,
        grade=grade(member.score),
        completed_at=f"{parse(member.vin).date}T00:00:00+00:00",
    )


def _require_stated(name: str, found: str | float, stated: str | float) -> None:
    if found != stated:
        raise ManifestError(f"{name} is {found}, but the manifest says {stated}.")


def _window(arrays: FeatureArrays, row: int, lookback: int) -> FeatureArrays:
    first = row - lookback + 1
    if not 0 <= first <= row < arrays.n_bars:
        raise ValueError(f"Row {row} has not {lookback} rows behind it among {arrays.n_bars}.")
    window = arrays.block(Block(start=first, stop=row + 1))
    if window.segment[0] < 0 or (window.segment != window.segment[0]).any():
        raise ValueError(f"The {lookback} rows up to row {row} reach over a gap.")
    return window


def _shape(model: Model) -> tuple[str, bool, int, int, int]:
    return (
        model.action_space.kind,
        model.contract.clock_bars is not None,
        model.config.lookback,
        model.config.agent.net_dimension,
        len(model.tensors),
    )


def _column(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]
