"""Six members trained together against the same six one by one."""

from collections.abc import Callable, Sequence
from functools import partial

import torch

from bench.peers.ours import train_ours
from bench.peers.task import market_task
from bench.peers.work import Work
from bench.timing import Times, in_turn

SEEDS = tuple(range(6))
Weights = list[dict[str, torch.Tensor]]


def small_work(n_steps: int) -> Work:
    return Work(width=64, minibatch=256, n_steps=n_steps, n_envs=64)


def large_work(n_steps: int) -> Work:
    return Work(width=128, minibatch=2048, n_steps=n_steps, n_envs=64)


def stacked(work: Work, seeds: Sequence[int] = SEEDS) -> Callable[[], Weights]:
    task = market_task(seeds, n_envs=work.n_envs)
    return lambda: _weights(work, task, seeds)


def one_by_one(work: Work, seeds: Sequence[int] = SEEDS) -> Callable[[], Weights]:
    tasks = [market_task([seed], n_envs=work.n_envs) for seed in seeds]

    def train() -> Weights:
        pairs = zip(tasks, seeds, strict=True)
        return [weights for task, seed in pairs for weights in _weights(work, task, [seed])]

    return train


def compare(work: Work, *, n_rounds: int) -> dict[str, Times]:
    return in_turn(
        {"stacked": partial(stacked, work), "one by one": partial(one_by_one, work)},
        n_rounds=n_rounds,
    )


def are_bit_equal(work: Work) -> bool:
    """Train both ways, and compare every weight of every actor."""
    together, alone = stacked(work)(), one_by_one(work)()
    return all(
        torch.equal(mine[name], theirs[name])
        for mine, theirs in zip(together, alone, strict=True)
        for name in mine
    )


def _weights(work: Work, task, seeds: Sequence[int]) -> Weights:
    agent, _ = train_ours(work, task, seeds)
    policy = agent.policy()
    return [policy.member_tensors(member) for member in range(len(seeds))]
