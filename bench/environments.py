"""Environment steps a second: trading, rewards and restarts, without any policy."""

import torch

from bench.peers.task import market_arrays, market_task
from bench.timing import repeated
from cappuccino_assets.features.contract import Layout


def steps_per_second(
    *, n_members: int, n_envs: int, n_bars: int = 8_760, observe: bool = False
) -> float:
    """Median over some seconds of steps with random actions."""
    arrays = market_arrays(n_bars, Layout.COMPACT if n_bars > 8_760 else Layout.PER_COIN)
    task = market_task(range(n_members), n_envs=n_envs, arrays=arrays)
    generator = torch.Generator().manual_seed(0)
    action = torch.rand(n_members, n_envs, 7, generator=generator) * 2 - 1

    def step() -> None:
        task.step(action)
        if observe:
            task.observe(task.state())

    times = repeated(step, at_least_s=1.0, n_warm=20)
    return n_members * n_envs / times.median_s
