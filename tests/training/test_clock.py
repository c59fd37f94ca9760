import ast
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

import cappuccino_assets
from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.training.task import Transition
from tests.training.learners import trained_ddqn, trained_ppo
from tests.training.toy_task import SignTask

PACKAGE = Path(cappuccino_assets.__file__).parent
CLOCKS = {"time", "timeit", "datetime", "calendar", "sched", "signal"}
SEEDS = [3, 4]


class Counted(SignTask):
    """A task that counts its steps, and dawdles at some of them."""

    def __init__(self, *, pause_s: float):
        super().__init__(seeds=SEEDS, n_envs=4)
        self.n_steps = 0
        self._pause_s = pause_s

    def step(self, action: Tensor) -> Transition:
        self.n_steps += 1
        if self.n_steps % 5 == 0:
            time.sleep(self._pause_s)
        return super().step(action)


def imported(path: Path) -> set[str]:
    """Name the modules that a file imports, wherever it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def trained(algorithm: str, *, pause_s: float) -> tuple[int, Policy]:
    task = Counted(pause_s=pause_s)
    if algorithm == "ppo":
        agent = trained_ppo(task, SEEDS, n_steps=160, net_dimension=8, target_step=80)
        return task.n_steps, agent.policy()
    settings = {"net_dimension": 8, "batch_size": 16, "buffer_size": 64}
    agent = trained_ddqn(task, SEEDS, n_steps=160, **settings)
    return task.n_steps, agent.policy()


@pytest.mark.parametrize("algorithm", ["ppo", "ddqn"])
def test_incident_38_a_slow_world_gets_the_same_training(algorithm: str) -> None:
    n_fast, fast = trained(algorithm, pause_s=0.0)
    n_slow, slow = trained(algorithm, pause_s=0.02)

    assert n_fast == n_slow == 160 // 4
    for member in range(len(SEEDS)):
        mine, theirs = fast.member_tensors(member), slow.member_tensors(member)
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("layer", ["agents", "envs", "training"])
def test_incident_38_nothing_that_learns_can_read_a_clock(layer: str) -> None:
    files = sorted((PACKAGE / layer).rglob("*.py"))

    assert files
    assert {path.name: found for path in files if (found := imported(path) & CLOCKS)} == {}


def test_a_clock_would_be_seen(tmp_path: Path) -> None:
    source = "def f():\n    from time import perf_counter\n    import datetime as d\n"
    (tmp_path / "late.py").write_text(source)

    assert imported(tmp_path / "late.py") == {"time", "datetime"}
