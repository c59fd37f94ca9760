"""The same seeds give the same bits, in one process and in the next."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.classic_tasks import CartPole
from tests.training.learners import trained_ddqn, trained_ppo

ROOT = Path(__file__).parents[2]


def digest(algorithm: str, seeds: list[int]) -> str:
    """Hash the weights of a short training of all members."""
    task = CartPole(seeds=seeds, n_envs=8)
    agent = (
        trained_ppo(task, seeds, n_steps=1024, net_dimension=16, batch_size=64, target_step=256)
        if algorithm == "ppo"
        else trained_ddqn(task, seeds, n_steps=1024, net_dimension=16, batch_size=64)
    )
    policy = agent.policy()
    assert policy.is_finite
    digested = hashlib.sha256()
    for member in range(policy.n_members):
        for name, tensor in sorted(policy.member_tensors(member).items()):
            digested.update(name.encode() + tensor.numpy().tobytes())
    return digested.hexdigest()


@pytest.mark.parametrize("algorithm", ["ppo", "ddqn"])
def test_twice_in_one_process(algorithm: str) -> None:
    first = digest(algorithm, [1, 2])
    torch.rand(7)  # torch's own generator is nobody's
    assert digest(algorithm, [1, 2]) == first
    assert digest(algorithm, [1, 3]) != first


def test_in_another_process() -> None:
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from tests.training.test_same_bits import digest\n"
        "print(digest('ppo', [1, 2]), digest('ddqn', [1, 2]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [digest("ppo", [1, 2]), digest("ddqn", [1, 2])]
