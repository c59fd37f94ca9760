"""Which rows policies are shown before what they decide is traded."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.envs.environment import TradingEnvironment
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.features.blocks import segment_blocks
from cappuccino_assets.features.scaling import Scaler
from cappuccino_assets.proofs.findings import Check
from cappuccino_assets.proofs.history import Seen
from cappuccino_assets.proofs.records import difference
from cappuccino_assets.proofs.settings import REWARD, full_rules
from cappuccino_assets.proofs.trades import evaluated
from cappuccino_assets.types import IntArray

_N_STEPS: Final = 300  # of the training that is watched
_N_ENVS: Final = 16


def asking_checks(seen: Seen) -> Iterator[Check]:
    """Check that training and evaluation show the row that they decide at, and no other."""
    yield _check("evaluation: shows the bar before the trade", seen, *_evaluated_rows(seen))
    yield _check("training: shows the bar before the trade", seen, *_trained_rows(seen))


class _AskedActor:
    """Does nothing, and keeps the rows that it is asked about."""

    n_members = 1

    def __init__(self, n_symbols: int):
        self._n_symbols = n_symbols
        self.asked: list[Tensor] = []

    def act(self, bar: Tensor, account: Tensor) -> Tensor:
        self.asked.append(bar[0])
        return torch.zeros(*bar.shape, self._n_symbols)


class _AskedBuilder(ObservationBuilder):
    """Builds observations, and keeps the rows that it is asked about."""

    asked: Tensor

    def __call__(self, bar: Tensor, account: Tensor) -> Tensor:
        self.asked = bar
        return super().__call__(bar, account)


def _evaluated_rows(seen: Seen) -> tuple[IntArray, IntArray]:
    """Rows before those traded through, and rows asked about."""
    actor = _AskedActor(len(seen.arrays.symbols))
    results = evaluated(seen, actor)
    asked = torch.stack(actor.asked).numpy()  # (steps, blocks)
    traded = np.concatenate([result.open_time for result in results])
    rows = [asked[: result.n_bars, number] for number, result in enumerate(results)]
    return np.searchsorted(seen.arrays.open_time, traded) - 1, np.concatenate(rows)


@torch.inference_mode()
def _trained_rows(seen: Seen) -> tuple[IntArray, IntArray]:
    """Rows at which a training decides, and rows that it observes before."""
    arrays, settings, pipeline = seen.arrays, seen.settings, seen.pipeline
    market = MarketTensors.from_arrays(arrays)
    environment = TradingEnvironment(
        market, rules=[full_rules(seen.plan)], rewards=[REWARD], n_envs=_N_ENVS, continuing=False
    )
    n_columns = arrays.contract.n_columns
    unscaled = Scaler(mean=(0.0,) * n_columns, std=(1.0,) * n_columns)
    observe = _AskedBuilder(
        market, lookback=settings.lookback, scalers=[unscaled], norm_tech_exp=0.0, has_clock=True
    )
    starts = pipeline.starts([segment_blocks(arrays.segment)], arrays, settings.lookback)
    random = MemberRandom([settings.seed])
    task = pipeline.task(environment, observe, starts, random, settings.cycle_bars)
    decided, asked = [], []
    for _ in range(_N_STEPS):
        task.observe(task.state())
        asked.append(observe.asked)
        decided.append(environment.bar)
        task.step(torch.zeros(1, _N_ENVS, len(arrays.symbols)))
    return _flat(decided), _flat(asked)


def _flat(rows: Sequence[Tensor]) -> IntArray:
    flat: IntArray = torch.stack(list(rows)).flatten().numpy()
    return flat


def _check(name: str, seen: Seen, expected: IntArray, found: IntArray) -> Check:
    differs = np.flatnonzero(expected != found)
    if not differs.size:
        return Check(name=name, n_cuts=1, n_rows=len(expected))
    row = int(expected[differs[0]])
    first = difference(
        "row that is shown",
        row=row,
        time=int(seen.arrays.open_time[row]),
        expected=float(row),
        found=float(found[differs[0]]),
    )
    return Check(name=name, n_cuts=1, n_rows=len(expected), difference=first)
