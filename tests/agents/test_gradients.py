"""What the optimiser is given equals the slope of the reported loss, by central differences.

Everything runs in float64, so that differences resolve the slope; both members are moved at once,
for neither's loss may depend on the other's weights.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.architecture import Architecture
from cappuccino_assets.agents.ddqn import DDQNAgent, DDQNBatch, DDQNConfig
from cappuccino_assets.agents.ppo import PPOAgent, PPOConfig
from cappuccino_assets.agents.ppo_batch import PPOBatch
from cappuccino_assets.agents.random import MemberRandom

SEEDS = [1, 2]
N_INPUTS, N_SYMBOLS, N_SAMPLES = 3, 2, 24
STEP = 1e-6
BETA_1 = 0.9  # Adam's first mean is (1 - beta_1) times the first gradient
FREE: dict[str, Any] = {"net_dimension": 4, "batch_size": N_SAMPLES, "max_grad_norm": 1e9}

Loss = Callable[[], Tensor]


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def _connected(architecture: Architecture) -> Tensor:
    """Mark the parameters that reach an output, shape (P,)."""
    marks = torch.ones(1, architecture.n_parameters)
    views = architecture.views(marks)
    views.output.mul_(architecture.connections(marks.device))
    views.output_bias[..., sum(architecture.heads) :] = 0.0
    return marks[0]


def _weights(architecture: Architecture, seed: int) -> Tensor:
    """Draw parameters of both members, none of them zero or near a bound, shape (M, P)."""
    draws = MemberRandom([seed, seed + 1]).normal(architecture.n_parameters).double()
    return 0.4 * draws * _connected(architecture)


def _given(agent: PPOAgent | DDQNAgent, values: Tensor, update: Loss) -> Tensor:
    """Read the gradient that one step from `values` was made of, shape (M, P)."""
    _restart(agent, values)
    update()
    return agent.state_dict()["mean"] / (1.0 - BETA_1)


def _slope(agent: PPOAgent | DDQNAgent, values: Tensor, update: Loss) -> Tensor:
    """Estimate the slope of the loss by central differences, shape (M, P)."""
    columns = []
    for column in range(values.shape[1]):
        ends = []
        for sign in (-1.0, 1.0):
            moved = values.clone()
            moved[:, column] += sign * STEP
            _restart(agent, moved)
            ends.append(update())
        columns.append((ends[1] - ends[0]) / (2.0 * STEP))
    return torch.stack(columns, dim=1)


def _restart(agent: PPOAgent | DDQNAgent, values: Tensor) -> None:
    state = agent.state_dict()
    fresh = {name: torch.zeros_like(state[name]) for name in ("mean", "square", "n_steps")}
    agent.load_state_dict({**state, **fresh, "values": values})


def _assert_slope(
    agent: PPOAgent | DDQNAgent, architecture: Architecture, values: Tensor, update: Loss
) -> None:
    connected = _connected(architecture)
    given = _given(agent, values, update)
    assert (given[:, connected == 0.0] == 0.0).all()
    slope = _slope(agent, values, update) * connected
    assert (slope.abs() > 1e-3).double().mean() > 0.2
    torch.testing.assert_close(given, slope, rtol=1e-6, atol=1e-8)


def _ppo_batch() -> PPOBatch:
    """Samples of another policy, far enough away that some ratios are clipped on either side."""
    random = MemberRandom([30, 31])
    return PPOBatch(
        observation=random.normal(N_SAMPLES, N_INPUTS).double(),
        latent_action=0.3 * random.normal(N_SAMPLES, N_SYMBOLS).double(),
        log_probability=1.0 + random.normal(N_SAMPLES).double(),
        advantage=random.normal(N_SAMPLES).double(),
        value_target=random.normal(N_SAMPLES).double(),
    )


@pytest.mark.parametrize("micro_batch", [N_SAMPLES, 7])
def test_ppo_descends_its_loss(micro_batch: int) -> None:
    weights = [(0.1, 0.02, 0.5), (0.3, 0.05, 1.5)]
    configs = [
        PPOConfig(
            clip_range=clip_range,
            entropy_coef=entropy_coef,
            value_loss_coef=value_loss_coef,
            ppo_epochs=1,
            kl_target=1e9,
            **FREE,
        )
        for clip_range, entropy_coef, value_loss_coef in weights
    ]
    space = ActionSpace(kind="continuous", n_symbols=N_SYMBOLS)
    agent = PPOAgent(
        configs,
        observation_size=N_INPUTS,
        action_space=space,
        random=MemberRandom(SEEDS),
        micro_batch=micro_batch,
    )
    architecture = Architecture(
        n_inputs=N_INPUTS, net_dimension=4, heads=(N_SYMBOLS, 1), n_free=N_SYMBOLS
    )
    values = _weights(architecture, 10)
    architecture.views(values).free.copy_(torch.tensor([[[-0.8, -0.3]], [[0.4, 0.1]]]))
    batch = _ppo_batch()
    _, by_entropy, by_value = torch.tensor(weights).unbind(1)

    def update() -> Tensor:
        told = agent.update(batch, progress=0.0, next_progress=0.0)
        return told["policy_loss"] + by_value * told["value_loss"] - by_entropy * told["entropy"]

    _assert_slope(agent, architecture, values, update)


@pytest.mark.parametrize("micro_batch", [N_SAMPLES, 7])
def test_ddqn_descends_its_loss(micro_batch: int) -> None:
    space = ActionSpace(kind="discrete", n_symbols=N_SYMBOLS)
    agent = DDQNAgent(
        [DDQNConfig(**FREE)] * 2,
        observation_size=N_INPUTS,
        action_space=space,
        random=MemberRandom(SEEDS),
        micro_batch=micro_batch,
    )
    architecture = Architecture(n_inputs=N_INPUTS, net_dimension=4, heads=(space.n_outputs,))
    agent.load_state_dict({**agent.state_dict(), "target": _weights(architecture, 20)})
    random = MemberRandom([30, 31])
    batch = DDQNBatch(
        random.normal(N_SAMPLES, N_INPUTS).double(),
        random.integers(space.n_outputs, N_SAMPLES),
        2.0 * random.normal(N_SAMPLES).double(),  # errors on both sides of Huber's bend
        random.normal(N_SAMPLES, N_INPUTS).double(),
        0.9 * (random.uniform(N_SAMPLES) < 0.8),
    )

    def update() -> Tensor:
        return agent.update(batch, progress=0.0)["value_loss"]

    _assert_slope(agent, architecture, _weights(architecture, 10), update)
