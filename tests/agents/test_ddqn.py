import pytest
import torch

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.ddqn import DDQNAgent, DDQNConfig, double_q_target
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


def test_epsilon_falls_from_one_and_stays() -> None:
    config = DDQNConfig(epsilon_end=0.1, epsilon_decay_fraction=0.5)
    space = ActionSpace(kind="discrete", n_symbols=1)
    agent = DDQNAgent(config, observation_size=2, action_space=space, random=MemberRandom([0]))
    assert [agent.epsilon(p) for p in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([1, 0.55, 0.1, 0.1])


def test_a_batch_larger_than_the_buffer_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="batch_size must not be above buffer_size"):
        DDQNConfig(batch_size=512, buffer_size=256)
