"""On-policy training: collect a rollout of every member, estimate advantages, update."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cappuccino_assets.agents.advantages import generalized_advantage
from cappuccino_assets.agents.ppo import PPOAgent
from cappuccino_assets.agents.ppo_batch import PPOBatch
from cappuccino_assets.agents.random import MemberRandom
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """What T steps of every member left; shapes begin with (M, T, E)."""

    observation: Tensor
    latent_action: Tensor
    log_probability: Tensor
    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    next_state: Tensor


class PPOTraining:
    """A training that can be halted after any rollout, and continued.

    Args:
        task: The environments.
        agent: The members; changed in place.
        random: Streams of the exploration noise.
        n_steps: Environment steps of one member; whole rollouts are made, so it may become more.
    """

    def __init__(self, task: Task, agent: PPOAgent, random: MemberRandom, *, n_steps: int):
        self._task = task
        self.agent = agent
        self._random = random
        self._length = max(1, agent.configs[0].target_step // task.n_envs)
        self._n_updates = max(1, -(-n_steps // self._steps_per_update))
        self._n_updated = 0
        self._rollout: Rollout | None = None
        self.curve: Curve = []

    @property
    def n_steps(self) -> int:
        """Environment steps of the whole training of one member."""
        return self._n_updates * self._steps_per_update

    @property
    def n_done(self) -> int:
        """Environment steps that each member has taken."""
        return self._n_updated * self._steps_per_update

    def advance(self, until_step: int) -> None:
        """Go on until at least so many steps are done, or all are."""
        while self.n_done < min(until_step, self.n_steps):
            self._rollout = rollout = collect_rollout(
                self._task, self.agent, self._random, length=self._length, into=self._rollout
            )
            diagnostics = self.agent.update(
                ppo_batch(rollout, self._task, self.agent),
                progress=self._n_updated / self._n_updates,
                next_progress=(self._n_updated + 1) / self._n_updates,
            )
            self._n_updated += 1
            self.curve.append({"mean_reward": rollout.reward.mean(dim=(1, 2)), **diagnostics})

    def state_dict(self) -> State:
        """Copy all that `advance` changes, but for the task."""
        return joined(
            agent=self.agent.state_dict(),
            curve=stacked(self.curve),
            count=counters(updates=self._n_updated, draws=self._random.counter),
        )

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what `state_dict` copied."""
        self.agent.load_state_dict(part_of(state, "agent"))
        self.curve = unstacked(part_of(state, "curve"), self._task.state().device)
        count = part_of(state, "count")
        self._n_updated, self._random.counter = int(count["updates"]), int(count["draws"])

    @property
    def _steps_per_update(self) -> int:
        return self._length * self._task.n_envs


def train_ppo(
    task: Task, agent: PPOAgent, random: MemberRandom, *, n_steps: int
) -> list[dict[str, Tensor]]:
    """Train every member for at least `n_steps` environment steps.

    Returns:
        Diagnostics of each update, tensors of shape (M,).
    """
    training = PPOTraining(task, agent, random, n_steps=n_steps)
    training.advance(training.n_steps)
    return training.curve


@torch.no_grad()
def collect_rollout(
    task: Task,
    agent: PPOAgent,
    random: MemberRandom,
    *,
    length: int,
    into: Rollout | None = None,
) -> Rollout:
    """Act for `length` steps in every environment of every member.

    Args:
        task: The environments.
        agent: Acts.
        random: Streams of the exploration noise.
        length: Steps of each environment, T.
        into: An earlier rollout of this task and length, which is overwritten.
    """
    noise = random.normal(length, task.n_envs, agent.n_noise)
    rollout = into or _empty_rollout(task, length, agent.action_space.n_outputs)
    for t in range(length):
        observation = task.observe(task.state())
        latent, log_probability = agent.sample(observation, noise[:, t])
        transition = task.step(latent.tanh())
        rollout.observation[:, t] = observation
        rollout.latent_action[:, t] = latent
        rollout.log_probability[:, t] = log_probability
        rollout.reward[:, t] = transition.reward
        rollout.terminated[:, t] = transition.terminated
        rollout.truncated[:, t] = transition.truncated
        rollout.next_state[:, t] = transition.next_state
    return rollout


def ppo_batch(rollout: Rollout, task: Task, agent: PPOAgent) -> PPOBatch:
    """Estimate advantages and value targets, and lay all samples of a member in one row."""
    shape = rollout.reward.shape
    value = agent.value(rollout.observation.flatten(1, 2)).view(shape)
    gamma, gae_lambda = agent.discounts()
    advantage = generalized_advantage(
        rollout.reward,
        value,
        next_values(rollout, value, task, agent),
        rollout.terminated,
        rollout.truncated,
        gamma=gamma,
        gae_lambda=gae_lambda,
    )
    return PPOBatch(
        observation=rollout.observation.flatten(1, 2),
        latent_action=rollout.latent_action.flatten(1, 2),
        log_probability=rollout.log_probability.flatten(1, 2),
        advantage=advantage.flatten(1, 2),
        value_target=(advantage + value).flatten(1, 2),
    )


def next_values(rollout: Rollout, value: Tensor, task: Task, agent: PPOAgent) -> Tensor:
    """Value the state that each step reached, before any restart; shape (M, T, E).

    Within an episode that is the value of the following step. Only where an episode was cut short,
    and at the rollout's end, a state is valued that the rollout has not seen.
    """
    reached = torch.empty_like(value)
    reached[:, :-1] = value[:, 1:]
    reached[:, -1] = agent.value(task.observe(rollout.next_state[:, -1]))
    cut = rollout.truncated[:, :-1].any(dim=2).any(dim=0).nonzero()[:, 0]
    if cut.numel():
        states = rollout.next_state[:, cut]  # (M, K, E, S)
        seen = agent.value(task.observe(states.flatten(1, 2))).view(states.shape[:-1])
        reached[:, cut] = torch.where(rollout.truncated[:, cut], seen, reached[:, cut])
    return reached


def _empty_rollout(task: Task, length: int, n_actions: int) -> Rollout:
    state = task.state()
    shape = (task.n_members, length, task.n_envs)

    def empty(*width: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.empty(*shape, *width, dtype=dtype, device=state.device)

    return Rollout(
        observation=empty(task.observation_size),
        latent_action=empty(n_actions),
        log_probability=empty(),
        reward=empty(),
        terminated=empty(dtype=torch.bool),
        truncated=empty(dtype=torch.bool),
        next_state=empty(state.shape[2]),
    )
