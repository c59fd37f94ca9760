"""Off-policy training: act, remember, replay."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cappuccino_assets.agents.ddqn import DDQNAgent, DDQNBatch
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.replay import ReplayBuffer
from cappuccino_assets.training.state import (
    Curve,
    State,
    counters,
    joined,
    part_of,
    stacked,
    unstacked,
)
from cappuccino_assets.training.task import Task

_N_REPORTS = 32  # entries of the learning curve


class DDQNTraining:
    """A training that can be halted after any step, and continued.

    Learning begins as soon as one batch is held. Gradient steps and copies to the target network
    are counted in environment steps, so the number of environments does not change them.

    Args:
        task: The environments.
        agent: The members; changed in place.
        random: Streams of exploration and replay.
        n_steps: Environment steps of one member, rounded up to whole steps of all environments.
    """

    def __init__(self, task: Task, agent: DDQNAgent, random: MemberRandom, *, n_steps: int):
        self._task = task
        self.agent = agent
        self._random = random
        self._config = agent.configs[0]
        self._trades = agent.action_space.trade_table(task.state().device)
        self._buffer = _buffer(task, self._config.buffer_size)
        self._n_rounds = -(-n_steps // task.n_envs)
        self._n_acted = 0
        self._reward = self._trades.new_zeros(task.n_members)  # since the last report
        self._n_rewards = 0
        self.curve: Curve = []

    @property
    def n_steps(self) -> int:
        """Environment steps of the whole training of one member."""
        return self._n_rounds * self._task.n_envs

    @property
    def n_done(self) -> int:
        """Environment steps that each member has taken."""
        return self._n_acted * self._task.n_envs

    def advance(self, until_step: int) -> None:
        """Go on until at least so many steps are done, or all are."""
        while self.n_done < min(until_step, self.n_steps):
            progress = self._n_acted / self._n_rounds
            self._act(self.agent.epsilon(progress))
            diagnostics = self._learn(progress)
            if self._n_crossed(self._config.target_update):
                self.agent.copy_to_target()
            if diagnostics and self._n_rewards >= self._n_rounds / _N_REPORTS:
                self._report(diagnostics)

    def state_dict(self) -> State:
        """Copy all that `advance` changes, but for the task."""
        return joined(
            agent=self.agent.state_dict(),
            buffer=self._buffer.state_dict(),
            curve=stacked(self.curve),
            report={"reward": self._reward.clone()},
            count=counters(
                acted=self._n_acted, rewards=self._n_rewards, draws=self._random.counter
            ),
        )

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what `state_dict` copied."""
        self.agent.load_state_dict(part_of(state, "agent"))
        self._buffer.load_state_dict(part_of(state, "buffer"))
        self.curve = unstacked(part_of(state, "curve"), self._reward.device)
        self._reward.copy_(part_of(state, "report")["reward"])
        count = part_of(state, "count")
        self._n_acted, self._n_rewards = int(count["acted"]), int(count["rewards"])
        self._random.counter = int(count["draws"])

    @torch.no_grad()
    def _act(self, epsilon: Tensor) -> None:
        task = self._task
        state = task.state()
        draws = self._random.uniform(task.n_envs, 2)
        action = self.agent.sample(task.observe(state), draws, epsilon=epsilon)
        transition = task.step(self._trades[action])
        self._buffer.append(state, action, transition)
        self._reward += transition.reward.mean(dim=1)
        self._n_rewards += 1
        self._n_acted += 1

    def _learn(self, progress: float) -> dict[str, Tensor]:
        diagnostics: dict[str, Tensor] = {}
        for _ in range(self._n_crossed(self._config.train_frequency)):
            if self._buffer.n_transitions >= self._config.batch_size:
                diagnostics = self.agent.update(self._replay(), progress=progress)
        return diagnostics

    def _n_crossed(self, every: int) -> int:
        """Count the multiples of `every` among the steps of the last round."""
        return self.n_done // every - (self.n_done - self._task.n_envs) // every

    def _report(self, diagnostics: dict[str, Tensor]) -> None:
        self.curve.append({"mean_reward": self._reward / self._n_rewards, **diagnostics})
        self._reward.zero_()
        self._n_rewards = 0

    def _replay(self) -> DDQNBatch:
        sample = self._buffer.sample(
            self._random,
            batch_size=self._config.batch_size,
            gamma=self.agent.discounts(),
            n_step=self._config.n_step,
        )
        return DDQNBatch(
            observation=self._task.observe(sample.state),
            action=sample.action,
            n_step_return=sample.n_step_return,
            next_observation=self._task.observe(sample.next_state),
            discount=sample.discount,
        )


def train_ddqn(
    task: Task, agent: DDQNAgent, random: MemberRandom, *, n_steps: int
) -> list[dict[str, Tensor]]:
    """Train every member for at least `n_steps` environment steps.

    Returns:
        Diagnostics at evenly spaced points, tensors of shape (M,).
    """
    training = DDQNTraining(task, agent, random, n_steps=n_steps)
    training.advance(training.n_steps)
    return training.curve


def _buffer(task: Task, capacity: int) -> ReplayBuffer:
    state = task.state()
    return ReplayBuffer(
        n_members=task.n_members,
        n_envs=task.n_envs,
        state_size=state.shape[2],
        capacity=capacity,
        device=state.device,
    )
