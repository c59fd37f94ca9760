from dataclasses import replace
from typing import Any

import pytest
import torch

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.exploration import density_slope, log_density, spread_of
from cappuccino_assets.agents.ppo import PPOAgent, PPOConfig
from cappuccino_assets.agents.ppo_batch import PPOBatch
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.errors import ConfigurationError

SPACE = ActionSpace(kind="continuous", n_symbols=2)


def _agent(seeds: list[int], **changes: float) -> PPOAgent:
    config = PPOConfig(**{"net_dimension": 16, "batch_size": 32, **changes})  # type: ignore[arg-type]
    return PPOAgent(
        [config] * len(seeds), observation_size=3, action_space=SPACE, random=MemberRandom(seeds)
    )


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


def _mean(agent: PPOAgent, observation: torch.Tensor) -> torch.Tensor:
    return agent.policy().act_greedily(observation).clone().atanh()


def _squashed_density(agent: PPOAgent, observation: torch.Tensor) -> Any:
    """Tanh of normal draws whose every two symbols correlate by one half, spelled out."""
    std = spread_of(agent._weights.free).std[0, 0]
    covariance = torch.outer(std, std) * (0.5 * torch.eye(2) + 0.5)
    base = torch.distributions.MultivariateNormal(_mean(agent, observation), covariance)
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
    spread = spread_of(agent._weights.free)
    scaled = (latent - _mean(agent, observation)) / spread.std
    after = log_density(scaled, density_slope(scaled), spread)
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


def test_the_critic_learns_its_targets() -> None:
    agent = _agent([1], learning_rate=1e-2, kl_target=10.0)
    batch = replace(_batch(agent, [1]), value_target=torch.full((1, 64), 5.0))
    before = (agent.value(batch.observation) - 5.0).square().mean()
    for _ in range(10):
        agent.update(batch, progress=0.0, next_progress=0.0)
    assert (agent.value(batch.observation) - 5.0).square().mean() < 0.1 * before


def test_the_entropy_bonus_widens_the_policy() -> None:
    agent = _agent([1], entropy_coef=1.0, learning_rate=1e-3)
    before = agent._weights.free.clone()
    batch = replace(_batch(agent, [1]), advantage=torch.zeros(1, 64))
    agent.update(batch, progress=0.0, next_progress=0.0)
    assert (agent._weights.free > before).all()


def test_a_deviation_stops_at_its_bound_and_comes_back() -> None:
    agent = _agent(
        [1], entropy_coef=10.0, learning_rate=0.1, kl_target=1e9, lr_schedule_factor=0.99
    )
    batch = replace(_batch(agent, [1]), advantage=torch.zeros(1, 64))
    for _ in range(5):
        agent.update(batch, progress=0.0, next_progress=0.0)
    assert (agent._weights.free == 0.5).all()

    narrow = replace(
        _batch(agent, [1]), advantage=-_batch(agent, [1]).latent_action.square().sum(dim=2)
    )
    other = PPOAgent(
        [replace(agent.configs[0], entropy_coef=0.0)],
        observation_size=3,
        action_space=SPACE,
        random=MemberRandom([1]),
    )
    other.load_state_dict(agent.state_dict())
    for _ in range(40):
        other.update(narrow, progress=0.0, next_progress=0.0)
    assert (other._weights.free < 0.5).all()


def test_the_learning_rate_falls_with_the_progress() -> None:
    moved = []
    for progress in (0.0, 0.999_999):
        agent = _agent([1], learning_rate=1e-3, ppo_epochs=1, batch_size=64)
        before = agent._weights.free.clone()
        agent.update(_batch(agent, [1]), progress=progress, next_progress=progress)
        moved.append((agent._weights.free - before).abs().max())  # Adam's first step is the rate
    torch.testing.assert_close(moved[1] / moved[0], torch.tensor(0.3), rtol=0.01, atol=0.0)


def test_every_pass_sees_every_sample() -> None:
    agent = _agent([1], ppo_epochs=1, batch_size=40, kl_target=10.0)
    agent.update(_batch(agent, [1]), progress=0.0, next_progress=0.0)
    assert agent.state_dict()["n_steps"].item() == 2  # 40 of 64 samples, then 24


def test_a_member_beyond_its_kl_target_stops_and_the_others_go_on() -> None:
    free = PPOConfig(net_dimension=16, batch_size=32, kl_target=10.0)
    held = replace(free, kl_target=1e-12)
    space = {"observation_size": 3, "action_space": SPACE}
    agent = PPOAgent([free, held, free], random=MemberRandom([1, 2, 3]), **space)  # type: ignore[arg-type]
    agent.update(_batch(agent, [1, 2, 3]), progress=0.0, next_progress=0.0)
    assert agent.state_dict()["n_steps"][:, 0].tolist() == [
        16,
        2,
        16,
    ]  # the first one cannot differ


@pytest.mark.parametrize("field", ["net_dimension", "batch_size", "target_step", "ppo_epochs"])
def test_members_that_do_not_fit_each_other_are_refused(field: str) -> None:
    configs = [PPOConfig(), PPOConfig(**{field: 5})]  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=field):
        PPOAgent(configs, observation_size=3, action_space=SPACE, random=MemberRandom([1, 2]))


@pytest.mark.parametrize("field", ["batch_size", "learning_rate", "clip_range", "kl_target"])
def test_hyper_parameters_must_be_positive(field: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{field} must be positive"):
        PPOConfig(**{field: 0})


def test_an_unknown_schedule_is_refused_when_the_config_is_built() -> None:
    with pytest.raises(ValueError, match="schedule"):
        PPOConfig(lr_schedule="cosine")  # type: ignore[arg-type]
