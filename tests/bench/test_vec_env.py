"""The peers' view of our environments."""

import numpy as np
import pytest
import torch

pytest.importorskip("stable_baselines3", reason="the peers are not installed (extra `bench`)")

from bench.peers.task import market_arrays, market_task
from bench.peers.vec_env import MarketVecEnv
from cappuccino_assets.agents.actions import ActionSpace

N_ENVS = 16
N_STEPS = 250
SPACE = ActionSpace(kind="continuous", n_symbols=7)


def short_task():
    """Blocks so short that cycles of 168 bars end, and so does the block."""
    return market_task([3], n_envs=N_ENVS, arrays=market_arrays(500))


def latent_actions():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N_STEPS, N_ENVS, 7, generator=generator)


def mixed(latent):
    """Equally correlated draws, worked out from the correlation matrix itself."""
    correlation = np.full((7, 7), 0.5) + 0.5 * np.eye(7)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    return torch.tensor(np.tanh(latent.numpy() @ root), dtype=torch.float32)


@pytest.fixture(scope="module")
def episode():
    """Every step of the adapter beside the same step of a task of its own."""
    env, twin = MarketVecEnv(short_task(), SPACE), short_task()
    steps = []
    assert np.array_equal(env.reset(), twin.observe(twin.state())[0].numpy())
    for latent in latent_actions():
        transition = twin.step(mixed(latent)[None])
        steps.append(
            {
                "told": env.step(latent.numpy()),
                "transition": transition,
                "reached": twin.observe(transition.next_state)[0].numpy(),
                "now": twin.observe(twin.state())[0].numpy(),
            }
        )
    return steps


def test_rewards_are_those_of_the_environment(episode):
    for step in episode:
        _, reward, _, _ = step["told"]
        assert reward == pytest.approx(step["transition"].reward[0].numpy(), abs=1e-5)


def test_an_ended_environment_is_restarted_at_once(episode):
    n_ended = 0
    for step in episode:
        observation, _, done, _ = step["told"]
        transition = step["transition"]
        ended = (transition.terminated | transition.truncated)[0].numpy()
        assert np.array_equal(done, ended)
        assert observation == pytest.approx(step["now"], abs=1e-4)
        assert (observation[done, 0] == 1.0).all()  # all of it cash again
        assert (observation[done, -1] == 1.0).all()  # and a whole cycle left
        n_ended += done.sum()
    assert n_ended > N_ENVS


def test_the_state_that_an_episode_ended_in_is_told(episode):
    n_invested = 0
    for step in episode:
        _, _, done, infos = step["told"]
        for i, info in enumerate(infos):
            assert ("terminal_observation" in info) == done[i]
            if done[i]:
                assert info["terminal_observation"] == pytest.approx(step["reached"][i], abs=1e-4)
                n_invested += info["terminal_observation"][0] < 1.0
    assert n_invested > 0


def test_only_a_truncated_episode_is_said_to_bootstrap(episode):
    told = {True: 0, False: 0}
    for step in episode:
        _, _, done, infos = step["told"]
        for i in np.flatnonzero(done):
            truncated = infos[i]["TimeLimit.truncated"]
            assert truncated == bool(step["transition"].truncated[0, i])
            assert truncated != bool(step["transition"].terminated[0, i])
            told[truncated] += 1
    assert min(told.values()) > 0


def test_a_population_is_refused():
    with pytest.raises(ValueError, match="one member"):
        MarketVecEnv(market_task([1, 2], n_envs=2, arrays=market_arrays(500)), SPACE)
