import pytest
import torch

from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.envs.environment import TradingEnvironment
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.envs.starts import StartTable
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.features.scaling import fit_scaler
from cappuccino_assets.training.market_task import MarketTask
from tests.envs.environments import free_rules
from tests.envs.markets import random_arrays

CYCLE_BARS = 12
BLOCKS = (Block(start=20, stop=60), Block(start=100, stop=140))


def _task(*, n_envs: int = 64, seed: int = 1) -> MarketTask:
    arrays = random_arrays(200, 2)
    market = MarketTensors.from_arrays(arrays)
    rules = free_rules(arrays, cycle_bars=CYCLE_BARS, trade_fraction=0.5)
    scaler = fit_scaler(arrays.features, arrays.tradable)
    return MarketTask(
        TradingEnvironment(
            market, rules=[rules], rewards=[RewardConfig()], n_envs=n_envs, continuing=False
        ),
        ObservationBuilder(market, lookback=2, scalers=[scaler], norm_tech_exp=0, has_clock=True),
        StartTable([BLOCKS], arrays.tradable, lookback=2, segment=arrays.segment),
        MemberRandom([seed]),
        cycle_bars=CYCLE_BARS,
    )


def _buy(task: MarketTask) -> torch.Tensor:
    return torch.ones(1, task.n_envs, 2)


def test_first_episodes_end_at_different_times() -> None:
    task = _task()
    ended = []
    for _ in range(CYCLE_BARS):
        transition = task.step(_buy(task))
        ended.append((transition.terminated | transition.truncated).sum().item())
    assert sum(n > 0 for n in ended) > CYCLE_BARS / 2


def test_the_end_of_a_cycle_terminates_and_that_of_a_block_truncates() -> None:
    task = _task()
    terminated = truncated = 0
    for number in range(5 * CYCLE_BARS):
        before = task.state()
        transition = task.step(_buy(task))
        if number < CYCLE_BARS:  # episodes that were cut at random
            continue
        last_of_cycle = (before[..., -1] - 1 / CYCLE_BARS).abs() < 1e-6
        bar = transition.next_state[..., 0]
        last_of_block = (bar == 59) | (bar == 139)
        assert torch.equal(transition.terminated, last_of_cycle)
        assert torch.equal(transition.truncated, last_of_block & ~last_of_cycle)
        terminated += int(transition.terminated.sum())
        truncated += int(transition.truncated.sum())
    assert terminated > 50
    assert truncated > 50


def test_next_states_are_those_before_the_restart_and_restarts_are_flat() -> None:
    task = _task()
    for _ in range(3 * CYCLE_BARS):
        before = task.state()
        transition = task.step(_buy(task))
        after = task.state()
        ended = transition.terminated | transition.truncated
        assert torch.equal(transition.next_state[..., 0], before[..., 0] + 1)
        assert torch.equal(after[~ended], transition.next_state[~ended])
        assert (after[ended][:, 1] == 1.0).all()  # all in cash
        assert (after[ended][:, 2:-1] == 0.0).all()
        assert (after[ended][:, -1] == 1.0).all()  # the whole cycle is left


def test_no_episode_leaves_its_blocks() -> None:
    task = _task()
    for _ in range(4 * CYCLE_BARS):
        bars = task.step(_buy(task)).next_state[..., 0]
        assert (((bars >= 20) & (bars < 60)) | ((bars >= 100) & (bars < 140))).all()


def test_observations_hold_the_state_and_the_scaled_market() -> None:
    task = _task(n_envs=2)
    observation = task.observe(task.state())
    assert observation.shape == (1, 2, task.observation_size)
    torch.testing.assert_close(observation[..., :3], task.state()[..., 1:4])
    torch.testing.assert_close(observation[..., -1], task.state()[..., -1])


@pytest.mark.parametrize("seed", [1, 2])
def test_starts_follow_from_the_seed(seed: int) -> None:
    first, second, other = (_task(seed=s).state() for s in (seed, seed, seed + 7))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
