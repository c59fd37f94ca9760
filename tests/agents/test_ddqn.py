import pytest
import torch

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.ddqn import DDQNAgent, DDQNBatch, DDQNConfig, double_q_target
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.errors import ConfigurationError


def test_the_online_network_chooses_and_the_target_network_values() -> None:
    target = double_q_target(
        torch.tensor([[1.0, 1.0]]),
        torch.tensor([[0.5, 0.0]]),
        online=torch.tensor([[[0.0, 9.0], [9.0, 0.0]]]),
        target=torch.tensor([[[7.0, 2.0], [7.0, 2.0]]]),
    )
    assert target.tolist() == [[1.0 + 0.5 * 2.0, 1.0]]


def _agent(**changes: float) -> DDQNAgent:
    config = DDQNConfig(**{"net_dimension": 16, "learning_rate": 1e-2, **changes})  # type: ignore[arg-type]
    space = ActionSpace(kind="discrete", n_symbols=1)
    return DDQNAgent([config], observation_size=2, action_space=space, random=MemberRandom([0]))


def _batch(*, n_step_return: float, discount: float) -> DDQNBatch:
    random = MemberRandom([5])
    return DDQNBatch(
        observation=random.normal(32, 2),
        action=random.integers(10, 32),
        n_step_return=torch.full((1, 32), n_step_return),
        next_observation=random.normal(32, 2),
        discount=torch.full((1, 32), discount),
    )


def test_values_move_towards_the_target_networks_not_the_online_ones() -> None:
    agent = _agent()
    weights = agent._architecture.views(agent._target)
    weights.output.zero_()
    weights.output_bias.fill_(4.0)
    for _ in range(300):
        diagnostics = agent.update(_batch(n_step_return=1.0, discount=0.5), progress=0.0)
    assert abs(diagnostics["mean_value"].item() - (1.0 + 0.5 * 4.0)) < 0.1


def test_the_target_network_catches_up_only_when_told() -> None:
    agent = _agent()
    batch = _batch(n_step_return=1.0, discount=0.0)
    agent.update(batch, progress=0.0)
    assert not torch.equal(*_networks(agent))
    agent.copy_to_target()
    assert torch.equal(*_networks(agent))


def _networks(agent: DDQNAgent) -> tuple[torch.Tensor, torch.Tensor]:
    state = agent.state_dict()
    return state["target"], state["values"]


@pytest.mark.parametrize(("epsilon", "share"), [(0.0, 0.0), (0.5, 0.45), (1.0, 0.9)])
def test_a_share_epsilon_of_the_actions_is_random(epsilon: float, share: float) -> None:
    # One random action in ten is the greedy one by chance.
    agent = _agent()
    observation = MemberRandom([6]).normal(20_000, 2)
    draws = MemberRandom([7]).uniform(20_000, 2)
    greedy = agent.sample(observation, draws, epsilon=torch.tensor([[0.0]]))
    action = agent.sample(observation, draws, epsilon=torch.tensor([[epsilon]]))
    assert abs((action != greedy).float().mean().item() - share) < 0.015
    assert action.min() >= 0
    assert action.max() <= 9


def test_the_learning_rate_falls_with_the_progress() -> None:
    moved = []
    for progress in (0.0, 1.0):
        agent = _agent(max_grad_norm=1e6)
        before = agent.state_dict()["values"]
        agent.update(_batch(n_step_return=9.0, discount=0.0), progress=progress)
        moved.append((agent.state_dict()["values"] - before).abs().max())
    torch.testing.assert_close(moved[1] / moved[0], torch.tensor(0.3), rtol=0.01, atol=0.0)


def test_epsilon_falls_from_one_and_stays() -> None:
    config = DDQNConfig(epsilon_end=0.1, epsilon_decay_fraction=0.5)
    space = ActionSpace(kind="discrete", n_symbols=1)
    agent = DDQNAgent([config], observation_size=2, action_space=space, random=MemberRandom([0]))
    assert [agent.epsilon(p).item() for p in (0.0, 0.25, 0.5, 1.0)] == pytest.approx(
        [1, 0.55, 0.1, 0.1]
    )


def test_a_batch_larger_than_the_buffer_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="batch_size must not be above buffer_size"):
        DDQNConfig(batch_size=512, buffer_size=256)
