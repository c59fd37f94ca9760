from dataclasses import replace
from math import log
from typing import Any

import pytest
import torch

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.ppo import PPOAgent, PPOBatch, PPOConfig, _clipped_loss
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.errors import ConfigurationError

SPACE = ActionSpace(kind="continuous", n_symbols=2)


def _agent(seeds: list[int], **changes: float) -> PPOAgent:
    config = PPOConfig(**{"net_dimension": 16, "batch_size": 32, **changes})  # type: ignore[arg-type]
    return PPOAgent(config, observation_size=3, action_space=SPACE, random=MemberRandom(seeds))


def _batch(agent: PPOAgent, seeds: list[int]) -> PPOBatch:
    random = MemberRandom([seed + 100 for seed in seeds])
    observation = random.normal(64, 3)
    latent, log_probability = agent.sample(observation, random.normal(64, agent.n_noise))
    return PPOBatch(
        observation=observation,
        latent_action=latent,
        log_probability=log_probability,
        advantage=latent[..., 0],
        value_target=random.normal(64),
    )


def _squashed_density(agent: PPOAgent, observation: torch.Tensor) -> Any:
    """Tanh of normal draws whose every two symbols correlate by one half, spelled out."""
    std = agent._std()[0, 0]
    covariance = torch.outer(std, std) * (0.5 * torch.eye(2) + 0.5)
    base = torch.distributions.MultivariateNormal(agent._actor(observation), covariance)
    squash = torch.distributions.TanhTransform(cache_size=1)
    return torch.distributions.TransformedDistribution(
        base, [torch.distributions.IndependentTransform(squash, 1)]
    )


def test_ratios_equal_those_of_the_squashed_density() -> None:
    observation = MemberRandom([7]).normal(5, 3)
    agent = _agent([1])
    latent, before = agent.sample(observation, MemberRandom([8]).normal(5, agent.n_noise))
    density_before = _squashed_density(agent, observation).log_prob(latent.tanh())
    agent.update(_batch(agent, [1]), progress=0.0, next_progress=1.0)
    density_after = _squashed_density(agent, observation).log_prob(latent.tanh())
    after = agent._log_probability((latent - agent._actor(observation)) / agent._std())
    assert (after - before).abs().max() > 1e-3
    torch.testing.assert_close(after - before, density_after - density_before, rtol=1e-3, atol=1e-4)


def test_symbols_are_explored_together() -> None:
    agent = _agent([1])
    observation = torch.zeros(1, 20_000, 3)
    latent, _ = agent.sample(observation, MemberRandom([8]).normal(20_000, agent.n_noise))
    correlation = torch.corrcoef(latent[0].T)
    assert abs(correlation[0, 1] - 0.5) < 0.02


def test_an_update_makes_good_actions_likelier() -> None:
    agent = _agent([1], learning_rate=1e-2, kl_target=10.0)
    observation = torch.zeros(1, 1, 3)
    before = agent.policy().act_greedily(observation)[0, 0, 0]
    for _ in range(5):
        agent.update(_batch(agent, [1]), progress=0.0, next_progress=0.0)
    assert agent.policy().act_greedily(observation)[0, 0, 0] > before + 0.1


@pytest.mark.parametrize("ratio", [1.5, 0.5])
def test_a_ratio_beyond_the_clip_earns_no_more_and_costs_in_full(ratio: float) -> None:
    # Advantages +1 and -1. At 1.5 they count 1.2 and -1.5, at 0.5 they count 0.5 and -0.8.
    loss = _clipped_loss(torch.full((1, 2), log(ratio)), torch.tensor([[1.0, -1.0]]), 0.2)
    torch.testing.assert_close(loss, torch.tensor([0.15]))


def test_a_ratio_within_the_clip_counts_as_it_is() -> None:
    log_ratio = torch.tensor([[log(1.1), log(0.9)]])
    loss = _clipped_loss(log_ratio, torch.tensor([[1.0, -1.0]]), 0.2)
    torch.testing.assert_close(loss, torch.tensor([-0.1]))


def test_the_critic_learns_its_targets() -> None:
    agent = _agent([1], learning_rate=1e-2, kl_target=10.0)
    batch = replace(_batch(agent, [1]), value_target=torch.full((1, 64), 5.0))
    before = (agent.value(batch.observation) - 5.0).square().mean()
    for _ in range(10):
        agent.update(batch, progress=0.0, next_progress=0.0)
    assert (agent.value(batch.observation) - 5.0).square().mean() < 0.1 * before


def test_the_entropy_bonus_widens_the_policy() -> None:
    agent = _agent([1], entropy_coef=1.0, learning_rate=1e-3)
    before = agent._log_std.clone()
    batch = replace(_batch(agent, [1]), advantage=torch.zeros(1, 64))
    agent.update(batch, progress=0.0, next_progress=0.0)
    assert (agent._log_std > before).all()


def test_the_learning_rate_falls_with_the_progress() -> None:
    moved = []
    for progress in (0.0, 0.999_999):
        agent = _agent([1], learning_rate=1e-3, ppo_epochs=1, batch_size=64)
        before = agent._log_std.clone()
        agent.update(_batch(agent, [1]), progress=progress, next_progress=progress)
        moved.append((agent._log_std - before).abs().max())  # Adam's first step is the rate
    torch.testing.assert_close(moved[1] / moved[0], torch.tensor(0.3), rtol=0.01, atol=0.0)


def test_every_pass_sees_every_sample() -> None:
    agent = _agent([1], ppo_epochs=1, batch_size=40, kl_target=10.0)
    agent.update(_batch(agent, [1]), progress=0.0, next_progress=0.0)
    assert agent._optimiser._n_steps.item() == 2  # 40 of 64 samples, then 24


def test_a_member_beyond_its_kl_target_stops() -> None:
    free, held = _agent([1], kl_target=10.0), _agent([1], kl_target=1e-12)
    for agent in (free, held):
        agent.update(_batch(agent, [1]), progress=0.0, next_progress=0.0)
    start = _agent([1])._actor.weights[0]
    moved = [(agent._actor.weights[0] - start).abs().max() for agent in (free, held)]
    assert 0 < moved[1] < moved[0]


@pytest.mark.parametrize("field", ["batch_size", "learning_rate", "clip_range", "kl_target"])
def test_hyper_parameters_must_be_positive(field: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{field} must be positive"):
        PPOConfig(**{field: 0})


def test_an_unknown_schedule_is_refused_when_the_config_is_built() -> None:
    with pytest.raises(ValueError, match="schedule"):
        PPOConfig(lr_schedule="cosine")  # type: ignore[arg-type]
