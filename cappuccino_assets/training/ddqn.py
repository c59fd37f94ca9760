"""Off-policy training: act, remember, replay."""

import torch
from torch import Tensor

from cappuccino_assets.agents.ddqn import DDQNAgent, DDQNBatch
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.replay import ReplayBuffer
from cappuccino_assets.training.task import Task

_N_REPORTS = 32  # entries of the learning curve


def train_ddqn(
    task: Task, agent: DDQNAgent, random: MemberRandom, *, n_steps: int
) -> list[dict[str, Tensor]]:
    """Train every member for `n_steps` environment steps.

    Learning begins as soon as one batch is held. Gradient steps and copies to the target network
    are counted in environment steps, so the number of environments does not change them.

    Args:
        task: The environments.
        agent: The members; changed in place.
        random: Streams of exploration and replay.
        n_steps: Environment steps of one member, rounded up to whole steps of all environments.

    Returns:
        Diagnostics at evenly spaced points, tensors of shape (M,).
    """
    table = agent.action_space.trade_table(task.state().device)
    buffer = _buffer(task, agent.config.buffer_size)
    n_rounds = -(-n_steps // task.n_envs)
    rewards: list[Tensor] = []
    curve = []
    for number in range(n_rounds):
        progress = number / n_rounds
        rewards.append(_act(task, agent, buffer, random, table, epsilon=agent.epsilon(progress)))
        done = (number + 1) * task.n_envs
        diagnostics: dict[str, Tensor] = {}
        for _ in range(_crossings(done, task.n_envs, agent.config.train_frequency)):
            if buffer.n_transitions >= agent.config.batch_size:
                diagnostics = agent.update(_replay(task, agent, buffer, random), progress=progress)
        if _crossings(done, task.n_envs, agent.config.target_update):
            agent.copy_to_target()
        if diagnostics and len(rewards) >= n_rounds / _N_REPORTS:
            curve.append({"mean_reward": torch.stack(rewards).mean(dim=0), **diagnostics})
            rewards.clear()
    return curve


def _act(
    task: Task,
    agent: DDQNAgent,
    buffer: ReplayBuffer,
    random: MemberRandom,
    table: Tensor,
    *,
    epsilon: float,
) -> Tensor:
    state = task.state()
    draws = random.uniform(task.n_envs, 2)
    action = agent.sample(task.observe(state), draws, epsilon=epsilon)
    transition = task.step(table[action])
    buffer.append(state, action, transition)
    return transition.reward.mean(dim=1)


def _crossings(done: int, n_new: int, every: int) -> int:
    """Count the multiples of `every` among the last `n_new` of `done` steps."""
    return done // every - (done - n_new) // every


def _buffer(task: Task, capacity: int) -> ReplayBuffer:
    state = task.state()
    return ReplayBuffer(
        n_members=task.n_members,
        n_envs=task.n_envs,
        state_size=state.shape[2],
        capacity=capacity,
        device=state.device,
    )


def _replay(task: Task, agent: DDQNAgent, buffer: ReplayBuffer, random: MemberRandom) -> DDQNBatch:
    sample = buffer.sample(
        random,
        batch_size=agent.config.batch_size,
        gamma=agent.config.gamma,
        n_step=agent.config.n_step,
    )
    return DDQNBatch(
        observation=task.observe(sample.state),
        action=sample.action,
        n_step_return=sample.n_step_return,
        next_observation=task.observe(sample.next_state),
        discount=sample.discount,
    )
