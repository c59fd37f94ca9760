"""Three PPO trainings side by side: the same work, the same answers, then the times."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bench.peers.ours import train_ours
from bench.peers.sb3 import sb3_gradient_steps, train_sb3
from bench.peers.single_file import train_single_file
from bench.peers.task import market_task
from bench.peers.vec_env import MarketVecEnv
from bench.peers.work import Work
from bench.timing import Times, in_turn
from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.types import FloatArray

OURS, SB3, CLEANRL = "ours", "Stable-Baselines3", "CleanRL-style loop"
CONTENDERS = (OURS, SB3, CLEANRL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one training left: mean reward a step in each rollout, and gradient steps taken."""

    mean_rewards: FloatArray
    n_gradient_steps: int


def training(name: str, work: Work, seed: int) -> Callable[[], Outcome]:
    """Make fresh environments; what is returned trains in them, and is what is timed."""
    task = market_task([seed], n_envs=work.n_envs)
    if name == OURS:
        return lambda: _ours(work, task, seed)
    env = MarketVecEnv(task, ActionSpace(kind="continuous", n_symbols=7))
    if name == SB3:
        return lambda: _peer(env, work, sb3_gradient_steps(train_sb3(work, env, seed), work))
    return lambda: _peer(env, work, train_single_file(work, env, seed))


def answers(work: Work, seeds: Sequence[int]) -> dict[str, list[Outcome]]:
    """Train every contender with every seed."""
    return {name: [training(name, work, seed)() for seed in seeds] for name in CONTENDERS}


def times(entries: Mapping[str, tuple[str, Work]], *, n_rounds: int) -> dict[str, Times]:
    """Time whole trainings, in turn, after a short one of each as warm-up.

    Args:
        entries: Contender and work, by a name for the pair.
        n_rounds: Trainings of each.
    """
    for name, work in entries.values():
        training(name, replace(work, n_steps=work.rollout, n_epochs=1), 0)()
    return in_turn(
        {entry: partial(training, *pair, 1) for entry, pair in entries.items()}, n_rounds=n_rounds
    )


def largest_deviation(outcomes: dict[str, list[Outcome]]) -> float:
    """Farthest that a peer's mean curve is from ours, in standard errors of the difference."""
    curves = {name: np.array([o.mean_rewards for o in each]) for name, each in outcomes.items()}
    mine = curves.pop(OURS)
    return max(float(_deviation(mine, theirs).max()) for theirs in curves.values())


def _deviation(a: FloatArray, b: FloatArray) -> FloatArray:
    error = np.sqrt((a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / len(a))
    return np.abs(a.mean(axis=0) - b.mean(axis=0)) / error


def _ours(work: Work, task, seed: int) -> Outcome:
    agent, curve = train_ours(work, task, [seed])
    rewards = np.array([float(entry["mean_reward"][0]) for entry in curve])
    return Outcome(mean_rewards=rewards, n_gradient_steps=agent.n_gradient_steps)


def _peer(env: MarketVecEnv, work: Work, n_gradient_steps: int) -> Outcome:
    rewards = np.array(env.mean_rewards).reshape(work.n_rollouts, -1).mean(axis=1)
    return Outcome(mean_rewards=rewards, n_gradient_steps=n_gradient_steps)
