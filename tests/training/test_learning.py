import pytest
import torch

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.ddqn import DDQNAgent, DDQNConfig
from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.agents.ppo import PPOAgent, PPOConfig
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.ddqn import train_ddqn
from cappuccino_assets.training.ppo import (
    Rollout,
    collect_rollout,
    next_values,
    ppo_batch,
    train_ppo,
)
from tests.training.toy_task import SignTask


def _ppo(seeds: list[int]) -> Policy:
    config = PPOConfig(net_dimension=16, batch_size=64, target_step=256, learning_rate=3e-3)
    space = ActionSpace(kind="continuous", n_symbols=1)
    agent = PPOAgent(
        [config] * len(seeds), observation_size=1, action_space=space, random=MemberRandom(seeds)
    )
    task = SignTask(seeds=seeds, n_envs=8)
    train_ppo(task, agent, MemberRandom([s + 50 for s in seeds]), n_steps=8192)
    return agent.policy()


def _ddqn(seeds: list[int]) -> Policy:
    config = DDQNConfig(
        net_dimension=16, batch_size=64, learning_rate=3e-3, train_frequency=8, target_update=256
    )
    space = ActionSpace(kind="discrete", n_symbols=1)
    agent = DDQNAgent(
        [config] * len(seeds), observation_size=1, action_space=space, random=MemberRandom(seeds)
    )
    task = SignTask(seeds=seeds, n_envs=8)
    train_ddqn(task, agent, MemberRandom([s + 50 for s in seeds]), n_steps=8192)
    return agent.policy()


SIGNS = torch.tensor([[[-1.0], [1.0]], [[-1.0], [1.0]]])


@pytest.mark.parametrize("train", [_ppo, _ddqn])
def test_both_agents_learn_to_trade_in_the_direction_shown(train: object) -> None:
    trades = train([1, 2]).act_greedily(SIGNS)[..., 0]  # type: ignore[operator]
    assert (trades[:, 0] < -0.6).all()
    assert (trades[:, 1] > 0.6).all()


@pytest.mark.parametrize("train", [_ppo, _ddqn])
def test_the_same_seed_gives_the_same_policy(train: object) -> None:
    first, second, other = (
        train(seeds).member_tensors(0)["0.weight"]  # type: ignore[operator]
        for seeds in ([3], [3], [4])
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_within_an_episode_the_value_reached_is_the_next_steps_value() -> None:
    space = ActionSpace(kind="continuous", n_symbols=1)
    agent = PPOAgent(
        [PPOConfig()], observation_size=1, action_space=space, random=MemberRandom([1])
    )
    task = SignTask(seeds=[1], n_envs=2)
    rollout = collect_rollout(task, agent, MemberRandom([2]), length=3)
    rollout.truncated[0, 0, 1] = True
    rollout.next_state[0, 0, 1] = 5.0  # the state before the restart, seen by nobody else
    value = agent.value(rollout.observation.flatten(1, 2)).view(1, 3, 2)
    reached = next_values(rollout, value, task, agent)
    assert reached[0, 0, 0] == value[0, 1, 0]
    seen = agent.value(torch.full((1, 1, 1), 5.0))[0, 0]
    torch.testing.assert_close(reached[0, 0, 1], seen)
    assert abs(seen - value[0, 1, 1]) > 0.01
    last = agent.value(task.observe(task.state()))
    torch.testing.assert_close(reached[:, 2], last)


def test_value_targets_are_discounted_returns_when_traces_are_whole() -> None:
    config = PPOConfig(gamma=0.5, gae_lambda=1.0)
    space = ActionSpace(kind="continuous", n_symbols=1)
    agent = PPOAgent([config], observation_size=1, action_space=space, random=MemberRandom([1]))
    task = SignTask(seeds=[1], n_envs=1)
    row = torch.zeros(1, 2, 1)
    rollout = Rollout(
        observation=MemberRandom([2]).normal(2, 1, 1),
        latent_action=row[..., None],
        log_probability=row,
        reward=torch.tensor([[[1.0], [3.0]]]),
        terminated=torch.tensor([[[False], [True]]]),
        truncated=row.bool(),
        next_state=row[..., None],
    )
    batch = ppo_batch(rollout, task, agent)
    torch.testing.assert_close(batch.value_target, torch.tensor([[1.0 + 0.5 * 3.0, 3.0]]))
    value = agent.value(rollout.observation.flatten(1, 2))
    torch.testing.assert_close(batch.advantage, batch.value_target - value)


@pytest.mark.parametrize(("train_frequency", "n_updates"), [(16, 13), (4, 50)])
def test_gradient_steps_are_counted_in_environment_steps(
    train_frequency: int, n_updates: int
) -> None:
    # 256 steps in rounds of 8; the buffer holds a batch of 64 from the round on that ends with 64.
    agent = _trained_ddqn(train_frequency=train_frequency, target_update=1000)
    assert agent.state_dict()["n_steps"].item() == n_updates


@pytest.mark.parametrize(("target_update", "is_copied"), [(256, True), (257, False)])
def test_the_target_network_is_copied_every_so_many_steps(
    target_update: int, is_copied: bool
) -> None:
    agent = _trained_ddqn(train_frequency=16, target_update=target_update)
    state = agent.state_dict()
    same = torch.equal(state["target"], state["values"])
    assert same is is_copied


def _trained_ddqn(**changes: int) -> DDQNAgent:
    config = DDQNConfig(net_dimension=16, batch_size=64, **changes)
    space = ActionSpace(kind="discrete", n_symbols=1)
    agent = DDQNAgent([config], observation_size=1, action_space=space, random=MemberRandom([1]))
    train_ddqn(SignTask(seeds=[1], n_envs=8), agent, MemberRandom([2]), n_steps=256)
    return agent
