"""How near the update comes to what the processor multiplies, and what share is not the update."""

import time
from dataclasses import dataclass

from bench.gemm import gemm_gflops
from bench.peers.ours import train_ours
from bench.peers.task import market_task
from bench.peers.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSpeed:
    """Speeds in GFLOP/s, measured one right after the other."""

    width: int
    update_gflops: float
    gemm_gflops: float

    @property
    def fraction(self) -> float:
        return self.update_gflops / self.gemm_gflops


def update_speed(work: Work, *, n_rounds: int) -> UpdateSpeed:
    """Median of several pairs of measurements, by their ratio."""
    pairs = sorted((_update_speed(work) for _ in range(n_rounds)), key=lambda each: each.fraction)
    return pairs[len(pairs) // 2]


def share_outside_update(work: Work, *, n_members: int) -> float:
    """Fraction of a training that acts, steps environments and estimates advantages."""
    seeds = range(n_members)
    task = market_task(seeds, n_envs=work.n_envs)
    started = time.process_time()
    agent, _ = train_ours(work, task, seeds)
    return 1 - agent.update_s / (time.process_time() - started)


def _update_speed(work: Work) -> UpdateSpeed:
    task = market_task([0], n_envs=work.n_envs)
    peak = gemm_gflops(work.width)
    agent, _ = train_ours(work, task, [0])
    flops = work.update_flops(n_inputs=task.observation_size, n_actions=7)
    return UpdateSpeed(
        width=work.width,
        update_gflops=flops / agent.update_s / 1e9,
        gemm_gflops=peak,
    )
