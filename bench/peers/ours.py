"""Our trainer on the common task: the only place that knows its signatures."""

import time
from collections.abc import Sequence

from torch import Tensor

from bench.peers.work import Work
from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.ppo import PPOAgent
from cappuccino_assets.agents.ppo_batch import PPOBatch
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.ppo import train_ppo
from cappuccino_assets.training.task import Task


class ClockedPPO(PPOAgent):
    """Adds up what the updates take; the rest is acting, environments and advantages."""

    update_s = 0.0

    @property
    def n_gradient_steps(self) -> int:
        return int(self.state_dict()["n_steps"].max())

    def update(self, batch: PPOBatch, **progress: float) -> dict[str, Tensor]:
        started = time.process_time()
        diagnostics = super().update(batch, **progress)
        self.update_s += time.process_time() - started
        return diagnostics


def our_agent(work: Work, task: Task, seeds: Sequence[int]) -> ClockedPPO:
    return ClockedPPO(
        [work.config()] * len(seeds),
        observation_size=task.observation_size,
        action_space=ActionSpace(kind="continuous", n_symbols=7),
        random=MemberRandom([seed + 1_000_003 for seed in seeds]),
    )


def train_ours(
    work: Work, task: Task, seeds: Sequence[int]
) -> tuple[ClockedPPO, list[dict[str, Tensor]]]:
    """Train one member per seed; returns the agent and its learning curve."""
    agent = our_agent(work, task, seeds)
    noise = MemberRandom([seed + 2_000_003 for seed in seeds])
    return agent, train_ppo(task, agent, noise, n_steps=work.n_steps)
