import pytest
import torch

from cappuccino_assets.agents.optimiser import Adam, rate_factor
from cappuccino_assets.agents.ppo import PPOConfig
from cappuccino_assets.agents.random import MemberRandom

CONFIGS = [
    PPOConfig(learning_rate=0.01, adam_epsilon=1e-7, max_grad_norm=0.5),
    PPOConfig(learning_rate=0.03, adam_epsilon=1e-3, max_grad_norm=5.0),
]


def _values() -> torch.Tensor:
    return MemberRandom([1, 2]).normal(12)


def _gradient(values: torch.Tensor) -> torch.Tensor:
    return 4 * (values.detach() - 1) ** 3


def test_each_member_moves_as_if_torchs_adam_had_it_alone() -> None:
    values = _values()
    adam = Adam(values, CONFIGS)
    singles = [_values()[m].clone().requires_grad_() for m in (0, 1)]
    oracles = [
        torch.optim.Adam([single], lr=config.learning_rate, eps=config.adam_epsilon)
        for single, config in zip(singles, CONFIGS, strict=True)
    ]
    for factor in (1.0, 1.0, 0.5):
        norms = adam.step(_gradient(values), [factor, factor])
        for m, (single, oracle) in enumerate(zip(singles, oracles, strict=True)):
            single.grad = _gradient(single)
            norm = torch.nn.utils.clip_grad_norm_([single], CONFIGS[m].max_grad_norm)
            torch.testing.assert_close(norms[m], norm)
            oracle.param_groups[0]["lr"] = CONFIGS[m].learning_rate * factor
            oracle.step()
    for m in (0, 1):
        torch.testing.assert_close(values[m], singles[m].detach(), rtol=1e-5, atol=1e-6)


def test_some_members_move_on_and_come_back() -> None:
    values, alone = _values(), _values()
    adam, oracle = Adam(values, CONFIGS), Adam(alone, CONFIGS)
    second = torch.tensor([1])
    part = adam.of(second)
    part.step(_gradient(part.values), [0.2, 1.0])
    adam.put(second, part)
    oracle.step(_gradient(alone), [1.0, 1.0])
    assert torch.equal(values[0], _values()[0])
    assert torch.equal(values[1], alone[1])
    assert adam.state_dict()["n_steps"][:, 0].tolist() == [0, 1]


def test_a_state_that_is_loaded_goes_on_as_before() -> None:
    first, second = Adam(_values(), CONFIGS), Adam(_values(), CONFIGS)
    first.step(_gradient(first.values), [1.0, 1.0])
    second.load_state_dict(first.state_dict())
    for adam in (first, second):
        adam.step(_gradient(adam.values), [1.0, 1.0])
    assert torch.equal(first.values, second.values)


def test_schedules_fall_from_one_to_the_factor() -> None:
    assert [rate_factor("linear", 0.2, p) for p in (0.0, 0.5, 1.0)] == [
        1.0,
        0.6,
        pytest.approx(0.2),
    ]
    assert [rate_factor("exponential", 0.25, p) for p in (0.0, 0.5, 1.0)] == [1.0, 0.5, 0.25]


def test_an_unknown_schedule_is_named() -> None:
    with pytest.raises(ValueError, match=r"linear, exponential.*cosine"):
        rate_factor("cosine", 0.2, 0.5)  # type: ignore[arg-type]
